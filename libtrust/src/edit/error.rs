//! Why a change cannot be made.

use crate::json::NotCanonical;
use crate::keys::UnusableKey;
use crate::metadata::Threshold;
use crate::names::RoleName;

/// Why a change does not fit the collection.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// No such role, or none that lists targets.
    #[error("tuf: invalid role {0}. delegation does not exist")]
    NoSuchRole(RoleName),
    /// The role's file is not trusted now: expired, or short of signatures.
    #[error(
        "{0} is not trusted now, and a change would sign all it lists: look at it, then witness it, or begin it \
             anew"
    )]
    SetAside(RoleName),
    /// A name that could be signed but not written.
    #[error("{name:?} cannot name a target: it is empty or holds control characters")]
    TargetName {
        /// The name.
        name: String,
    },
    /// What the application added cannot be signed so that every reader verifies it.
    #[error("custom data of {name}: {cause}")]
    Custom {
        /// The target.
        name: String,
        /// The number.
        cause: NotCanonical,
    },
    /// A role may not speak for a name.
    #[error("{role} may not speak for {name:?}: none of its paths is a prefix of it")]
    OutsidePaths {
        /// The role.
        role: RoleName,
        /// The name, or the path of a delegation.
        name: String,
    },
    /// A new delegation without a key.
    #[error("{0} is new and needs a key")]
    NoKeys(RoleName),
    /// A key that could never count.
    #[error("a key for {role} is of no use: {cause}")]
    Key {
        /// The role.
        role: RoleName,
        /// Why.
        cause: UnusableKey,
    },
    /// More signatures than there are keys.
    #[error("{role} would need {needed} signatures and has {listed} keys")]
    Threshold {
        /// The role.
        role: RoleName,
        /// The threshold.
        needed: Threshold,
        /// How many keys it lists.
        listed: usize,
    },
}
