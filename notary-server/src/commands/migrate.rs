//! `migrate`: makes the tables, adopts Notary's, brings them up to this release, leaves Notary.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use notary_server::config::{Config, PREFIX, Storage};
use notary_server::storage::sql::schema::SERVER;
use notary_service::config::{Database, environment};
use notary_service::database::schema::{Order, migrate};
use notary_service::database::{MySqlPool, PostgresPool};

/// Runs the command; data on standard output.
pub async fn run(config: Option<&Path>, dry_run: bool, leave_notary: bool) -> anyhow::Result<()> {
    let Some(file) = config else { bail!("migrate needs a file: --config FILE") };
    let config = Config::load(file, &environment(PREFIX))?;
    let order = Order { dry_run, leave_notary };
    let report = match &config.storage {
        Storage::Postgres(database) => {
            migrate(&PostgresPool::new(database.url()?, database.settings()), SERVER, order).await
        }
        Storage::MySql(database) => migrate(&MySqlPool::new(database.url()?, database.settings()), SERVER, order).await,
        Storage::Memory | Storage::Sqlite { .. } => {
            bail!("nothing to migrate: only postgres and mysql have tables that are made beforehand")
        }
    };
    let report = report.with_context(|| format!("cannot migrate {}", place(&config.storage)))?;
    std::io::stdout().lock().write_all(report.as_bytes())?;
    Ok(())
}

fn place(storage: &Storage) -> String {
    let url = |database: &Database| database.url().map(|url| url.to_string());
    match storage {
        Storage::Postgres(database) | Storage::MySql(database) => url(database).unwrap_or_default(),
        Storage::Memory | Storage::Sqlite { .. } => String::new(),
    }
}
