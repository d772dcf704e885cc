//! From rows to our types. A row that makes no sense is named: table, key and column.

use chrono::{DateTime, NaiveDateTime, Utc};
use libtrust::metadata::Version;
use ring::digest;

use crate::storage::tables::Tables;
use crate::storage::{Change, ChangeKind, Head, Sha256, StorageError, StoredFile, StoredVersion};

/// A row of files: id, created_at, version, sha256, data.
pub(crate) type FileRow = (i64, Option<NaiveDateTime>, i64, String, Vec<u8>);
/// A row of files: id, version, sha256.
pub(crate) type HeadRow = (i64, i64, String);
/// A row of files: id, created_at, role, version, sha256.
pub(crate) type VersionRow = (i64, Option<NaiveDateTime>, String, i64, String);
/// A row of the feed: id, created_at, gun, version, sha256, category.
pub(crate) type ChangeRow = (i64, Option<NaiveDateTime>, String, i64, Option<String>, String);

/// Where a value is from.
#[derive(Clone, Copy)]
struct Place {
    table: &'static str,
    row: i64,
}

impl Place {
    const fn file(tables: Tables, row: i64) -> Self {
        Self { table: tables.files(), row }
    }

    fn corrupt(self, column: &'static str, fault: String) -> StorageError {
        StorageError::Corrupt { table: self.table, row: self.row, column, fault }
    }

    fn version(self, number: i64) -> Result<Version, StorageError> {
        let version = u64::try_from(number).ok().and_then(|number| Version::try_from(number).ok());
        version.ok_or_else(|| self.corrupt("version", format!("is {number}, not from 1 to 2^53")))
    }

    fn sha256(self, text: &str) -> Result<Sha256, StorageError> {
        let mut digest = Sha256::default();
        // A column of fixed width pads what is shorter.
        hex::decode_to_slice(text.trim_end_matches(' '), &mut digest)
            .map_err(|error| self.corrupt("sha256", format!("is not 64 hex digits: {error}")))?;
        Ok(digest)
    }

    fn time(self, time: Option<NaiveDateTime>) -> Result<DateTime<Utc>, StorageError> {
        time.map(|time| time.and_utc()).ok_or_else(|| self.corrupt("created_at", "is null, not a time".to_owned()))
    }
}

/// The digest is checked, so that a damaged file is an error here and not at a client.
pub(crate) fn stored_file(
    tables: Tables,
    (id, created_at, version, sha256, data): FileRow,
) -> Result<StoredFile, StorageError> {
    let place = Place::file(tables, id);
    let (version, sha256, stored_at) = (place.version(version)?, place.sha256(&sha256)?, place.time(created_at)?);
    if digest::digest(&digest::SHA256, &data).as_ref() != sha256 {
        return Err(place.corrupt("sha256", "is not the digest of data".to_owned()));
    }
    Ok(StoredFile { version, bytes: data.into(), sha256, stored_at })
}

pub(crate) fn head(tables: Tables, (id, version, sha256): HeadRow) -> Result<Head, StorageError> {
    let place = Place::file(tables, id);
    Ok(Head { version: place.version(version)?, sha256: place.sha256(&sha256)? })
}

pub(crate) fn stored_version(
    tables: Tables,
    (id, created_at, role, version, sha256): VersionRow,
) -> Result<StoredVersion, StorageError> {
    let place = Place::file(tables, id);
    let role = tables.role(&role).map_err(|error| place.corrupt("role", format!("{role:?} is no role: {error}")))?;
    Ok(StoredVersion {
        role,
        version: place.version(version)?,
        sha256: place.sha256(&sha256)?,
        stored_at: place.time(created_at)?,
    })
}

pub(crate) fn change(
    tables: Tables,
    (id, created_at, gun, version, sha256, category): ChangeRow,
) -> Result<Change, StorageError> {
    let place = Place { table: tables.changes(), row: id };
    let kind = match category.as_str() {
        "update" => {
            let sha256 = sha256.ok_or_else(|| place.corrupt("sha256", "is null".to_owned()))?;
            let sha256 = hex::encode(place.sha256(&sha256)?);
            ChangeKind::Update { version: place.version(version)?.get(), sha256 }
        }
        "deletion" => ChangeKind::Deletion,
        other => return Err(place.corrupt("category", format!("{other:?} is neither update nor deletion"))),
    };
    Ok(Change { id, created_at: place.time(created_at)?, gun, kind })
}
