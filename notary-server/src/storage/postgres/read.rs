//! What is read, and how. Every statement uses an index for all it looks for; a test holds them to it.

use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use notary_service::database::PostgresPool;

use crate::storage::sql::read::read;
use crate::storage::sql::{row, walk};
use crate::storage::tables::{Statement, Tables};
use crate::storage::{Change, ChangeCursor, ChangePage, Head, Sha256, StorageError, StoredFile, StoredVersion};

/// Rows from before Notary stored digests have none.
macro_rules! file {
    ($rest:literal) => {
        concat!(
            "SELECT id::bigint, created_at, version::bigint, coalesce(sha256::text, encode(sha256(data), 'hex')), data ",
            "FROM tuf_files WHERE gun = $1 AND role = $2 AND ",
            $rest
        )
    };
}

macro_rules! changes {
    ($rest:literal) => {
        concat!(
            "SELECT id::bigint, created_at, gun::text, version::bigint, sha256::text, category::text ",
            "FROM changefeed WHERE ",
            $rest
        )
    };
}

/// Which tables, in which database.
pub(super) type Place<'a> = (Tables, &'a PostgresPool);

pub(super) static NEWEST: Statement = Statement::new(file!("deleted_at IS NULL ORDER BY version DESC LIMIT 1"));

// Compared as the column's own type: as text it would find no index.
pub(super) static BY_CHECKSUM: Statement = Statement::new(file!("sha256 = $3::bpchar AND deleted_at IS NULL LIMIT 1"));

pub(super) static BY_VERSION: Statement = Statement::new(file!("version = $3 AND deleted_at IS NULL"));

pub(super) static HEAD: Statement = Statement::new(
    "SELECT id::bigint, version::bigint, coalesce(sha256::text, encode(sha256(data), 'hex')) FROM tuf_files \
     WHERE gun = $1 AND role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1",
);

pub(super) static VERSIONS: Statement = Statement::new(
    "SELECT id::bigint, created_at, role::text, version::bigint, \
         coalesce(sha256::text, encode(sha256(data), 'hex')) \
     FROM tuf_files WHERE gun = $1 AND deleted_at IS NULL",
);

pub(super) static CHANGES_AFTER: Statement = Statement::new(changes!("id > $1 ORDER BY id LIMIT $2"));
pub(super) static CHANGES_BEFORE: Statement = Statement::new(changes!("id < $1 ORDER BY id DESC LIMIT $2"));
pub(super) static GUN_CHANGES_AFTER: Statement = Statement::new(changes!("gun = $3 AND id > $1 ORDER BY id LIMIT $2"));
pub(super) static GUN_CHANGES_BEFORE: Statement =
    Statement::new(changes!("gun = $3 AND id < $1 ORDER BY id DESC LIMIT $2"));

/// Steps from GUN to GUN through the index: the cost is in the number of GUNs passed, not of files stored.
pub(super) static COLLECTIONS: Statement = Statement::new(
    "WITH RECURSIVE walk (gun, place) AS ( \
         (SELECT gun, 1::bigint FROM tuf_files WHERE gun > $1 ORDER BY gun LIMIT 1) \
         UNION ALL \
         SELECT (SELECT gun FROM tuf_files WHERE gun > walk.gun ORDER BY gun LIMIT 1), place + 1 \
         FROM walk WHERE walk.gun IS NOT NULL AND place < $2) \
     SELECT gun::text FROM walk WHERE gun IS NOT NULL",
);

/// The same steps; says of each whether its newest timestamp is from before a time.
pub(super) static STALE: Statement = Statement::new(
    "WITH RECURSIVE walk (gun, place) AS ( \
         (SELECT gun, 1::bigint FROM tuf_files WHERE gun > $1 ORDER BY gun LIMIT 1) \
         UNION ALL \
         SELECT (SELECT gun FROM tuf_files WHERE gun > walk.gun ORDER BY gun LIMIT 1), place + 1 \
         FROM walk WHERE walk.gun IS NOT NULL AND place < $2) \
     SELECT gun::text, coalesce($3 > (SELECT created_at FROM tuf_files \
         WHERE gun = walk.gun AND role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1), false) \
     FROM walk WHERE gun IS NOT NULL",
);

