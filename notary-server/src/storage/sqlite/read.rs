//! What is read, and how. Every statement uses an index for all it looks for; a test holds them to it.

use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::{backend, row, time};
use crate::storage::tables::{Statement, Tables};
use crate::storage::{Change, ChangeCursor, ChangePage, Head, Sha256, StorageError, StoredFile, StoredVersion};

/// Which tables, through which connections.
pub(super) type Place<'a> = (Tables, &'a SqlitePool);

static NEWEST: Statement = Statement::new(
    "SELECT id, created_at, version, sha256, data FROM tuf_files \
     WHERE gun = ?1 AND role = ?2 AND deleted_at IS NULL ORDER BY version DESC LIMIT 1",
);

static BY_CHECKSUM: Statement = Statement::new(
    "SELECT id, created_at, version, sha256, data FROM tuf_files \
     WHERE gun = ?1 AND role = ?2 AND sha256 = ?3 AND deleted_at IS NULL LIMIT 1",
);

static BY_VERSION: Statement = Statement::new(
    "SELECT id, created_at, version, sha256, data FROM tuf_files \
     WHERE gun = ?1 AND role = ?2 AND version = ?3 AND deleted_at IS NULL",
);

static CHANGES_AFTER: Statement = Statement::new(
    "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
     WHERE id > ?1 ORDER BY id LIMIT ?2",
);

static CHANGES_BEFORE: Statement = Statement::new(
    "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
     WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
);

static GUN_CHANGES_AFTER: Statement = Statement::new(
    "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
     WHERE gun = ?3 AND id > ?1 ORDER BY id LIMIT ?2",
);

static GUN_CHANGES_BEFORE: Statement = Statement::new(
    "SELECT id, created_at, gun, version, sha256, category FROM changefeed \
     WHERE gun = ?3 AND id < ?1 ORDER BY id DESC LIMIT ?2",
);

/// Steps from GUN to GUN through the index of timestamps, skipping all but the newest of each: the cost is in the
/// number of GUNs passed, not of timestamps stored.
static STALE: Statement = Statement::new(
    "WITH RECURSIVE walk (gun) AS ( \
         SELECT (SELECT min(gun) FROM tuf_files WHERE role = 'timestamp' AND deleted_at IS NULL AND gun > ?1) \
         UNION ALL \
         SELECT (SELECT min(gun) FROM tuf_files WHERE role = 'timestamp' AND deleted_at IS NULL AND gun > walk.gun) \
         FROM walk WHERE walk.gun IS NOT NULL) \
     SELECT walk.gun FROM walk WHERE walk.gun IS NOT NULL AND ?2 > \
         (SELECT created_at FROM tuf_files WHERE role = 'timestamp' AND deleted_at IS NULL AND gun = walk.gun \
          ORDER BY version DESC LIMIT 1) \
     LIMIT ?3",
);

static HEAD: Statement = Statement::new(
    "SELECT id, version, sha256 FROM tuf_files \
     WHERE gun = ?1 AND role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1",
);

/// Steps from GUN to GUN through the index of all files.
static COLLECTIONS: Statement = Statement::new(
    "WITH RECURSIVE walk (gun) AS ( \
         SELECT (SELECT min(gun) FROM tuf_files WHERE gun > ?1) \
         UNION ALL \
         SELECT (SELECT min(gun) FROM tuf_files WHERE gun > walk.gun) FROM walk WHERE walk.gun IS NOT NULL) \
     SELECT walk.gun FROM walk WHERE walk.gun IS NOT NULL LIMIT ?2",
);

static VERSIONS: Statement = Statement::new(
    "SELECT id, created_at, role, version, sha256 FROM tuf_files \
     WHERE gun = ?1 AND deleted_at IS NULL",
);

static CHECK: Statement = Statement::new("SELECT id FROM tuf_files LIMIT 1");

pub(super) async fn newest(
    (tables, readers): Place<'_>,
    gun: &Gun,
    role: &RoleName,
) -> Result<Option<StoredFile>, StorageError> {
    let found = sqlx::query(NEWEST.on(tables)).bind(gun.as_str()).bind(role.as_str()).fetch_optional(readers).await;
    one_file(tables, found, "read the newest file")
}

pub(super) async fn by_checksum(
    (tables, readers): Place<'_>,
    gun: &Gun,
    role: &RoleName,
    sha256: &Sha256,
) -> Result<Option<StoredFile>, StorageError> {
    let query = sqlx::query(BY_CHECKSUM.on(tables)).bind(gun.as_str()).bind(role.as_str()).bind(hex::encode(sha256));
    one_file(tables, query.fetch_optional(readers).await, "read a file by checksum")
}

pub(super) async fn by_version(
    (tables, readers): Place<'_>,
    gun: &Gun,
    role: &RoleName,
    version: Version,
) -> Result<Option<StoredFile>, StorageError> {
    let query =
        sqlx::query(BY_VERSION.on(tables)).bind(gun.as_str()).bind(role.as_str()).bind(version.get().cast_signed());
    one_file(tables, query.fetch_optional(readers).await, "read a file by version")
}

