//! What is read, and how. Every look-up names a GUN twice: as the column compares, which finds the index, and byte by
//! byte, because Notary's columns take names for equal that are not.

use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use notary_service::database::MySqlPool;

use crate::storage::sql::read::read;
use crate::storage::sql::{row, walk};
use crate::storage::tables::{Statement, Tables};
use crate::storage::{Change, ChangeCursor, ChangePage, Head, Sha256, StorageError, StoredFile, StoredVersion};

macro_rules! of_gun {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT CAST(id AS SIGNED), ",
            $columns,
            " WHERE gun = ? AND CAST(gun AS BINARY) = CAST(? AS BINARY) AND ",
            $rest
        )
    };
}

/// Rows from before Notary stored digests have none.
macro_rules! file {
    ($rest:literal) => {
        of_gun!("CAST(created_at AS DATETIME(6)), CAST(version AS SIGNED), coalesce(CONVERT(sha256 USING utf8mb4), CONVERT(sha2(data, 256) USING utf8mb4)), data FROM tuf_files", $rest)
    };
}

macro_rules! changes {
    ($rest:literal) => {
        concat!(
            "SELECT CAST(id AS SIGNED), CAST(created_at AS DATETIME(6)), CONVERT(gun USING utf8mb4), CAST(version AS SIGNED), sha256, category ",
            "FROM changefeed WHERE ",
            $rest
        )
    };
}

macro_rules! changes_of_gun {
    ($rest:literal) => {
        of_gun!(
            "CAST(created_at AS DATETIME(6)), CONVERT(gun USING utf8mb4), CAST(version AS SIGNED), sha256, category FROM changefeed",
            $rest
        )
    };
}

/// Which tables, in which database.
pub(super) type Place<'a> = (Tables, &'a MySqlPool);

pub(super) static NEWEST: Statement =
    Statement::new(file!("role = ? AND deleted_at IS NULL ORDER BY version DESC LIMIT 1"));
pub(super) static BY_CHECKSUM: Statement =
    Statement::new(file!("role = ? AND sha256 = ? AND deleted_at IS NULL LIMIT 1"));
pub(super) static BY_VERSION: Statement =
    Statement::new(file!("role = ? AND version = ? AND deleted_at IS NULL LIMIT 1"));

pub(super) static HEAD: Statement = Statement::new(of_gun!(
    "CAST(version AS SIGNED), coalesce(CONVERT(sha256 USING utf8mb4), CONVERT(sha2(data, 256) USING utf8mb4)) FROM tuf_files",
    "role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1"
));

pub(super) static VERSIONS: Statement = Statement::new(of_gun!(
    "CAST(created_at AS DATETIME(6)), CONVERT(role USING utf8mb4), CAST(version AS SIGNED), coalesce(CONVERT(sha256 USING utf8mb4), CONVERT(sha2(data, 256) USING utf8mb4)) FROM tuf_files",
    "deleted_at IS NULL"
));

pub(super) static CHANGES_AFTER: Statement = Statement::new(changes!("id > ? ORDER BY id LIMIT ?"));
pub(super) static CHANGES_BEFORE: Statement = Statement::new(changes!("id < ? ORDER BY id DESC LIMIT ?"));
pub(super) static GUN_CHANGES_AFTER: Statement = Statement::new(changes_of_gun!("id > ? ORDER BY id LIMIT ?"));
pub(super) static GUN_CHANGES_BEFORE: Statement = Statement::new(changes_of_gun!("id < ? ORDER BY id DESC LIMIT ?"));

/// A loose scan of the index: the cost is in the number of GUNs passed, not of files stored.
pub(super) static COLLECTIONS: Statement = Statement::new(
    "SELECT CONVERT(gun USING utf8mb4) FROM (SELECT DISTINCT gun FROM tuf_files WHERE gun > ? ORDER BY gun LIMIT ?) AS names \
     ORDER BY gun",
);

/// The same; says of each whether its newest timestamp is from before a time.
pub(super) static STALE: Statement = Statement::new(
    "SELECT CONVERT(gun USING utf8mb4), CAST(coalesce(? > (SELECT created_at FROM tuf_files \
         WHERE gun = names.gun AND role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1), 0) AS SIGNED) \
     FROM (SELECT DISTINCT gun FROM tuf_files WHERE gun > ? ORDER BY gun LIMIT ?) AS names ORDER BY gun",
);

static CHECK: Statement = Statement::new("SELECT id FROM tuf_files LIMIT 1");

pub(super) async fn newest(
    (tables, pool): Place<'_>,
    gun: &Gun,
    role: &RoleName,
) -> Result<Option<StoredFile>, StorageError> {
    let query = || sqlx::query_as(NEWEST.on(tables)).bind(gun.as_str()).bind(gun.as_str()).bind(role.as_str());
    read!(pool, "read the newest file", query().fetch_optional)?.map(|row| row::stored_file(tables, row)).transpose()
}

pub(super) async fn by_checksum(
    (tables, pool): Place<'_>,
    gun: &Gun,
    role: &RoleName,
    sha256: &Sha256,
) -> Result<Option<StoredFile>, StorageError> {
    let text = hex::encode(sha256);
    let query =
        || sqlx::query_as(BY_CHECKSUM.on(tables)).bind(gun.as_str()).bind(gun.as_str()).bind(role.as_str()).bind(&text);
    read!(pool, "read a file by checksum", query().fetch_optional)?.map(|row| row::stored_file(tables, row)).transpose()
}

pub(super) async fn by_version(
    (tables, pool): Place<'_>,
    gun: &Gun,
    role: &RoleName,
    version: Version,
) -> Result<Option<StoredFile>, StorageError> {
    let version = version.get().cast_signed();
    let query = || {
        sqlx::query_as(BY_VERSION.on(tables)).bind(gun.as_str()).bind(gun.as_str()).bind(role.as_str()).bind(version)
    };
    read!(pool, "read a file by version", query().fetch_optional)?.map(|row| row::stored_file(tables, row)).transpose()
}

pub(super) async fn head((tables, pool): Place<'_>, gun: &Gun) -> Result<Option<Head>, StorageError> {
    let query = || sqlx::query_as(HEAD.on(tables)).bind(gun.as_str()).bind(gun.as_str());
    read!(pool, "read the newest timestamp's digest", query().fetch_optional)?
        .map(|row| row::head(tables, row))
        .transpose()
}

pub(super) async fn versions(
    (tables, pool): Place<'_>,
    gun: &Gun,
) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
    let query = || sqlx::query_as(VERSIONS.on(tables)).bind(gun.as_str()).bind(gun.as_str());
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
        let query = sqlx::query_as(statement.on(tables));
        let query = match &page.gun {
            Some(gun) => query.bind(gun.as_str()).bind(gun.as_str()),
            None => query,
        };
        query.bind(cursor).bind(i64::from(page.limit))
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
        let query = || sqlx::query_as(STALE.on(tables)).bind(before).bind(&after).bind(i64::from(walk::STEP));
        let names: Vec<(String, i64)> = read!(pool, "find timestamps to renew", query().fetch_all)?;
        Ok(names.into_iter().map(|(name, is_stale)| (name, is_stale != 0)).collect())
    };
    walk::marked(after, limit, page).await
}

pub(super) async fn check((tables, pool): Place<'_>) -> Result<(), StorageError> {
    read!(pool, "read the table of files", sqlx::query(CHECK.on(tables)).fetch_optional).map(drop)
}
