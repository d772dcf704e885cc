//! Maintenance of the rows.

use std::time::Duration;

use async_trait::async_trait;
use libtrust::names::KeyId;

use super::MySqlTable;
use crate::keystore::retry::statement;
use crate::keystore::row::row_at;
use crate::keystore::{KeyStoreError, RowAt, Seal, SealedRow, SealedRows};

const WALK: &str = "SELECT CAST(id AS SIGNED) AS position, key_id, algorithm, public, private, passphrase_alias, gun, role, \
     last_used IS NOT NULL AS used FROM private_keys WHERE id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?";
const REPLACE: &str = "UPDATE private_keys SET private = ?, passphrase_alias = ?, \
     updated_at = FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP())) \
     WHERE key_id = ? AND CAST(key_id AS BINARY) = CAST(? AS BINARY) AND private = ? \
     AND CAST(passphrase_alias AS BINARY) = CAST(? AS BINARY) AND deleted_at IS NULL";

const UNCHANGED: &str = "SELECT 1 AS there FROM private_keys \
     WHERE key_id = ? AND CAST(key_id AS BINARY) = CAST(? AS BINARY) AND deleted_at IS NULL \
     AND GREATEST(created_at, coalesce(updated_at, created_at), coalesce(last_used, created_at)) \
         < UTC_TIMESTAMP() - INTERVAL ? SECOND";
const DELETE_UNCHANGED: &str = "UPDATE private_keys SET deleted_at = FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP())), \
     updated_at = FROM_UNIXTIME(UNIX_TIMESTAMP(UTC_TIMESTAMP())) \
     WHERE key_id = ? AND CAST(key_id AS BINARY) = CAST(? AS BINARY) AND deleted_at IS NULL \
     AND GREATEST(created_at, coalesce(updated_at, created_at), coalesce(last_used, created_at)) \
         < UTC_TIMESTAMP() - INTERVAL ? SECOND";

#[async_trait]
impl SealedRows for MySqlTable {
    async fn rows(&self, after: Option<i64>, limit: u32) -> Result<Vec<RowAt>, KeyStoreError> {
        let query = || sqlx::query(WALK).bind(after.unwrap_or(i64::MIN)).bind(i64::from(limit));
        let rows = statement!(self.pool, "read the keys", query().fetch_all)?;
        rows.iter().map(|row| row_at("read the keys", row)).collect()
    }

    async fn replace(&self, old: &SealedRow, new: &Seal) -> Result<bool, KeyStoreError> {
        let query = || {
            let query = sqlx::query(REPLACE).bind(&new.private).bind(&new.alias);
            query
                .bind(old.record.id.as_str())
                .bind(old.record.id.as_str())
                .bind(&old.seal.private)
                .bind(&old.seal.alias)
        };
        Ok(statement!(self.pool, "replace a seal", query().execute)?.rows_affected() > 0)
    }

    async fn is_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError> {
        let query = || sqlx::query(UNCHANGED).bind(id.as_str()).bind(id.as_str()).bind(age.as_secs().cast_signed());
        Ok(statement!(self.pool, "look at a key", query().fetch_optional)?.is_some())
    }

    async fn delete_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError> {
        let query =
            || sqlx::query(DELETE_UNCHANGED).bind(id.as_str()).bind(id.as_str()).bind(age.as_secs().cast_signed());
        Ok(statement!(self.pool, "delete a key", query().execute)?.rows_affected() > 0)
    }
}
