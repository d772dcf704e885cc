//! Following what other processes write: polling for certainty, notifications for speed.
//!
//! Whoever writes to the feed holds a lock on its table, from before an id is drawn until its transaction ends. So the
//! locks tell whose entries may still become visible.

use async_trait::async_trait;
use notary_service::database::PostgresPool;

use crate::storage::StorageError;
use crate::storage::sql::follow::{Feed, Present};
use crate::storage::sql::read::read;
use crate::storage::tables::{Statement, Tables};

/// When the server was started, and the transactions that hold the lock inserting takes.
static PRESENT: Statement = Statement::new(
    "SELECT pg_postmaster_start_time()::text, array(SELECT DISTINCT virtualtransaction FROM pg_locks \
     WHERE locktype = 'relation' AND relation = 'changefeed'::regclass AND mode = 'RowExclusiveLock' AND granted \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
);

static HIGHEST: Statement = Statement::new("SELECT coalesce(max(id), 0)::bigint FROM changefeed");

static ENTRIES: Statement =
    Statement::new("SELECT id::bigint, gun::text FROM changefeed WHERE id > $1 ORDER BY id LIMIT $2");

/// See the module.
pub(super) struct PostgresFeed {
    pub(super) pool: PostgresPool,
    pub(super) tables: Tables,
}

#[async_trait]
impl Feed for PostgresFeed {
    /// A virtual transaction id: a session's number and a count of its own, never used again while the server runs.
    type Writer = String;

    async fn present(&self) -> Result<Present<String>, StorageError> {
        let query = || sqlx::query_as(PRESENT.on(self.tables));
        let (server, writers): (String, Vec<String>) =
            read!(self.pool, "see who writes to the change feed", query().fetch_one)?;
        Ok(Present { writers: writers.into_iter().collect(), server })
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
