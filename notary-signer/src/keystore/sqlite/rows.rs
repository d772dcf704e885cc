//! Maintenance of the rows.

use std::time::Duration;

use async_trait::async_trait;
use libtrust::names::KeyId;

use super::{SqliteTable, failed_to};
use crate::keystore::row::row_at;
use crate::keystore::{KeyStoreError, RowAt, Seal, SealedRow, SealedRows};

const WALK: &str = "SELECT id AS position, key_id, algorithm, public, private, passphrase_alias, gun, role, \
     last_used IS NOT NULL AS used FROM private_keys WHERE id > ? AND deleted_at IS NULL ORDER BY id LIMIT ?";
/// The form of a token is text in rows by some writers and bytes in others, and SQLite tells them apart.
const REPLACE: &str = "UPDATE private_keys SET private = ?, passphrase_alias = ?, \
     updated_at = strftime('%Y-%m-%d %H:%M:%f') \
     WHERE key_id = ? AND CAST(private AS BLOB) = ? AND passphrase_alias = ? AND deleted_at IS NULL";

const UNCHANGED: &str = "SELECT count(*) FROM private_keys WHERE key_id = ? AND deleted_at IS NULL \
     AND max(created_at, coalesce(updated_at, created_at), coalesce(last_used, created_at)) \
         < strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ? || ' seconds')";
const DELETE_UNCHANGED: &str = "UPDATE private_keys SET deleted_at = strftime('%Y-%m-%d %H:%M:%f'), \
     updated_at = strftime('%Y-%m-%d %H:%M:%f') WHERE key_id = ? AND deleted_at IS NULL \
     AND max(created_at, coalesce(updated_at, created_at), coalesce(last_used, created_at)) \
         < strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ? || ' seconds')";

#[async_trait]
impl SealedRows for SqliteTable {
    async fn rows(&self, after: Option<i64>, limit: u32) -> Result<Vec<RowAt>, KeyStoreError> {
        let walk = sqlx::query(WALK).bind(after.unwrap_or(i64::MIN)).bind(limit);
        let rows = walk.fetch_all(&self.pool).await.map_err(failed_to("read the keys"))?;
        rows.iter().map(|row| row_at("read the keys", row)).collect()
    }

    async fn replace(&self, old: &SealedRow, new: &Seal) -> Result<bool, KeyStoreError> {
        let replaced = sqlx::query(REPLACE)
            .bind(&new.private)
            .bind(&new.alias)
            .bind(old.record.id.as_str())
            .bind(&old.seal.private)
            .bind(&old.seal.alias)
            .execute(&self.pool)
            .await;
        Ok(replaced.map_err(failed_to("replace a seal"))?.rows_affected() > 0)
    }

    async fn is_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError> {
        let query = sqlx::query_scalar::<_, i64>(UNCHANGED).bind(id.as_str()).bind(age.as_secs().cast_signed());
        Ok(query.fetch_one(&self.pool).await.map_err(failed_to("look at a key"))? > 0)
    }

    async fn delete_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError> {
        let query = sqlx::query(DELETE_UNCHANGED).bind(id.as_str()).bind(age.as_secs().cast_signed());
        Ok(query.execute(&self.pool).await.map_err(failed_to("delete a key"))?.rows_affected() > 0)
    }
}
