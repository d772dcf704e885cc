//! Maintenance of the rows.

use std::time::Duration;

use async_trait::async_trait;
use libtrust::names::KeyId;

use super::PostgresTable;
use crate::keystore::retry::statement;
use crate::keystore::row::row_at;
use crate::keystore::{KeyStoreError, RowAt, Seal, SealedRow, SealedRows};

const WALK: &str = "SELECT id::bigint AS position, key_id, algorithm, public, private, passphrase_alias, gun, role, \
     last_used IS NOT NULL AS used FROM private_keys WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2";
const REPLACE: &str = "UPDATE private_keys SET private = $1, passphrase_alias = $2, \
     updated_at = now() AT TIME ZONE 'UTC' \
     WHERE key_id = $3 AND private = $4 AND passphrase_alias = $5 AND deleted_at IS NULL";

const UNCHANGED: &str = "SELECT 1 AS there FROM private_keys WHERE key_id = $1 AND deleted_at IS NULL \
     AND greatest(created_at, updated_at, last_used) < now() AT TIME ZONE 'UTC' - $2::bigint * interval '1 second'";
const DELETE_UNCHANGED: &str = "UPDATE private_keys SET deleted_at = now() AT TIME ZONE 'UTC', \
     updated_at = now() AT TIME ZONE 'UTC' WHERE key_id = $1 AND deleted_at IS NULL \
     AND greatest(created_at, updated_at, last_used) < now() AT TIME ZONE 'UTC' - $2::bigint * interval '1 second'";

#[async_trait]
impl SealedRows for PostgresTable {
    async fn rows(&self, after: Option<i64>, limit: u32) -> Result<Vec<RowAt>, KeyStoreError> {
        let query = || sqlx::query(WALK).bind(after.unwrap_or(i64::MIN)).bind(i64::from(limit));
        let rows = statement!(self.pool, "read the keys", query().fetch_all)?;
        rows.iter().map(|row| row_at("read the keys", row)).collect()
    }

    async fn replace(&self, old: &SealedRow, new: &Seal) -> Result<bool, KeyStoreError> {
        let query = || {
            let query = sqlx::query(REPLACE).bind(&new.private).bind(&new.alias);
            query.bind(old.record.id.as_str()).bind(&old.seal.private).bind(&old.seal.alias)
        };
        Ok(statement!(self.pool, "replace a seal", query().execute)?.rows_affected() > 0)
    }

    async fn is_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError> {
        let query = || sqlx::query(UNCHANGED).bind(id.as_str()).bind(age.as_secs().cast_signed());
        Ok(statement!(self.pool, "look at a key", query().fetch_optional)?.is_some())
    }

    async fn delete_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError> {
        let query = || sqlx::query(DELETE_UNCHANGED).bind(id.as_str()).bind(age.as_secs().cast_signed());
        Ok(statement!(self.pool, "delete a key", query().execute)?.rows_affected() > 0)
    }
}
