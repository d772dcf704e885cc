//! The tables, and whether a file has them.

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection, SqlitePool};

use crate::keystore::KeyStoreError;

/// The version written by this release. Notary never shipped SQLite tables, so the count is our own.
const VERSION: i64 = 1;

/// Notary's columns and names (its MySQL migrations 1 and 2), and an index of ours that makes a second pending key
/// impossible. `schema_migrations` is golang-migrate's, with one row.
const TABLES: &str = "
CREATE TABLE private_keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TIMESTAMP NULL,
    updated_at TIMESTAMP NULL,
    deleted_at TIMESTAMP NULL,
    key_id VARCHAR(255) NOT NULL UNIQUE,
    encryption_alg VARCHAR(255) NOT NULL,
    keywrap_alg VARCHAR(255) NOT NULL,
    algorithm VARCHAR(50) NOT NULL,
    passphrase_alias VARCHAR(50) NOT NULL,
    public BLOB NOT NULL,
    private BLOB NOT NULL,
    gun VARCHAR(255) NOT NULL,
    role VARCHAR(255) NOT NULL,
    last_used TIMESTAMP NULL,
    UNIQUE (key_id, algorithm)
);
CREATE UNIQUE INDEX private_keys_pending ON private_keys (gun, role, algorithm)
    WHERE last_used IS NULL AND deleted_at IS NULL;
CREATE TABLE schema_migrations (version BIGINT NOT NULL PRIMARY KEY, dirty BOOLEAN NOT NULL);
INSERT INTO schema_migrations (version, dirty) VALUES (1, 0);
";
const COUNT_TABLES: &str = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'";

/// Makes the tables in an empty file; in any other, checks that they are of a version we know.
pub(super) async fn prepare(pool: &SqlitePool, path: &Path) -> Result<(), KeyStoreError> {
    let mut connection = pool.acquire().await.map_err(|error| opening(path, &error))?;
    // IMMEDIATE: of two processes that start on one empty file, the second waits and finds the tables.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| opening(path, &error))?;
    if count(&mut transaction, path).await? == 0 {
        sqlx::raw_sql(TABLES).execute(&mut *transaction).await.map_err(|error| opening(path, &error))?;
    }
    let found = version(&mut transaction, path).await?;
    transaction.commit().await.map_err(|error| opening(path, &error))?;
    match found {
        (version, true) => Err(KeyStoreError::SchemaDirty { version }),
        (version, _) if version > VERSION => Err(KeyStoreError::SchemaTooNew { found: version, known: VERSION }),
        (VERSION, _) => Ok(()),
        (version, _) => Err(not_ours(path, format!("schema_migrations names version {version}"))),
    }
}

/// What an error while opening a file means.
pub(super) fn opening(path: &Path, error: &sqlx::Error) -> KeyStoreError {
    const SQLITE_CORRUPT: &str = "11";
    const SQLITE_NOTADB: &str = "26";
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        Some(SQLITE_CORRUPT | SQLITE_NOTADB) => not_ours(path, error.to_string()),
        _ => KeyStoreError::Database { action: "open", reason: format!("{}: {error}", path.display()) },
    }
}

async fn count(connection: &mut SqliteConnection, path: &Path) -> Result<i64, KeyStoreError> {
    sqlx::query_scalar(COUNT_TABLES).fetch_one(connection).await.map_err(|error| opening(path, &error))
}

async fn version(connection: &mut SqliteConnection, path: &Path) -> Result<(i64, bool), KeyStoreError> {
    let rows: Vec<(i64, bool)> = sqlx::query_as("SELECT version, dirty FROM schema_migrations LIMIT 2")
        .fetch_all(connection)
        .await
        .map_err(|error| not_ours(path, error.to_string()))?;
    match rows.as_slice() {
        [row] => Ok(*row),
        _ => Err(not_ours(path, "schema_migrations does not have exactly one row".to_owned())),
    }
}

fn not_ours(path: &Path, reason: String) -> KeyStoreError {
    KeyStoreError::NotAKeyDatabase { path: path.display().to_string(), reason }
}
