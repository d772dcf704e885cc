//! Sealed keys in MySQL or MariaDB, also as a Galera cluster, in a table of our own or in Notary's.
//!
//! Every look-up names what it looks for twice: as the column compares, which finds the index, and byte by byte, because
//! Notary's columns take names for equal that are not.

mod rows;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use libtrust::names::KeyId;
use notary_service::database::schema::{Prepare, prepare};
use notary_service::database::{Failure, MySqlPool, Settings, Url};
use sqlx::MySql;
use sqlx::mysql::{MySqlArguments, MySqlRow};
use sqlx::query::Query;

use super::retry::{again, statement};
use super::row::sealed_row;
use super::schema::SIGNER;
use super::table::{ENCRYPTION_ALG, KEYWRAP_ALG, NewKey, Purpose, SealedKeyStore, Table};
use super::{KeyStoreError, Passphrases, SealedRow};
use crate::seal::Iterations;

/// The pending key with the lowest id, as Notary's signer chooses, which may have made several.
const PENDING: &str = "SELECT key_id, algorithm, public, private, passphrase_alias, gun, role, \
     last_used IS NOT NULL AS used FROM private_keys \
     WHERE gun = ? AND CAST(gun AS BINARY) = CAST(? AS BINARY) AND role = ? AND algorithm = ? \
     AND last_used IS NULL AND deleted_at IS NULL ORDER BY key_id LIMIT 1";
const BY_ID: &str = "SELECT key_id, algorithm, public, private, passphrase_alias, gun, role, \
     last_used IS NOT NULL AS used FROM private_keys \
     WHERE key_id = ? AND CAST(key_id AS BINARY) = CAST(? AS BINARY) AND deleted_at IS NULL";
/// Other makers of a key for this purpose wait from here on. It is really written, not only locked: locks of a Galera
/// node are its own, and what the cluster compares are writes.
const GUARD: &str =
    "INSERT INTO trust_pending_keys (id, writes) VALUES (?, 1) ON DUPLICATE KEY UPDATE writes = writes + 1";
/// Notary's columns take a time in UTC for one of the server's zone, and refuse the hour in which its clocks are put forward:
/// `FROM_UNIXTIME(UNIX_TIMESTAMP(time))` makes of it the end of that hour, and nothing of any other.
const INSERT: &str = "INSERT INTO private_keys (created_at, updated_at, key_id, encryption_alg, keywrap_alg, \
     algorithm, passphrase_alias, public, private, gun, role) \
     VALUES (FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP())), FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP())), ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const MARK_USED: &str = "UPDATE private_keys SET last_used = UTC_TIMESTAMP(), \
     updated_at = FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP())) \
     WHERE key_id = ? AND CAST(key_id AS BINARY) = CAST(? AS BINARY) AND last_used IS NULL AND deleted_at IS NULL";
const EXISTS: &str = "SELECT 1 AS there FROM private_keys \
     WHERE key_id = ? AND CAST(key_id AS BINARY) = CAST(? AS BINARY) AND deleted_at IS NULL";
const DELETE: &str = "UPDATE private_keys SET deleted_at = FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP())), \
     updated_at = FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP())) \
     WHERE key_id = ? AND CAST(key_id AS BINARY) = CAST(? AS BINARY) AND deleted_at IS NULL";
const CHECK: &str = "SELECT key_id, private FROM private_keys LIMIT 1";

/// Keeps sealed private keys in MySQL or MariaDB. Any number of signers may share the database, also Notary's.
pub type MySqlKeyStore = SealedKeyStore<MySqlTable>;

/// The table in a database.
#[derive(Clone)]
pub struct MySqlTable {
    pool: MySqlPool,
}

