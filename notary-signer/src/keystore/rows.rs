//! Sealed keys as a database has them: for maintenance, which looks at seals and replaces them.

use std::time::Duration;

use async_trait::async_trait;
use libtrust::names::KeyId;

use super::{KeyRecord, KeyStoreError};

/// The rows of a database of sealed keys. Implemented once for each database; the rules stand on top.
#[async_trait]
pub trait SealedRows: Send + Sync + 'static {
    /// Up to `limit` rows of keys that are not deleted, in the order of their position, from the first one after
    /// `after` on. Rows that come or go meanwhile may be missed.
    ///
    /// # Errors
    /// When the database failed. A row that cannot be understood is an error in its own place.
    async fn rows(&self, after: Option<i64>, limit: u32) -> Result<Vec<RowAt>, KeyStoreError>;

    /// Puts `new` in place of the seal that `old` was read with; the rest of the row stays. False if the row has
    /// another seal by now, or is gone.
    ///
    /// # Errors
    /// When the database failed; the seal may be replaced or not.
    async fn replace(&self, old: &SealedRow, new: &Seal) -> Result<bool, KeyStoreError>;

    /// Whether a key is there whose row was not made, changed or used for `age`, by the clock of the database. A row
    /// that does not say when it was made is not.
    ///
    /// # Errors
    /// When the database failed.
    async fn is_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError>;

    /// Deletes a key of which [`SealedRows::is_unchanged_for`] holds. False if it does not.
    ///
    /// # Errors
    /// When the database failed; the key may be deleted or not.
    async fn delete_unchanged_for(&self, id: &KeyId, age: Duration) -> Result<bool, KeyStoreError>;
}

/// A row and where it stands.
#[derive(Debug)]
pub struct RowAt {
    /// Its number in the table.
    pub position: i64,
    /// The row, or what is wrong with it.
    pub row: Result<SealedRow, KeyStoreError>,
}

/// A stored key, as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// What the row says about the key.
    pub record: KeyRecord,
    /// The private key and what it is sealed under.
    pub seal: Seal,
}

/// A sealed private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The token: see [`crate::seal`].
    pub private: Vec<u8>,
    /// The alias of the passphrase it is sealed under.
    pub alias: String,
}
