//! Snapshot: the current file of every role.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{FileMeta, Version};

/// The snapshot role's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its version.
    pub version: Version,
    /// From when on it is no longer valid.
    pub expires: DateTime<Utc>,
    /// The current file of each role, by role name as text: entries of removed or unknown roles are kept.
    pub meta: BTreeMap<String, FileMeta>,
}
