//! A store for each dialect, opened as a configuration says.

use std::sync::Arc;

use libtrust::dialect::Dialect;
use notary_server::config;
use notary_server::storage::Storage;
use notary_server::storage::measured::Measured;
use notary_server::storage::memory::Memory;
use notary_server::storage::mysql::MySql;
use notary_server::storage::postgres::Postgres;
use notary_server::storage::sql::schema::Prepare;
use notary_server::storage::sqlite::{Sqlite, SqliteOptions};
use notary_server::storage::tables::Tables;
use notary_server::telemetry::Metrics;

/// A store for each dialect, over one database.
pub struct Stores {
    /// Notary's collections.
    pub notary: Arc<dyn Storage>,
    /// TUF 1.0 repositories.
    pub tuf: Arc<dyn Storage>,
}

impl Stores {
    /// Both, with their dialects.
    pub fn each(&self) -> [(Dialect, &dyn Storage); 2] {
        [(Dialect::Notary, &*self.notary), (Dialect::Tuf, &*self.tuf)]
    }

    /// Finishes what was begun in both.
    pub async fn close(&self) {
        self.notary.close().await;
        self.tuf.close().await;
    }
}

/// Opens them.
pub async fn open(config: &config::Storage, metrics: &Metrics) -> anyhow::Result<Stores> {
    fn both<S: Storage>(notary: S, tuf: S, metrics: &Metrics) -> Stores {
        Stores {
            notary: Arc::new(Measured::new(notary, metrics.notary.clone())),
            tuf: Arc::new(Measured::new(tuf, metrics.tuf.clone())),
        }
    }
    let stores = match config {
        config::Storage::Memory => both(Memory::new(), Memory::new(), metrics),
        config::Storage::Sqlite { path } => {
            let store = Sqlite::open(path, &SqliteOptions::default()).await?;
            let tuf = store.on(Tables::Tuf);
            both(store, tuf, metrics)
        }
        config::Storage::Postgres(database) => {
            let store = Postgres::open(database.url()?, database.settings(), Prepare::when(database.migrate)).await?;
            let tuf = store.tuf();
            both(store, tuf, metrics)
        }
        config::Storage::MySql(database) => {
            let store = MySql::open(database.url()?, database.settings(), Prepare::when(database.migrate)).await?;
            let tuf = store.tuf();
            both(store, tuf, metrics)
        }
    };
    if stores.notary.is_shared_with_notary() {
        tracing::info!(
            "the database is shared with Notary: only files in its programs' own form are taken, until \
             `notary-server migrate --leave-notary`"
        );
    }
    Ok(stores)
}
