//! Sealed keys in an SQLite file, in Notary's table `private_keys`.

mod rows;
mod schema;

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use libtrust::names::KeyId;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::row::sealed_row;
use super::table::{ENCRYPTION_ALG, KEYWRAP_ALG, NewKey, Purpose, SealedKeyStore, Table};
use super::{KeyStoreError, Passphrases, SealedRow};
use crate::seal::Iterations;

/// How long a statement waits for another process, or for a connection, before it fails.
const PATIENCE: Duration = Duration::from_secs(10);
/// One may read while the other waits for the disk; SQLite has one writer at a time anyway.
const CONNECTIONS: u32 = 2;

const SELECT_PENDING: &str = "SELECT key_id, algorithm, public, private, passphrase_alias, gun, role, \
     last_used IS NOT NULL AS used FROM private_keys \
     WHERE gun = ? AND role = ? AND algorithm = ? AND last_used IS NULL AND deleted_at IS NULL";
const SELECT_BY_ID: &str = "SELECT key_id, algorithm, public, private, passphrase_alias, gun, role, \
     last_used IS NOT NULL AS used FROM private_keys WHERE key_id = ? AND deleted_at IS NULL";
/// Gives the row that is there afterwards: the new one, or the one somebody else put there first.
const INSERT_PENDING: &str = "INSERT INTO private_keys (created_at, updated_at, key_id, encryption_alg, keywrap_alg, \
     algorithm, passphrase_alias, public, private, gun, role) \
     VALUES (strftime('%Y-%m-%d %H:%M:%f'), strftime('%Y-%m-%d %H:%M:%f'), ?, ?, ?, ?, ?, ?, ?, ?, ?) \
     ON CONFLICT (gun, role, algorithm) WHERE last_used IS NULL AND deleted_at IS NULL \
     DO UPDATE SET key_id = key_id \
     RETURNING key_id, algorithm, public, private, passphrase_alias, gun, role, last_used IS NOT NULL AS used";
const MARK_USED: &str = "UPDATE private_keys SET last_used = strftime('%Y-%m-%d %H:%M:%f'), \
     updated_at = strftime('%Y-%m-%d %H:%M:%f') WHERE key_id = ? AND last_used IS NULL AND deleted_at IS NULL";
const EXISTS: &str = "SELECT count(*) FROM private_keys WHERE key_id = ? AND deleted_at IS NULL";
const DELETE: &str = "UPDATE private_keys SET deleted_at = strftime('%Y-%m-%d %H:%M:%f'), \
     updated_at = strftime('%Y-%m-%d %H:%M:%f') WHERE key_id = ? AND deleted_at IS NULL";
const CHECK: &str = "SELECT count(*) FROM (SELECT key_id, private FROM private_keys LIMIT 1)";

/// Keeps sealed private keys in one SQLite file, readable by its owner alone. Several processes may share it.
pub type SqliteKeyStore = SealedKeyStore<SqliteTable>;

/// The table in a file.
#[derive(Clone)]
pub struct SqliteTable {
    pool: SqlitePool,
}

impl SealedKeyStore<SqliteTable> {
    /// Opens the file, making it (mode 0600) and its tables if they are not there. An existing file gets mode 0600.
    ///
    /// New keys are sealed with `iterations`; see [`Iterations`] for which number is right.
    ///
    /// # Errors
    /// If the file cannot be opened or made, is not a key database, or is of a newer release.
    pub async fn open(path: &Path, passphrases: Passphrases, iterations: Iterations) -> Result<Self, KeyStoreError> {
        // Before SQLite does, so that it never exists with other rights; the files SQLite puts beside it get the same.
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
        file.and_then(|file| file.set_permissions(Permissions::from_mode(0o600))).map_err(|error| {
            KeyStoreError::Database { action: "open its file", reason: format!("{}: {error}", path.display()) }
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(PATIENCE)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await
            .map_err(|error| schema::opening(path, &error))?;
        schema::prepare(&pool, path).await?;
        Ok(Self::over(SqliteTable { pool }, passphrases, iterations))
    }
}

#[async_trait]
impl Table for SqliteTable {
    async fn pending(&self, purpose: Purpose<'_>) -> Result<Option<SealedRow>, KeyStoreError> {
        let Purpose { gun, role, algorithm } = purpose;
        let query = sqlx::query(SELECT_PENDING).bind(gun.as_str()).bind(role.as_str()).bind(algorithm.as_str());
        let row = query.fetch_optional(&self.pool).await.map_err(failed_to("look for a pending key"))?;
        row.map(|row| sealed_row(&row)).transpose()
    }

    async fn store(&self, new: &NewKey<'_>) -> Result<Option<SealedRow>, KeyStoreError> {
        let Purpose { gun, role, algorithm } = new.purpose;
        let rows = sqlx::query(INSERT_PENDING)
            .bind(new.id.as_str())
            .bind(ENCRYPTION_ALG)
            .bind(KEYWRAP_ALG)
            .bind(algorithm.as_str())
            .bind(&new.seal.alias)
            .bind(&new.public.public)
            .bind(&new.seal.private)
            .bind(gun.as_str())
            .bind(role.as_str())
            .fetch_all(&self.pool) // To the end: the statement commits after its last row.
            .await
            .map_err(failed_to("store a key"))?;
        let row = rows.first().ok_or(sqlx::Error::RowNotFound).map_err(failed_to("store a key"))?;
        Ok(Some(sealed_row(row)?).filter(|row| row.record.id != new.id))
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<SealedRow>, KeyStoreError> {
        let row = sqlx::query(SELECT_BY_ID).bind(id.as_str()).fetch_optional(&self.pool).await;
        row.map_err(failed_to("read a key"))?.map(|row| sealed_row(&row)).transpose()
    }

    async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let action = "mark a key as used";
        let marked = sqlx::query(MARK_USED).bind(id.as_str()).execute(&self.pool).await.map_err(failed_to(action))?;
        if marked.rows_affected() > 0 {
            return Ok(true);
        }
        let there = sqlx::query_scalar::<_, i64>(EXISTS).bind(id.as_str()).fetch_one(&self.pool).await;
        Ok(there.map_err(failed_to(action))? > 0)
    }

    async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let deleted = sqlx::query(DELETE).bind(id.as_str()).execute(&self.pool).await;
        Ok(deleted.map_err(failed_to("delete a key"))?.rows_affected() > 0)
    }

    async fn check(&self) -> Result<(), KeyStoreError> {
        let read = sqlx::query_scalar::<_, i64>(CHECK).fetch_one(&self.pool).await;
        read.map(|_| ()).map_err(failed_to("read its tables"))
    }

    /// The last connection to go copies the log into the file.
    async fn close(&self) {
        self.pool.close().await;
    }
}

fn failed_to(action: &'static str) -> impl FnOnce(sqlx::Error) -> KeyStoreError {
    move |error| KeyStoreError::Database { action, reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    async fn store() -> (tempfile::TempDir, SqliteKeyStore) {
        let folder = tempfile::tempdir().unwrap();
        let passphrases = Passphrases::new("main", Zeroizing::new("secret".to_owned())).unwrap();
        let store = SqliteKeyStore::open(&folder.path().join("keys.db"), passphrases, Iterations::MIN).await.unwrap();
        (folder, store)
    }

    crate::keystore::contract::tests!(store);
}
