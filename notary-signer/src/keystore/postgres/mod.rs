//! Sealed keys in PostgreSQL, in a table of our own or in Notary's.

mod rows;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use libtrust::names::KeyId;
use notary_service::database::schema::{Prepare, prepare};
use notary_service::database::{Failure, PostgresPool, Settings, Url};
use sqlx::Postgres;
use sqlx::postgres::{PgArguments, PgRow};
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
     WHERE gun = $1 AND role = $2 AND algorithm = $3 AND last_used IS NULL AND deleted_at IS NULL \
     ORDER BY key_id COLLATE \"C\" LIMIT 1";
const BY_ID: &str = "SELECT key_id, algorithm, public, private, passphrase_alias, gun, role, \
     last_used IS NOT NULL AS used FROM private_keys WHERE key_id = $1 AND deleted_at IS NULL";
/// Other makers of a key for this purpose wait from here on.
const GUARD: &str = "INSERT INTO trust_pending_keys (id, writes) VALUES ($1, 1) \
     ON CONFLICT (id) DO UPDATE SET writes = trust_pending_keys.writes + 1";
const INSERT: &str = "INSERT INTO private_keys (created_at, updated_at, key_id, encryption_alg, keywrap_alg, \
     algorithm, passphrase_alias, public, private, gun, role) \
     VALUES (now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', $1, $2, $3, $4, $5, $6, $7, $8, $9)";
const MARK_USED: &str = "UPDATE private_keys SET last_used = now() AT TIME ZONE 'UTC', \
     updated_at = now() AT TIME ZONE 'UTC' WHERE key_id = $1 AND last_used IS NULL AND deleted_at IS NULL";
const EXISTS: &str = "SELECT 1 AS there FROM private_keys WHERE key_id = $1 AND deleted_at IS NULL";
const DELETE: &str = "UPDATE private_keys SET deleted_at = now() AT TIME ZONE 'UTC', \
     updated_at = now() AT TIME ZONE 'UTC' WHERE key_id = $1 AND deleted_at IS NULL";
const CHECK: &str = "SELECT key_id, private FROM private_keys LIMIT 1";

/// Keeps sealed private keys in PostgreSQL. Any number of signers may share the database, also Notary's.
pub type PostgresKeyStore = SealedKeyStore<PostgresTable>;

/// The table in a database.
#[derive(Clone)]
pub struct PostgresTable {
    pool: PostgresPool,
}

impl SealedKeyStore<PostgresTable> {
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
        let pool = PostgresPool::new(url, settings);
        prepare(&pool, SIGNER, at_open).await?;
        Ok(Self::over(PostgresTable { pool }, passphrases, iterations))
    }
}

impl PostgresTable {
    /// One transaction: waits for its turn, looks, and stores if there is nothing.
    async fn store_once(&self, new: &NewKey<'_>) -> Result<Option<PgRow>, Failure> {
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

fn pending(purpose: Purpose<'_>) -> Query<'_, Postgres, PgArguments> {
    let Purpose { gun, role, algorithm } = purpose;
    sqlx::query(PENDING).bind(gun.as_str()).bind(role.as_str()).bind(algorithm.as_str())
}

fn insert<'q>(new: &'q NewKey<'_>) -> Query<'q, Postgres, PgArguments> {
    let Purpose { gun, role, algorithm } = new.purpose;
    let query = sqlx::query(INSERT).bind(new.id.as_str()).bind(ENCRYPTION_ALG).bind(KEYWRAP_ALG);
    let query = query.bind(algorithm.as_str()).bind(&new.seal.alias).bind(&new.public.public);
    query.bind(&new.seal.private).bind(gun.as_str()).bind(role.as_str())
}

#[async_trait]
impl Table for PostgresTable {
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
        let query = || sqlx::query(BY_ID).bind(id.as_str());
        let row = statement!(self.pool, "read a key", query().fetch_optional)?;
        row.map(|row| sealed_row(&row)).transpose()
    }

    async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let query = || sqlx::query(MARK_USED).bind(id.as_str());
        if statement!(self.pool, "mark a key as used", query().execute)?.rows_affected() > 0 {
            return Ok(true);
        }
        let query = || sqlx::query(EXISTS).bind(id.as_str());
        Ok(statement!(self.pool, "mark a key as used", query().fetch_optional)?.is_some())
    }

    async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let query = || sqlx::query(DELETE).bind(id.as_str());
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
