//! Why a change of a repository cannot be made.

use crate::keys::UnusableKey;
use crate::metadata::{InvalidSuccinctRoles, Threshold};
use crate::names::RoleName;

/// Why a change does not fit the repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TufEditError {
    /// No such role, or not one of that kind.
    #[error("the repository has no role {0:?} of this kind")]
    NoSuchRole(String),
    /// A role of that name is there.
    #[error("{delegator} already delegates to {role}; remove that delegation first")]
    Taken {
        /// Who delegates.
        delegator: RoleName,
        /// The role.
        role: String,
    },
    /// A file has hash bins in short form, or named roles, never both.
    #[error("{delegator} delegates to named roles or to hash bins in short form, not to both")]
    MixedForms {
        /// Who delegates.
        delegator: RoleName,
    },
    /// A key that could never count.
    #[error("a key for {role} is of no use: {cause}")]
    Key {
        /// The role.
        role: String,
        /// Why.
        cause: UnusableKey,
    },
    /// More signatures than there are keys.
    #[error("{role} would need {needed} signatures and has {listed} keys")]
    Threshold {
        /// The role.
        role: String,
        /// The threshold.
        needed: Threshold,
        /// How many keys it lists.
        listed: usize,
    },
    /// Hash bins that cannot be.
    #[error(transparent)]
    Bins(#[from] InvalidSuccinctRoles),
    /// Too many hash bins to name each.
    #[error("{bits} bits would make more than {limit} named hash bins; use the short form")]
    TooManyBins {
        /// The bits.
        bits: u8,
        /// The most bins, as a number.
        limit: u64,
    },
    /// A prefix that matches nothing.
    #[error("{prefix:?} is no beginning of a lower-case hex SHA-256")]
    HashPrefix {
        /// The prefix.
        prefix: String,
    },
}
