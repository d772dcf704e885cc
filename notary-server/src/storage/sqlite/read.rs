//! What is read, and how. Every statement uses an index for all it looks for; a test holds them to it.

use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::{backend, row, time};
use crate::storage::{Change, ChangeCursor, ChangePage, Head, Sha256, StorageError, StoredFile, StoredVersion};

const NEWEST: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
     WHERE gun = ?1 AND role = ?2 AND deleted_at IS NULL ORDER BY version DESC LIMIT 1";

const BY_CHECKSUM: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
     WHERE gun = ?1 AND role = ?2 AND sha256 = ?3 AND deleted_at IS NULL LIMIT 1";

const BY_VERSION: &str = "SELECT id, created_at, version, sha256, data FROM tuf_files \
     WHERE gun = ?1 AND role = ?2 AND version = ?3 AND deleted_at IS NULL";

const CHANGES_AFTER: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
     WHERE id > ?1 ORDER BY id LIMIT ?2";

const CHANGES_BEFORE: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
     WHERE id < ?1 ORDER BY id DESC LIMIT ?2";

const GUN_CHANGES_AFTER: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
     WHERE gun = ?3 AND id > ?1 ORDER BY id LIMIT ?2";

const GUN_CHANGES_BEFORE: &str = "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
     WHERE gun = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2";

/// Steps from GUN to GUN through the index of timestamps, skipping all but the newest of each: the cost is in the
/// number of GUNs passed, not of timestamps stored.
const STALE: &str = "WITH RECURSIVE walk (gun) AS ( \
         SELECT (SELECT min(gun) FROM tuf_files WHERE role = 'timestamp' AND deleted_at IS NULL AND gun > ?1) \
         UNION ALL \
         SELECT (SELECT min(gun) FROM tuf_files WHERE role = 'timestamp' AND deleted_at IS NULL AND gun > walk.gun) \
         FROM walk WHERE walk.gun IS NOT NULL) \
     SELECT walk.gun FROM walk WHERE walk.gun IS NOT NULL AND ?2 > \
         (SELECT created_at FROM tuf_files WHERE role = 'timestamp' AND deleted_at IS NULL AND gun = walk.gun \
          ORDER BY version DESC LIMIT 1) \
     LIMIT ?3";

const HEAD: &str = "SELECT id, version, sha256 FROM tuf_files \
     WHERE gun = ?1 AND role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1";

/// Steps from GUN to GUN through the index of all files.
const COLLECTIONS: &str = "WITH RECURSIVE walk (gun) AS ( \
         SELECT (SELECT min(gun) FROM tuf_files WHERE gun > ?1) \
         UNION ALL \
         SELECT (SELECT min(gun) FROM tuf_files WHERE gun > walk.gun) FROM walk WHERE walk.gun IS NOT NULL) \
     SELECT walk.gun FROM walk WHERE walk.gun IS NOT NULL LIMIT ?2";

const VERSIONS: &str = "SELECT id, created_at, role, version, sha256 FROM tuf_files \
     WHERE gun = ?1 AND deleted_at IS NULL";

const CHECK: &str = "SELECT id FROM tuf_files LIMIT 1";

pub(super) async fn newest(
    readers: &SqlitePool,
    gun: &Gun,
    role: &RoleName,
) -> Result<Option<StoredFile>, StorageError> {
    let found = sqlx::query(NEWEST).bind(gun.as_str()).bind(role.as_str()).fetch_optional(readers).await;
    one_file(found, "read the newest file")
}

pub(super) async fn by_checksum(
    readers: &SqlitePool,
    gun: &Gun,
    role: &RoleName,
    sha256: &Sha256,
) -> Result<Option<StoredFile>, StorageError> {
    let query = sqlx::query(BY_CHECKSUM).bind(gun.as_str()).bind(role.as_str()).bind(hex::encode(sha256));
    one_file(query.fetch_optional(readers).await, "read a file by checksum")
}

pub(super) async fn by_version(
    readers: &SqlitePool,
    gun: &Gun,
    role: &RoleName,
    version: Version,
) -> Result<Option<StoredFile>, StorageError> {
    let query = sqlx::query(BY_VERSION).bind(gun.as_str()).bind(role.as_str()).bind(version.get().cast_signed());
    one_file(query.fetch_optional(readers).await, "read a file by version")
}

