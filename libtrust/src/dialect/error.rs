//! Why bytes are not metadata.

use crate::json::{InvalidJson, NotCanonical};
use crate::metadata::Version;
use crate::names::RoleName;

/// A file that cannot be read as far as every role is read: JSON, `signed` with type, version and expiry, signatures.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedFile {
    /// Over the limit.
    #[error("{role} has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// The role.
        role: RoleName,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not JSON as this crate reads it.
    #[error("{role} is not readable JSON: {cause}")]
    Json {
        /// The role.
        role: RoleName,
        /// What is wrong, with line and column.
        cause: InvalidJson,
    },
    /// A member is missing or of the wrong type.
    #[error("{role}: {member} must be {expected}")]
    Member {
        /// The role.
        role: RoleName,
        /// Where, as a path of member names.
        member: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A number in `signed` has no canonical form.
    #[error("{role}: {cause}")]
    NotCanonical {
        /// The role.
        role: RoleName,
        /// The number.
        cause: NotCanonical,
    },
    /// More signatures than are checked.
    #[error("{role} has {found} signatures, at most {limit} are read")]
    TooManySignatures {
        /// The role.
        role: RoleName,
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// Metadata whose structure is not that of its role. The text is the one Notary shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{role} type metadata invalid: {fault}")]
pub struct InvalidMetadata {
    /// The role.
    pub role: RoleName,
    /// The version it claims; nothing if that is not a version.
    pub version: Option<Version>,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with the structure of a role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// `_type` is another role's, or in another case.
    #[error("expected type {expected}, not {found}")]
    Type {
        /// What it must be.
        expected: &'static str,
        /// What it is, cut to 64 characters.
        found: String,
    },
    /// Zero, negative, or beyond what every reader holds.
    #[error("version cannot be less than {least}{}", if *.found > 0 { " or more than 2^53" } else { "" })]
    Version {
        /// What it is.
        found: i64,
        /// How Notary spells the least version for this role: a digit for root, else a word.
        least: &'static str,
    },
    /// One of the four roles is missing in a root.
    #[error("missing {0} role specification")]
    MissingRole(RoleName),
    /// A threshold of zero, or no number at all.
    #[error("invalid threshold specified for {role}: {found} ")]
    Threshold {
        /// The role it is for.
        role: String,
        /// What it is.
        found: String,
    },
    /// A role lists a key the file does not hold.
    #[error("key ID {key} specified in {role} without corresponding key")]
    MissingKey {
        /// The key's id.
        key: String,
        /// The role that lists it.
        role: String,
    },
    /// A delegation's name is no name or not a direct child of the file it is in.
    #[error("delegation role {0} invalid")]
    DelegationName(String),
    /// SHA-256 is not there where it must be.
    #[error("missing {0} sha256 checksum information")]
    MissingChecksum(String),
    /// A digest is not base64 or not as long as its algorithm says.
    #[error("invalid {file} checksum information, {algorithm} checksum invalid")]
    Checksum {
        /// The file it is about.
        file: String,
        /// The algorithm.
        algorithm: &'static str,
    },
    /// A member is missing or of the wrong type.
    #[error("{member} must be {expected}")]
    Member {
        /// Where, as a path of member names.
        member: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A member differs from a known one only in case: Notary's readers would take it for that one.
    #[error("{member} differs from {known} only in case")]
    AmbiguousMember {
        /// The member.
        member: String,
        /// The known one.
        known: &'static str,
    },
    /// More of something than is read.
    #[error("{what}: {found} is more than the {limit} that are read")]
    TooMany {
        /// Of what.
        what: String,
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
}