impl SealedKeyStore<MySqlTable> {
    /// Opens the database, with its tables made or adopted first if `at_open` says so.
    ///
    /// New keys are sealed with `iterations`; see [`Iterations`] for which number is right.
    ///
    /// # Errors
    /// If it cannot be reached, or its tables cannot be used.
    pub async fn open(
        url: Url,
        settings: Settings,
        at_open: Prepare,
        passphrases: Passphrases,
        iterations: Iterations,
    ) -> Result<Self, KeyStoreError> {
        let pool = MySqlPool::new(url, settings);
        prepare(&pool, SIGNER, at_open).await?;
        Ok(Self::over(MySqlTable { pool }, passphrases, iterations))
    }
}

impl MySqlTable {
    /// One transaction: waits for its turn, looks, and stores if there is nothing.
    async fn store_once(&self, new: &NewKey<'_>) -> Result<Option<MySqlRow>, Failure> {
        let mut connection = self.pool.acquire().await?;
        let limit = connection.limit();
        let mut transaction = limit.run(sqlx::Connection::begin(&mut *connection)).await?;
        limit.run(sqlx::query(GUARD).bind(new.purpose.guard()).execute(&mut *transaction)).await?;
        let other = limit.run(pending(new.purpose).fetch_optional(&mut *transaction)).await?;
        if other.is_none() {
            limit.run(insert(new).execute(&mut *transaction)).await?;
            limit.run(transaction.commit()).await?;
        } else {
            limit.run(transaction.rollback()).await?;
        }
        connection.release();
        Ok(other)
    }
}

fn pending(purpose: Purpose<'_>) -> Query<'_, MySql, MySqlArguments> {
    let Purpose { gun, role, algorithm } = purpose;
    sqlx::query(PENDING).bind(gun.as_str()).bind(gun.as_str()).bind(role.as_str()).bind(algorithm.as_str())
}

fn insert<'q>(new: &'q NewKey<'_>) -> Query<'q, MySql, MySqlArguments> {
    let Purpose { gun, role, algorithm } = new.purpose;
    let query = sqlx::query(INSERT).bind(new.id.as_str()).bind(ENCRYPTION_ALG).bind(KEYWRAP_ALG);
    let query = query.bind(algorithm.as_str()).bind(&new.seal.alias).bind(&new.public.public);
    query.bind(&new.seal.private).bind(gun.as_str()).bind(role.as_str())
}

#[async_trait]
impl Table for MySqlTable {
    async fn pending(&self, purpose: Purpose<'_>) -> Result<Option<SealedRow>, KeyStoreError> {
        let query = || pending(purpose);
        let row = statement!(self.pool, "look for a pending key", query().fetch_optional)?;
        row.map(|row| sealed_row(&row)).transpose()
    }

    async fn store(&self, new: &NewKey<'_>) -> Result<Option<SealedRow>, KeyStoreError> {
        let other = again("store a key", || self.store_once(new)).await?;
        other.map(|row| sealed_row(&row)).transpose()
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<SealedRow>, KeyStoreError> {
        let query = || sqlx::query(BY_ID).bind(id.as_str()).bind(id.as_str());
        let row = statement!(self.pool, "read a key", query().fetch_optional)?;
        row.map(|row| sealed_row(&row)).transpose()
    }

    async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let query = || sqlx::query(MARK_USED).bind(id.as_str()).bind(id.as_str());
        if statement!(self.pool, "mark a key as used", query().execute)?.rows_affected() > 0 {
            return Ok(true);
        }
        let query = || sqlx::query(EXISTS).bind(id.as_str()).bind(id.as_str());
        Ok(statement!(self.pool, "mark a key as used", query().fetch_optional)?.is_some())
    }

    async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let query = || sqlx::query(DELETE).bind(id.as_str()).bind(id.as_str());
        Ok(statement!(self.pool, "delete a key", query().execute)?.rows_affected() > 0)
    }

    async fn check(&self) -> Result<(), KeyStoreError> {
        let query = || sqlx::query(CHECK);
        statement!(self.pool, "read its tables", query().fetch_optional).map(drop)
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}