pub(super) async fn changes(readers: &SqlitePool, page: &ChangePage) -> Result<Vec<Change>, StorageError> {
    let (cursor, newest_first) = match page.from {
        ChangeCursor::After(id) => (id, false),
        ChangeCursor::Before(id) => (id, true),
        ChangeCursor::Newest => (i64::MAX, true),
    };
    let statement = match (&page.gun, newest_first) {
        (None, false) => CHANGES_AFTER,
        (None, true) => CHANGES_BEFORE,
        (Some(_), false) => GUN_CHANGES_AFTER,
        (Some(_), true) => GUN_CHANGES_BEFORE,
    };
    let mut query = sqlx::query(statement).bind(cursor).bind(i64::from(page.limit));
    if let Some(gun) = &page.gun {
        query = query.bind(gun.as_str());
    }
    let rows = query.fetch_all(readers).await.map_err(backend("read the change feed"))?;
    let mut changes = rows.iter().map(row::change).collect::<Result<Vec<_>, _>>()?;
    if newest_first {
        changes.reverse();
    }
    Ok(changes)
}

pub(super) async fn stale_timestamps(
    readers: &SqlitePool,
    stored_before: DateTime<Utc>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let query = sqlx::query_scalar::<_, String>(STALE)
        .bind(after.unwrap_or_default())
        .bind(time::to_text(stored_before))
        .bind(i64::from(limit));
    query.fetch_all(readers).await.map_err(backend("find timestamps to renew"))
}

pub(super) async fn head(readers: &SqlitePool, gun: &Gun) -> Result<Option<Head>, StorageError> {
    let found = sqlx::query(HEAD).bind(gun.as_str()).fetch_optional(readers).await;
    found.map_err(backend("read the newest timestamp's digest"))?.as_ref().map(row::head).transpose()
}

pub(super) async fn collections(
    readers: &SqlitePool,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let query = sqlx::query_scalar(COLLECTIONS).bind(after.unwrap_or_default()).bind(i64::from(limit));
    query.fetch_all(readers).await.map_err(backend("list collections"))
}

pub(super) async fn versions(
    readers: &SqlitePool,
    gun: &Gun,
) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
    let found = sqlx::query(VERSIONS).bind(gun.as_str()).fetch_all(readers).await;
    Ok(found.map_err(backend("list a collection's versions"))?.iter().map(row::stored_version).collect())
}

pub(super) async fn check(readers: &SqlitePool) -> Result<(), StorageError> {
    sqlx::query(CHECK).fetch_optional(readers).await.map(drop).map_err(backend("read table tuf_files"))
}

fn one_file(
    found: Result<Option<SqliteRow>, sqlx::Error>,
    action: &'static str,
) -> Result<Option<StoredFile>, StorageError> {
    found.map_err(backend(action))?.as_ref().map(row::stored_file).transpose()
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::super::{Sqlite, SqliteOptions};
    use super::*;

    async fn plan(store: &Sqlite, statement: &'static str) -> String {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let rows = sqlx::query(explain).fetch_all(&store.readers).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn every_read_searches_an_index_for_all_it_looks_for() {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&directory.path().join("trust.db"), &SqliteOptions::default()).await.unwrap();
        for (statement, expected) in [
            (NEWEST, "SEARCH tuf_files USING INDEX sqlite_autoindex_tuf_files_1 (gun=? AND role=?)"),
            (BY_CHECKSUM, "SEARCH tuf_files USING INDEX tuf_files_checksum_idx (gun=? AND role=? AND sha256=?)"),
            (BY_VERSION, "SEARCH tuf_files USING INDEX sqlite_autoindex_tuf_files_1 (gun=? AND role=? AND version=?)"),
            (CHANGES_AFTER, "SEARCH changefeed USING INTEGER PRIMARY KEY (rowid>?)"),
            (CHANGES_BEFORE, "SEARCH changefeed USING INTEGER PRIMARY KEY (rowid<?)"),
            (GUN_CHANGES_AFTER, "SEARCH changefeed USING INDEX idx_changefeed_gun (gun=? AND rowid>?)"),
            (GUN_CHANGES_BEFORE, "SEARCH changefeed USING INDEX idx_changefeed_gun (gun=? AND rowid<?)"),
        ] {
            assert_eq!(plan(&store, statement).await, expected);
        }
        let walk = plan(&store, STALE).await;
        assert!(!walk.contains("SCAN tuf_files") && !walk.contains("TEMP B-TREE"), "{walk}");
        assert_eq!(walk.matches("USING COVERING INDEX tuf_files_timestamp_idx (role=? AND gun").count(), 3, "{walk}");
    }
}
