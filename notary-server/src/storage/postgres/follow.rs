//! Following what other processes write: polling for certainty, notifications for speed.
//!
//! Whoever writes to the feed holds a lock on its table, from before an id is drawn until its transaction ends. So the
//! locks tell whose entries may still become visible.

use async_trait::async_trait;
use notary_service::database::PostgresPool;

use crate::storage::StorageError;
use crate::storage::sql::follow::{Feed, Present};
use crate::storage::sql::read::read;

/// When the server was started, and the transactions that hold the lock inserting takes.
const PRESENT: &str = "SELECT pg_postmaster_start_time()::text, array(SELECT DISTINCT virtualtransaction FROM pg_locks \
     WHERE locktype = 'relation' AND relation = 'changefeed'::regclass AND mode = 'RowExclusiveLock' AND granted \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";

const HIGHEST: &str = "SELECT coalesce(max(id), 0)::bigint FROM changefeed";

const ENTRIES: &str = "SELECT id::bigint, gun::text FROM changefeed WHERE id > $1 ORDER BY id LIMIT $2";

/// See the module.
pub(super) struct PostgresFeed(pub(super) PostgresPool);

#[async_trait]
impl Feed for PostgresFeed {
    /// A virtual transaction id: a session's number and a count of its own, never used again while the server runs.
    type Writer = String;

    async fn present(&self) -> Result<Present<String>, StorageError> {
        let query = || sqlx::query_as(PRESENT);
        let (server, writers): (String, Vec<String>) =
            read!(self.0, "see who writes to the change feed", query().fetch_one)?;
        Ok(Present { writers: writers.into_iter().collect(), server })
    }

    async fn highest(&self) -> Result<i64, StorageError> {
        let query = || sqlx::query_scalar(HIGHEST);
        read!(self.0, "find the end of the change feed", query().fetch_one)
    }

    async fn entries(&self, above: i64, limit: i64) -> Result<Vec<(i64, String)>, StorageError> {
        let query = || sqlx::query_as(ENTRIES).bind(above).bind(limit);
        read!(self.0, "follow the change feed", query().fetch_all)
    }
}
