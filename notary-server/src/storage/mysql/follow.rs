//! Following what other processes write, by polling.
//!
//! Nothing tells whose entries may still become visible: locks are not for everybody to see, and a Galera node knows
//! only its own. So time decides: a transaction that drew an id is given [`MOST`] to end. Entries of that long are read
//! again each time and told once.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use notary_service::database::MySqlPool;

use crate::storage::StorageError;
use crate::storage::sql::follow::{Feed, Present};
use crate::storage::sql::read::read;
use crate::storage::tables::{Statement, Tables};

/// A transaction lives no longer than this after it drew an id: two statements and a commit, each at its limit.
const MOST: Duration = Duration::from_secs(40);

const SERVER: &str = "SELECT concat(@@hostname, ':', @@port)";

static HIGHEST: Statement = Statement::new("SELECT CAST(coalesce(max(id), 0) AS SIGNED) FROM changefeed");

static ENTRIES: Statement = Statement::new(
    "SELECT CAST(id AS SIGNED), CONVERT(gun USING utf8mb4) FROM changefeed WHERE id > ? ORDER BY id LIMIT ?",
);

/// See the module.
pub(super) struct MySqlFeed {
    pool: MySqlPool,
    tables: Tables,
    begun: Instant,
}

impl MySqlFeed {
    pub(super) fn new(pool: MySqlPool, tables: Tables) -> Self {
        Self { pool, tables, begun: Instant::now() }
    }
}

#[async_trait]
impl Feed for MySqlFeed {
    /// All transactions that drew an id in one second.
    type Writer = u64;

    /// As many as may have been drawn lately and not be visible yet.
    const REREAD: i64 = 4_000;

    async fn present(&self) -> Result<Present<u64>, StorageError> {
        let query = || sqlx::query_scalar(SERVER);
        let server = read!(self.pool, "see where the change feed is", query().fetch_one)?;
        let now = self.begun.elapsed().as_secs();
        Ok(Present { writers: (now.saturating_sub(MOST.as_secs())..=now).collect(), server })
    }

    async fn highest(&self) -> Result<i64, StorageError> {
        let query = || sqlx::query_scalar(HIGHEST.on(self.tables));
        read!(self.pool, "find the end of the change feed", query().fetch_one)
    }

    async fn entries(&self, above: i64, limit: i64) -> Result<Vec<(i64, String)>, StorageError> {
        let query = || sqlx::query_as(ENTRIES.on(self.tables)).bind(above).bind(limit);
        read!(self.pool, "follow the change feed", query().fetch_all)
    }
}
