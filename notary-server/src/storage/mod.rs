//! Where collections are kept: a contract first, backends second.
//!
//! `contract/` states every promise below as a test and runs on each backend. A backend stores bytes; it parses no
//! metadata and knows no rule of trust. Times are arguments.

#[cfg(test)]
mod contract;
pub mod measured;
pub mod memory;
pub mod sqlite;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};

/// A SHA-256 digest: the name of immutable bytes.
pub type Sha256 = [u8; 32];

/// A trust store: versions of files by GUN and role, and the feed of changes.
///
/// Names are compared byte for byte: GUNs that differ in case are different GUNs.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Stores all `files` of one GUN and one `update` change naming the timestamp among them, or nothing. Without a
    /// timestamp there is no change.
    ///
    /// Nothing is stored unless the collection is still at `base` and each file's version is above **every** stored
    /// version of that GUN and role. Both are judged in the same transaction that stores, so of two racing publications
    /// on one base, or with a version in common, exactly one succeeds.
    /// Files are judged in their order, each as if those before it were stored: a role given twice must ascend.
    /// When this returns `Ok` the files are durable: they survive `kill -9` and loss of power (memory excepted).
    /// Dropping the future does not undo what was already handed over: it may still be stored, whole.
    ///
    /// # Errors
    /// [`PublishError::Conflict`] for a version that is not newer, else [`PublishError::Moved`] if the collection has left
    /// its base, with nothing stored; [`PublishError::Unavailable`]
    /// when the backend failed, in which case the publication may or may not be stored, but never in part.
    async fn publish(&self, gun: &Gun, base: Base, files: Vec<NewFile>, now: DateTime<Utc>)
    -> Result<(), PublishError>;

    /// The stored file of a role with the highest version.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn newest(&self, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError>;

    /// The file of exactly this GUN and role whose bytes have this digest; any one of them if several versions do.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn by_checksum(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: &Sha256,
    ) -> Result<Option<StoredFile>, StorageError>;

    /// The file of exactly this GUN, role and version.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> Result<Option<StoredFile>, StorageError>;

    /// Removes every version of every role of exactly this GUN and records a `deletion` change, in one transaction;
    /// durable like [`Storage::publish`]. Versions may restart at 1 afterwards. Returns false, and records nothing, if
    /// there was nothing.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> Result<bool, StorageError>;

    /// A page of the change feed, always listed oldest first. A change is visible from the moment its publication
    /// is acknowledged, and ids ascend in the order in which changes become visible: once a page has shown an id, no
    /// lower one appears later, so a follower that pages with [`ChangeCursor::After`] misses nothing.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn changes(&self, page: &ChangePage) -> Result<Vec<Change>, StorageError>;

    /// GUNs, in byte order, strictly after `after`, at most `limit`, whose **newest** timestamp was stored before
    /// `stored_before`: what background renewal walks.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn stale_timestamps(
        &self,
        stored_before: DateTime<Utc>,
        after: Option<&Gun>,
        limit: u32,
    ) -> Result<Vec<Gun>, StorageError>;

    /// Proves that the store can be read now; used by health checks.
    ///
    /// # Errors
    /// When it cannot.
    async fn check(&self) -> Result<(), StorageError>;

    /// Finishes what was begun and lets go of files and connections. What was acknowledged is safe without it. Calls
    /// after it may fail.
    async fn close(&self) {}
}

/// What a publication was worked out from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// The collection whose newest timestamp has this digest; a collection without one.
    Timestamp(Option<Sha256>),
    /// Nothing in particular: versions alone decide.
    Any,
}

impl Base {
    /// Whether a collection whose newest timestamp has this digest is at this base.
    pub(crate) fn holds(self, newest_timestamp: Option<Sha256>) -> bool {
        match self {
            Self::Timestamp(base) => base == newest_timestamp,
            Self::Any => true,
        }
    }
}

/// A file to store. `sha256` is the digest of `bytes`; the caller computed it from exactly these bytes.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// The role.
    pub role: RoleName,
    /// Its version.
    pub version: Version,
    /// The file as it will be served.
    pub bytes: Bytes,
    /// Digest of `bytes`.
    pub sha256: Sha256,
}

/// A stored file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// Its version.
    pub version: Version,
    /// The file, byte for byte as stored.
    pub bytes: Bytes,
    /// Digest of `bytes`.
    pub sha256: Sha256,
    /// When it was stored, as the publisher said; cut to no less than milliseconds.
    pub stored_at: DateTime<Utc>,
}

/// Which changes to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangePage {
    /// Only this GUN's changes.
    pub gun: Option<Gun>,
    /// From where, in which direction.
    pub from: ChangeCursor,
    /// At most this many.
    pub limit: u32,
}

/// Where a page of changes starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeCursor {
    /// The first changes with an id above this one.
    After(i64),
    /// The last changes with an id below this one.
    Before(i64),
    /// The newest changes.
    Newest,
}

/// One entry of the change feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Ascending, not necessarily without gaps.
    pub id: i64,
    /// When it was recorded.
    pub created_at: DateTime<Utc>,
    /// The collection. Text, because a database written by Notary may hold a name we would not accept today.
    pub gun: String,
    /// What happened.
    pub kind: ChangeKind,
}

/// What happened to a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// A new timestamp was stored.
    Update {
        /// Its version.
        version: u64,
        /// Lower-case hex digest of it.
        sha256: String,
    },
    /// The collection was deleted.
    Deletion,
}

/// The backend failed: it cannot be reached, answered with an error, or holds a row that makes no sense.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The backend could not do it. Goes to the log, never to a client.
    #[error("storage failed to {action}: {cause}")]
    Backend {
        /// What was attempted, as a verb phrase: `read the newest file`.
        action: &'static str,
        /// The backend's own words.
        cause: String,
    },
    /// A stored row cannot be understood.
    #[error("table {table}, row {row}: column {column} {fault}")]
    Corrupt {
        /// Table name.
        table: &'static str,
        /// Primary key of the row.
        row: i64,
        /// Column name.
        column: &'static str,
        /// What is wrong with it.
        fault: String,
    },
}

/// Why a publication was not (known to be) stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// A stored version is as new or newer; nothing was stored.
    #[error("{role} version {offered} is not newer than the stored version {stored}")]
    Conflict {
        /// The role in conflict.
        role: RoleName,
        /// The version offered.
        offered: Version,
        /// The newest version stored.
        stored: Version,
    },
    /// Another publication, renewal or deletion came between; nothing was stored. Load again and work it out anew.
    #[error("the collection changed meanwhile")]
    Moved,
    /// The backend failed.
    #[error(transparent)]
    Unavailable(#[from] StorageError),
}
