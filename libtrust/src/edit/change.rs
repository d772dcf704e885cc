//! One change to a collection, as people stage it.

use crate::keys::PublicKey;
use crate::metadata::{Target, Threshold};
use crate::names::{DelegationName, KeyId, RoleName};

/// A change. What it leads to depends on the collection it is applied to, so it can be applied again after somebody
/// else has published.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// Trusts something under a name; one of that name is replaced.
    AddTarget {
        /// The role that lists it.
        role: RoleName,
        /// Its name; for images the tag.
        name: String,
        /// What is trusted.
        target: Target,
    },
    /// Takes a name out of a role.
    RemoveTarget {
        /// The role that lists it.
        role: RoleName,
        /// The name.
        name: String,
    },
    /// Makes a delegation, or adds to one.
    AddDelegation {
        /// The delegation.
        role: DelegationName,
        /// Keys that may sign it.
        keys: Vec<PublicKey>,
        /// How many of its keys must sign; nothing: as it is, or one.
        threshold: Option<Threshold>,
        /// Prefixes it may speak for.
        paths: Vec<String>,
    },
    /// Takes keys and paths from a delegation.
    ReduceDelegation {
        /// The delegation.
        role: DelegationName,
        /// Canonical ids of keys.
        keys: Vec<KeyId>,
        /// Paths.
        paths: Vec<String>,
        /// Whether all paths go.
        all_paths: bool,
    },
    /// Removes a delegation with all it holds.
    RemoveDelegation {
        /// The delegation.
        role: DelegationName,
    },
    /// Takes keys from every delegation at any depth.
    PurgeKeys {
        /// Canonical ids of keys.
        keys: Vec<KeyId>,
    },
    /// Signs a role anew as it is: its version and expiry move on.
    Witness {
        /// A targets role.
        role: RoleName,
    },
    /// Begins a targets role anew with nothing in it: for one whose file nobody vouches for any more.
    Empty {
        /// A delegation.
        role: DelegationName,
    },
    /// Gives one of the four roles other keys.
    ReplaceKeys {
        /// The role.
        role: RoleName,
        /// All its keys from now on.
        keys: Vec<PublicKey>,
        /// How many must sign; nothing: as it is.
        threshold: Option<Threshold>,
    },
    /// Signs the root anew as it is: its version and expiry move on.
    RenewRoot,
}
