//! Root: which keys speak for which role.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{Threshold, Version};
use crate::keys::PublicKey;
use crate::names::{KeyId, RoleName};

/// The root role's metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its version.
    pub version: Version,
    /// From when on it is no longer valid.
    pub expires: DateTime<Utc>,
    /// Whether files are named by version, and target files by digest; Notary always says false.
    pub consistent_snapshot: bool,
    /// Every key, by the id the file gives it; also keys that no role lists.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// The four roles. Roles of other names are kept out: nothing uses them here.
    pub roles: BTreeMap<RoleName, RoleKeys>,
}

/// Which keys may sign a role, and how many must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleKeys {
    /// Key ids as listed. In Notary's dialect each is in the file's key map.
    pub key_ids: Vec<KeyId>,
    /// How many distinct keys must sign.
    pub threshold: Threshold,
}
