//! From rows to our types. A row that makes no sense is named: table, key and column.

use libtrust::metadata::Version;
use ring::digest;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Row, Sqlite, Type};

use super::time;
use crate::storage::tables::Tables;
use crate::storage::{Change, ChangeKind, Head, Sha256, StorageError, StoredFile, StoredVersion};

/// A row and where it is from. The query must list `id`.
pub(super) struct Located<'r> {
    table: &'static str,
    id: i64,
    row: &'r SqliteRow,
}

impl<'r> Located<'r> {
    pub(super) fn new(table: &'static str, row: &'r SqliteRow) -> Result<Self, StorageError> {
        match row.try_get("id") {
            Ok(id) => Ok(Self { table, id, row }),
            Err(error) => Err(StorageError::Corrupt { table, row: 0, column: "id", fault: error.to_string() }),
        }
    }

    pub(super) fn text(&self, column: &'static str) -> Result<&'r str, StorageError> {
        self.column(column)
    }

    /// The column `version` as a version of a file.
    pub(super) fn version(&self) -> Result<Version, StorageError> {
        let number: i64 = self.column("version")?;
        let version = u64::try_from(number).ok().and_then(|number| Version::try_from(number).ok());
        version.ok_or_else(|| self.corrupt("version", format!("is {number}, not from 1 to 2^53")))
    }

    fn column<T: Decode<'r, Sqlite> + Type<Sqlite>>(&self, column: &'static str) -> Result<T, StorageError> {
        self.row.try_get(column).map_err(|error| self.corrupt(column, format!("cannot be read: {error}")))
    }

    pub(super) fn sha256(&self) -> Result<Sha256, StorageError> {
        let mut digest = Sha256::default();
        let text = self.text("sha256")?;
        hex::decode_to_slice(text, &mut digest)
            .map_err(|error| self.corrupt("sha256", format!("is not 64 hex digits: {error}")))?;
        Ok(digest)
    }

    fn created_at(&self) -> Result<chrono::DateTime<chrono::Utc>, StorageError> {
        let text = self.text("created_at")?;
        time::from_text(text).map_err(|error| self.corrupt("created_at", format!("{text:?} is not a time: {error}")))
    }

    fn corrupt(&self, column: &'static str, fault: String) -> StorageError {
        StorageError::Corrupt { table: self.table, row: self.id, column, fault }
    }
}

/// A row of files: id, created_at, version, sha256, data. The digest is checked, so that a damaged file is an
/// error here and not at a client.
pub(super) fn stored_file(tables: Tables, row: &SqliteRow) -> Result<StoredFile, StorageError> {
    let row = Located::new(tables.files(), row)?;
    let (version, sha256, stored_at) = (row.version()?, row.sha256()?, row.created_at()?);
    let data: Vec<u8> = row.column("data")?;
    if digest::digest(&digest::SHA256, &data).as_ref() != sha256 {
        return Err(row.corrupt("sha256", "is not the digest of data".to_owned()));
    }
    Ok(StoredFile { version, bytes: data.into(), sha256, stored_at })
}

/// A row of files: id, version, sha256.
pub(super) fn head(tables: Tables, row: &SqliteRow) -> Result<Head, StorageError> {
    let row = Located::new(tables.files(), row)?;
    Ok(Head { version: row.version()?, sha256: row.sha256()? })
}

/// A row of files: id, created_at, role, version, sha256.
pub(super) fn stored_version(tables: Tables, row: &SqliteRow) -> Result<StoredVersion, StorageError> {
    let row = Located::new(tables.files(), row)?;
    let text = row.text("role")?;
    let role = tables.role(text).map_err(|error| row.corrupt("role", format!("{text:?} is no role: {error}")))?;
    Ok(StoredVersion { role, version: row.version()?, sha256: row.sha256()?, stored_at: row.created_at()? })
}

/// A row of the feed: id, created_at, gun, version, sha256, category.
pub(super) fn change(tables: Tables, row: &SqliteRow) -> Result<Change, StorageError> {
    let row = Located::new(tables.changes(), row)?;
    let kind = match row.text("category")? {
        "update" => ChangeKind::Update { version: row.version()?.get(), sha256: hex::encode(row.sha256()?) },
        "deletion" => ChangeKind::Deletion,
        other => return Err(row.corrupt("category", format!("{other:?} is neither update nor deletion"))),
    };
    Ok(Change { id: row.id, created_at: row.created_at()?, gun: row.text("gun")?.to_owned(), kind })
}
