//! Timestamp: the current snapshot, for a short time.

use chrono::{DateTime, Utc};

use super::{FileMeta, Version};

/// The timestamp role's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// Its version.
    pub version: Version,
    /// From when on it is no longer valid.
    pub expires: DateTime<Utc>,
    /// The current snapshot.
    pub snapshot: FileMeta,
}
