//! Where collections are kept: a contract first, backends second.
//!
//! `contract/` states every promise below as a test and runs on each backend. A backend stores bytes; it parses no
//! metadata and knows no rule of trust. Times are arguments. Whether a publication may be stored is decided in one place,
//! `publication.rs`, from what the backend looked up in the same transaction.

#[cfg(test)]
mod contract;
pub mod measured;
pub mod memory;
pub mod mysql;
pub mod postgres;
mod publication;
pub mod sql;
pub mod sqlite;
pub mod tables;

use std::time::Duration;

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
    /// its base, [`PublishError::NameTaken`] if the store cannot keep this name apart from a stored one, each with nothing
    /// stored; [`PublishError::Unavailable`] when the backend failed, in which case the publication may or may not be
    /// stored, but never in part.
    async fn publish(&self, gun: &Gun, base: Base, files: Vec<NewFile>, now: DateTime<Utc>)
    -> Result<(), PublishError>;

    /// The stored file of a role with the highest version.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn newest(&self, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError>;

    /// Version and digest of the newest timestamp, without its bytes: what decides whether files in memory are still the
    /// current ones.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn head(&self, gun: &Gun) -> Result<Option<Head>, StorageError>;

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

    /// A page of the change feed, always listed oldest first by id. A change is visible from the moment its publication
    /// is acknowledged. Where several processes write ([`Storage::follow`] gives a follower), a change may become visible
    /// after one with a higher id; it does so within seconds. Whoever must miss nothing follows instead.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn changes(&self, page: &ChangePage) -> Result<Vec<Change>, StorageError>;

    /// Names of collections, in an order of the store's own, strictly after `after`, at most `limit`, whose **newest**
    /// timestamp was stored before `stored_before`: what background renewal walks. Text, because a database written by
    /// Notary may hold a name we would not accept today; a walk goes on from such a name like from any other.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn stale_timestamps(
        &self,
        stored_before: DateTime<Utc>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StorageError>;

    /// Names of all collections that hold any file, in an order of the store's own, strictly after `after`, at most
    /// `limit`. Text for the same reason as in [`Storage::stale_timestamps`].
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn collections(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StorageError>;

    /// Every stored version of every role of a collection, without bytes, in no order. One row that cannot be understood
    /// does not hide the others: it is in the list as its error.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn versions(&self, gun: &Gun) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError>;

    /// Removes exactly these versions, if the collection is still at `base`; false and nothing removed if it has moved.
    /// Versions that are not there are passed over. Records no change: what remains is what readers are given.
    ///
    /// # Errors
    /// Only when the backend failed.
    async fn remove_versions(
        &self,
        gun: &Gun,
        base: Base,
        versions: &[(RoleName, Version)],
    ) -> Result<bool, StorageError>;

    /// A follower of what **other processes** write; none if only this process writes to the store.
    ///
    /// # Errors
    /// When the backend failed.
    async fn follow(&self) -> Result<Option<Box<dyn Follower>>, StorageError> {
        Ok(None)
    }

    /// Whether Notary's own programs may be writing to this store beside us. They compute digests over their own
    /// re-encoding of what is stored, so as long as they may, only files in exactly that form can be taken, with versions
    /// that fit their column.
    fn is_shared_with_notary(&self) -> bool {
        false
    }

    /// Proves that the store can be read now; used by health checks.
    ///
    /// # Errors
    /// When it cannot.
    async fn check(&self) -> Result<(), StorageError>;

    /// Finishes what was begun and lets go of files and connections. What was acknowledged is safe without it. Calls
    /// after it may fail.
    async fn close(&self) {}
}

/// Reports collections as they are written, by whichever process.
#[async_trait]
pub trait Follower: Send {
    /// Names of the collections that were published to, or deleted, since the last call; since the follower was made, at
    /// the first. When this returns, every write that was acknowledged before the call began is in this answer or an
    /// earlier one, also one whose id is lower than those already reported. A name may come more often than it was
    /// written; writes of this process may be among them.
    ///
    /// # Errors
    /// When the backend failed, or so much was written that the follower lost its place ([`FollowError::Lost`]): then
    /// everything in memory may be old, and the follower goes on from now.
    async fn catch_up(&mut self) -> Result<Vec<String>, FollowError>;

    /// Returns when there may be something to catch up with, at the latest after `most`. Early returns are allowed; a
    /// store that is told of writes (PostgreSQL's notifications) returns at once.
    async fn wait(&mut self, most: Duration);
}

/// Why a follower reports nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// More was written than a follower reads; whatever is in memory may be old.
    #[error("more was written than could be followed")]
    Lost,
    /// The backend failed.
    #[error(transparent)]
    Unavailable(#[from] StorageError),
}

/// The newest timestamp of a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its version.
    pub version: Version,
    /// Digest of its bytes.
    pub sha256: Sha256,
}

/// A stored version, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVersion {
    /// The role.
    pub role: RoleName,
    /// Its version.
    pub version: Version,
    /// Digest of its bytes.
    pub sha256: Sha256,
    /// When it was stored.
    pub stored_at: DateTime<Utc>,
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
    /// When it was stored, as the publisher said; cut to no less than seconds.
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
    /// The table cannot hold a version. Callers that know the store is shared with Notary refuse it before.
    #[error(
        "{role} version {version} does not fit the column tuf_files.version, which holds versions up to {most} as long \
         as the database is shared with Notary; see `notary-server migrate --leave-notary`"
    )]
    VersionTooLarge {
        /// The role.
        role: RoleName,
        /// The version offered.
        version: Version,
        /// The largest version the table holds.
        most: u64,
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
    /// The store holds a collection whose name differs only in case (or in white space at its end) and cannot keep the two
    /// apart; nothing was stored.
    #[error("the name {offered} cannot be kept apart from {stored}, which is stored already")]
    NameTaken {
        /// The name offered.
        offered: Gun,
        /// The name stored.
        stored: String,
    },
    /// Another publication, renewal or deletion came between; nothing was stored. Load again and work it out anew.
    #[error("the collection changed meanwhile")]
    Moved,
    /// The backend failed.
    #[error(transparent)]
    Unavailable(#[from] StorageError),
}
