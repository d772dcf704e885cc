//! What is read, and how. Every look-up names a GUN twice: as the column compares, which finds the index, and byte by
//! byte, because Notary's columns take names for equal that are not.

use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use notary_service::database::MySqlPool;

use crate::storage::sql::read::read;
use crate::storage::sql::{row, walk};
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

pub(super) const NEWEST: &str = file!("role = ? AND deleted_at IS NULL ORDER BY version DESC LIMIT 1");
pub(super) const BY_CHECKSUM: &str = file!("role = ? AND sha256 = ? AND deleted_at IS NULL LIMIT 1");
pub(super) const BY_VERSION: &str = file!("role = ? AND version = ? AND deleted_at IS NULL LIMIT 1");

pub(super) const HEAD: &str = of_gun!(
    "CAST(version AS SIGNED), coalesce(CONVERT(sha256 USING utf8mb4), CONVERT(sha2(data, 256) USING utf8mb4)) FROM tuf_files",
    "role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1"
);

pub(super) const VERSIONS: &str = of_gun!(
    "CAST(created_at AS DATETIME(6)), CONVERT(role USING utf8mb4), CAST(version AS SIGNED), coalesce(CONVERT(sha256 USING utf8mb4), CONVERT(sha2(data, 256) USING utf8mb4)) FROM tuf_files",
    "deleted_at IS NULL"
);

pub(super) const CHANGES_AFTER: &str = changes!("id > ? ORDER BY id LIMIT ?");
pub(super) const CHANGES_BEFORE: &str = changes!("id < ? ORDER BY id DESC LIMIT ?");
pub(super) const GUN_CHANGES_AFTER: &str = changes_of_gun!("id > ? ORDER BY id LIMIT ?");
pub(super) const GUN_CHANGES_BEFORE: &str = changes_of_gun!("id < ? ORDER BY id DESC LIMIT ?");

/// A loose scan of the index: the cost is in the number of GUNs passed, not of files stored.
pub(super) const COLLECTIONS: &str = "SELECT CONVERT(gun USING utf8mb4) FROM (SELECT DISTINCT gun FROM tuf_files WHERE gun > ? ORDER BY gun LIMIT ?) AS names \
     ORDER BY gun";

/// The same; says of each whether its newest timestamp is from before a time.
pub(super) const STALE: &str = "SELECT CONVERT(gun USING utf8mb4), CAST(coalesce(? > (SELECT created_at FROM tuf_files \
         WHERE gun = names.gun AND role = 'timestamp' AND deleted_at IS NULL ORDER BY version DESC LIMIT 1), 0) AS SIGNED) \
     FROM (SELECT DISTINCT gun FROM tuf_files WHERE gun > ? ORDER BY gun LIMIT ?) AS names ORDER BY gun";

const CHECK: &str = "SELECT id FROM tuf_files LIMIT 1";

pub(super) async fn newest(pool: &MySqlPool, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError> {
    let query = || sqlx::query_as(NEWEST).bind(gun.as_str()).bind(gun.as_str()).bind(role.as_str());
    read!(pool, "read the newest file", query().fetch_optional)?.map(row::stored_file).transpose()
}

pub(super) async fn by_checksum(
    pool: &MySqlPool,
    gun: &Gun,
    role: &RoleName,
    sha256: &Sha256,
) -> Result<Option<StoredFile>, StorageError> {
    let text = hex::encode(sha256);
    let query = || sqlx::query_as(BY_CHECKSUM).bind(gun.as_str()).bind(gun.as_str()).bind(role.as_str()).bind(&text);
    read!(pool, "read a file by checksum", query().fetch_optional)?.map(row::stored_file).transpose()
}

pub(super) async fn by_version(
    pool: &MySqlPool,
    gun: &Gun,
    role: &RoleName,
    version: Version,
) -> Result<Option<StoredFile>, StorageError> {
    let version = version.get().cast_signed();
    let query = || sqlx::query_as(BY_VERSION).bind(gun.as_str()).bind(gun.as_str()).bind(role.as_str()).bind(version);
    read!(pool, "read a file by version", query().fetch_optional)?.map(row::stored_file).transpose()
}

pub(super) async fn head(pool: &MySqlPool, gun: &Gun) -> Result<Option<Head>, StorageError> {
    let query = || sqlx::query_as(HEAD).bind(gun.as_str()).bind(gun.as_str());
    read!(pool, "read the newest timestamp's digest", query().fetch_optional)?.map(row::head).transpose()
}

pub(super) async fn versions(
    pool: &MySqlPool,
    gun: &Gun,
) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
    let query = || sqlx::query_as(VERSIONS).bind(gun.as_str()).bind(gun.as_str());
    let found = read!(pool, "list a collection's versions", query().fetch_all)?;
    Ok(found.into_iter().map(row::stored_version).collect())
}

pub(super) async fn changes(pool: &MySqlPool, page: &ChangePage) -> Result<Vec<Change>, StorageError> {
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
    let query = || {
        let query = sqlx::query_as(statement);
        let query = match &page.gun {
            Some(gun) => query.bind(gun.as_str()).bind(gun.as_str()),
            None => query,
        };
        query.bind(cursor).bind(i64::from(page.limit))
    };
    let rows = read!(pool, "read the change feed", query().fetch_all)?;
    let mut changes = rows.into_iter().map(row::change).collect::<Result<Vec<_>, _>>()?;
    if newest_first {
        changes.reverse();
    }
    Ok(changes)
}

pub(super) async fn collections(
    pool: &MySqlPool,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let page = |after: String| async move {
        let query = || sqlx::query_scalar(COLLECTIONS).bind(&after).bind(i64::from(walk::STEP));
        let names: Vec<String> = read!(pool, "list collections", query().fetch_all)?;
        Ok(names.into_iter().map(|name| (name, true)).collect())
    };
    walk::marked(after, limit, page).await
}

pub(super) async fn stale_timestamps(
    pool: &MySqlPool,
    stored_before: DateTime<Utc>,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<String>, StorageError> {
    let before = stored_before.naive_utc();
    let page = |after: String| async move {
        let query = || sqlx::query_as(STALE).bind(before).bind(&after).bind(i64::from(walk::STEP));
        let names: Vec<(String, i64)> = read!(pool, "find timestamps to renew", query().fetch_all)?;
        Ok(names.into_iter().map(|(name, is_stale)| (name, is_stale != 0)).collect())
    };
    walk::marked(after, limit, page).await
}

pub(super) async fn check(pool: &MySqlPool) -> Result<(), StorageError> {
    read!(pool, "read table tuf_files", sqlx::query(CHECK).fetch_optional).map(drop)
}