static CHECK: Statement = Statement::new("SELECT id::bigint FROM tuf_files LIMIT 1");

pub(super) async fn newest(
    (tables, pool): Place<'_>,
    gun: &Gun,
    role: &RoleName,
) -> Result<Option<StoredFile>, StorageError> {
    let query = || sqlx::query_as(NEWEST.on(tables)).bind(gun.as_str()).bind(role.as_str());
    read!(pool, "read the newest file", query().fetch_optional)?.map(|row| row::stored_file(tables, row)).transpose()
}

pub(super) async fn by_checksum(
    (tables, pool): Place<'_>,
    gun: &Gun,
    role: &RoleName,
    sha256: &Sha256,
) -> Result<Option<StoredFile>, StorageError> {
    let query =
        || sqlx::query_as(BY_CHECKSUM.on(tables)).bind(gun.as_str()).bind(role.as_str()).bind(hex::encode(sha256));
    read!(pool, "read a file by checksum", query().fetch_optional)?.map(|row| row::stored_file(tables, row)).transpose()
}

pub(super) async fn by_version(
    (tables, pool): Place<'_>,
    gun: &Gun,
    role: &RoleName,
    version: Version,
) -> Result<Option<StoredFile>, StorageError> {
    let version = version.get().cast_signed();
    let query = || sqlx::query_as(BY_VERSION.on(tables)).bind(gun.as_str()).bind(role.as_str()).bind(version);
    read!(pool, "read a file by version", query().fetch_optional)?.map(|row| row::stored_file(tables, row)).transpose()
}

pub(super) async fn head((tables, pool): Place<'_>, gun: &Gun) -> Result<Option<Head>, StorageError> {
    let query = || sqlx::query_as(HEAD.on(tables)).bind(gun.as_str());
    read!(pool, "read the newest timestamp's digest", query().fetch_optional)?
        .map(|row| row::head(tables, row))
        .transpose()
}

pub(super) async fn versions(
    (tables, pool): Place<'_>,
    gun: &Gun,
) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
    let query = || sqlx::query_as(VERSIONS.on(tables)).bind(gun.as_str());
    let found = read!(pool, "list a collection's versions", query().fetch_all)?;
    Ok(found.into_iter().map(|row| row::stored_version(tables, row)).collect())
}

pub(super) async fn changes((tables, pool): Place<'_>, page: &ChangePage) -> Result<Vec<Change>, StorageError> {
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
    let query = || {
        let query = sqlx::query_as(statement.on(tables)).bind(cursor).bind(i64::from(page.limit));
        if let Some(gun) = &page.gun { query.bind(gun.as_str()) } else { query }
    };
    let rows = read!(pool, "read the change feed", query().fetch_all)?;
    let mut changes = rows.into_iter().map(|row| row::change(tables, row)).collect::<Result<Vec<_>, _>>()?;
    if newest_first {
        changes.reverse();
    }
    Ok(changes)
}

pub(super) async fn collections(
    (tables, pool): Place<'_>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let page = |after: String| async move {
        let query = || sqlx::query_scalar(COLLECTIONS.on(tables)).bind(&after).bind(i64::from(walk::STEP));
        let names: Vec<String> = read!(pool, "list collections", query().fetch_all)?;
        Ok(names.into_iter().map(|name| (name, true)).collect())
    };
    walk::marked(after, limit, page).await
}

pub(super) async fn stale_timestamps(
    (tables, pool): Place<'_>,
    stored_before: DateTime<Utc>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let before = stored_before.naive_utc();
    let page = |after: String| async move {
        let query = || sqlx::query_as(STALE.on(tables)).bind(&after).bind(i64::from(walk::STEP)).bind(before);
        read!(pool, "find timestamps to renew", query().fetch_all)
    };
    walk::marked(after, limit, page).await
}

pub(super) async fn check((tables, pool): Place<'_>) -> Result<(), StorageError> {
    read!(pool, "read the table of files", sqlx::query(CHECK.on(tables)).fetch_optional).map(drop)
}