pub(super) async fn changes((tables, readers): Place<'_>, page: &ChangePage) -> Result<Vec<Change>, StorageError> {
    let (cursor, newest_first) = match page.from {
        ChangeCursor::After(id) => (id, false),
        ChangeCursor::Before(id) => (id, true),
        ChangeCursor::Newest => (i64::MAX, true),
    };
    let statement = match (&page.gun, newest_first) {
        (None, false) => &CHANGES_AFTER,
        (None, true) => &CHANGES_BEFORE,
        (Some(_), false) => &GUN_CHANGES_AFTER,
        (Some(_), true) => &GUN_CHANGES_BEFORE,
    };
    let mut query = sqlx::query(statement.on(tables)).bind(cursor).bind(i64::from(page.limit));
    if let Some(gun) = &page.gun {
        query = query.bind(gun.as_str());
    }
    let rows = query.fetch_all(readers).await.map_err(backend("read the change feed"))?;
    let mut changes = rows.iter().map(|row| row::change(tables, row)).collect::<Result<Vec<_>, _>>()?;
    if newest_first {
        changes.reverse();
    }
    Ok(changes)
}

pub(super) async fn stale_timestamps(
    (tables, readers): Place<'_>,
    stored_before: DateTime<Utc>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let query = sqlx::query_scalar::<_, String>(STALE.on(tables))
        .bind(after.unwrap_or_default())
        .bind(time::to_text(stored_before))
        .bind(i64::from(limit));
    query.fetch_all(readers).await.map_err(backend("find timestamps to renew"))
}

pub(super) async fn head((tables, readers): Place<'_>, gun: &Gun) -> Result<Option<Head>, StorageError> {
    let found = sqlx::query(HEAD.on(tables)).bind(gun.as_str()).fetch_optional(readers).await;
    found.map_err(backend("read the newest timestamp's digest"))?.as_ref().map(|row| row::head(tables, row)).transpose()
}

pub(super) async fn collections(
    (tables, readers): Place<'_>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let query = sqlx::query_scalar(COLLECTIONS.on(tables)).bind(after.unwrap_or_default()).bind(i64::from(limit));
    query.fetch_all(readers).await.map_err(backend("list collections"))
}

pub(super) async fn versions(
    (tables, readers): Place<'_>,
    gun: &Gun,
) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
    let found = sqlx::query(VERSIONS.on(tables)).bind(gun.as_str()).fetch_all(readers).await;
    Ok(found
        .map_err(backend("list a collection's versions"))?
        .iter()
        .map(|row| row::stored_version(tables, row))
        .collect())
}

pub(super) async fn check((tables, readers): Place<'_>) -> Result<(), StorageError> {
    sqlx::query(CHECK.on(tables)).fetch_optional(readers).await.map(drop).map_err(backend("read the table of files"))
}

fn one_file(
    tables: Tables,
    found: Result<Option<SqliteRow>, sqlx::Error>,
    action: &'static str,
) -> Result<Option<StoredFile>, StorageError> {
    found.map_err(backend(action))?.as_ref().map(|row| row::stored_file(tables, row)).transpose()
}

#[cfg(test)]
mod tests {
    use sqlx::Row;

    use super::super::{Sqlite, SqliteOptions};
    use super::*;

    async fn plan(store: &Sqlite, tables: Tables, statement: &'static Statement) -> String {
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {}", statement.on(tables)));
        let rows = sqlx::query(explain).fetch_all(&store.file.readers).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("; ")
    }

    #[tokio::test]
    async fn every_read_searches_an_index_for_all_it_looks_for() {
        let directory = tempfile::tempdir().unwrap();
        let store = Sqlite::open(&directory.path().join("trust.db"), &SqliteOptions::default()).await.unwrap();
        for (statement, expected) in [
            (&NEWEST, "SEARCH tuf_files USING INDEX sqlite_autoindex_tuf_files_1 (gun=? AND role=?)"),
            (&BY_CHECKSUM, "SEARCH tuf_files USING INDEX tuf_files_checksum_idx (gun=? AND role=? AND sha256=?)"),
            (&BY_VERSION, "SEARCH tuf_files USING INDEX sqlite_autoindex_tuf_files_1 (gun=? AND role=? AND version=?)"),
            (&CHANGES_AFTER, "SEARCH changefeed USING INTEGER PRIMARY KEY (rowid>?)"),
            (&CHANGES_BEFORE, "SEARCH changefeed USING INTEGER PRIMARY KEY (rowid<?)"),
            (&GUN_CHANGES_AFTER, "SEARCH changefeed USING INDEX idx_changefeed_gun (gun=? AND rowid>?)"),
            (&GUN_CHANGES_BEFORE, "SEARCH changefeed USING INDEX idx_changefeed_gun (gun=? AND rowid<?)"),
        ] {
            assert_eq!(plan(&store, Tables::Notary, statement).await, expected);
        }
        let walk = plan(&store, Tables::Notary, &STALE).await;
        assert!(!walk.contains("SCAN tuf_files") && !walk.contains("TEMP B-TREE"), "{walk}");
        assert_eq!(walk.matches("USING COVERING INDEX tuf_files_timestamp_idx (role=? AND gun").count(), 3, "{walk}");
    }
}
