//! Targets and delegations: what is trusted.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use smol_str::SmolStr;

use super::{Digests, RoleKeys, SuccinctRoles, Version};
use crate::json::Value;
use crate::keys::PublicKey;
use crate::names::{DelegationName, KeyId};

/// The metadata of the targets role or of a delegation.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// Its version.
    pub version: Version,
    /// From when on it is no longer valid.
    pub expires: DateTime<Utc>,
    /// What is trusted, by name; for images the name is the tag.
    pub targets: BTreeMap<String, Target>,
    /// To whom parts are given.
    pub delegations: Delegations,
}

/// One trusted thing.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Size in bytes; for images that of the manifest.
    pub length: u64,
    /// Digests; for images the SHA-256 of the manifest.
    pub digests: Digests,
    /// What the application added.
    pub custom: Option<Value<'static>>,
}

/// The delegations of one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delegations {
    /// Keys of the delegated roles.
    pub keys: BTreeMap<KeyId, PublicKey>,
    /// The delegated roles; earlier ones win.
    pub roles: Vec<Delegation>,
    /// Hash bins, in place of `roles` (TUF 1.0 alone).
    pub succinct: Option<SuccinctRoles>,
}

impl Delegations {
    /// Every role that is delegated to, hash bins included.
    pub fn names(&self) -> impl Iterator<Item = DelegationName> + '_ {
        let bins = self.succinct.iter();
        let bins = bins.flat_map(|bins| (0..bins.count()).filter_map(|bin| bins.role(bin).ok()));
        self.roles.iter().map(|role| role.name.clone()).chain(bins)
    }
}

/// How the lower-case hex SHA-256 of target names begins, as it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct HashPrefix(SmolStr);

impl HashPrefix {
    /// Any text. The empty one begins every digest, one that is not lower-case hex none.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HashPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HashPrefix({})", self.0)
    }
}

/// One delegated role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Its name; in Notary's dialect a direct child of the file it is in.
    pub name: DelegationName,
    /// Who signs it.
    pub keys: RoleKeys,
    /// Which target names it may list. In Notary's dialect prefixes, of which the empty one admits all; in TUF 1.0 shell
    /// patterns.
    pub paths: Vec<String>,
    /// Or, in place of `paths`: how the lower-case hex SHA-256 of a target name must begin (TUF 1.0 alone).
    pub hash_prefixes: Option<Vec<HashPrefix>>,
    /// Whether roles behind this one are not asked about the names it may list (TUF 1.0 alone).
    pub terminating: bool,
}

impl Delegation {
    /// A role that may list what `paths` admit.
    #[must_use]
    pub const fn of_paths(name: DelegationName, keys: RoleKeys, paths: Vec<String>) -> Self {
        Self { name, keys, paths, hash_prefixes: None, terminating: false }
    }
}
