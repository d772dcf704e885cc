//! What can be set, and what is not up for choice.

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

/// Prepared statements the writer keeps: all of its own (`batch.rs` has three tables of 32 for each dialect).
const STATEMENTS: usize = 256;

/// Settings of a [`Sqlite`](super::Sqlite) store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// Connections that read, each with a thread; opened when first needed. Default 4, at least 1.
    pub readers: u32,
    /// Page cache of each connection, in KiB. Default 2048.
    pub cache_kib: u32,
    /// How long to wait for a lock another process holds, or for a reader to become free, before giving up.
    /// Default 5 s.
    pub busy_timeout: Duration,
    /// Publications that may wait for the writer before the next caller has to wait for a place. Bounds the memory
    /// they hold. Default 256, at least 1.
    pub queue: usize,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { readers: 4, cache_kib: 2048, busy_timeout: Duration::from_secs(5), queue: 256 }
    }
}

impl SqliteOptions {
    /// The one connection that writes. `synchronous=FULL`: in WAL mode, a commit returns when its log is on disk.
    /// Checkpoints are the writer's own business, after it has answered.
    pub(super) fn writer(&self, path: &Path) -> SqliteConnectOptions {
        self.connection(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENTS)
            .pragma("wal_autocheckpoint", "0")
            .pragma("journal_size_limit", "33554432")
            .thread_name(|_| "sqlite-writer".to_owned())
    }

    /// Connections that cannot write, whatever they are asked.
    pub(super) fn readers(&self, path: &Path) -> SqlitePool {
        let connection = self
            .connection(path)
            .read_only(true)
            .pragma("query_only", "ON")
            .thread_name(|id| format!("sqlite-read-{id}"));
        SqlitePoolOptions::new()
            .max_connections(self.readers.max(1))
            .acquire_timeout(self.busy_timeout)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(connection)
    }

    fn connection(&self, path: &Path) -> SqliteConnectOptions {
        SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(self.busy_timeout)
            .pragma("cache_size", format!("-{}", self.cache_kib))
            .disable_statement_logging()
    }
}
