//! Why metadata is not trusted.

use chrono::{DateTime, Utc};

use super::threshold::Shortfall;
use crate::dialect::InvalidMetadata;
use crate::keys::CertificateFault;
use crate::metadata::Version;
use crate::names::{Gun, KeyId, RoleName};

/// A rule that does not hold. The texts begin with what Notary 0.7.0 shows, where it shows anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The structure is not that of the role.
    #[error(transparent)]
    Structure(#[from] InvalidMetadata),
    /// Nobody signed.
    #[error("tuf: data has no signatures: {role} version {version}")]
    NoSignatures {
        /// The role.
        role: RoleName,
        /// The version it claims.
        version: i64,
    },
    /// Too few of the right keys signed.
    #[error("valid signatures did not meet threshold for {0}")]
    Threshold(Shortfall),
    /// A key is listed under an id that is not its digest.
    #[error("key ID is not valid for key content: {key} of {role}")]
    KeyId {
        /// The role that lists it.
        role: RoleName,
        /// The id.
        key: KeyId,
    },
    /// One key id signed more than once, where that is not allowed.
    #[error("{role} is signed more than once by key {key}")]
    RepeatedSignature {
        /// The role.
        role: RoleName,
        /// The id.
        key: KeyId,
    },
    /// Past its expiry.
    #[error("{role} expired at {}: version {version}, sign it again", go_date(.expires))]
    Expired {
        /// The role.
        role: RoleName,
        /// Its version.
        version: Version,
        /// When it expired.
        expires: DateTime<Utc>,
    },
    /// No root key vouches for this collection.
    #[error(
        "could not validate the path to a trusted root: unable to retrieve valid leaf certificates for {gun} in root \
         version {version}{}", reasons(.rejected)
    )]
    NoRootCertificate {
        /// The collection.
        gun: Gun,
        /// The root's version.
        version: Version,
        /// Each root key and why it does not count.
        rejected: Vec<Rejected>,
    },
    /// No root key passes the reader's pins.
    #[error(
        "could not validate the path to a trusted root: unable to match any certificates to trust_pinning config: root \
         version {version} of {gun}{}", reasons(.rejected)
    )]
    NotPinned {
        /// The collection.
        gun: Gun,
        /// The root's version.
        version: Version,
        /// Each root key and why it does not count.
        rejected: Vec<Rejected>,
    },
    /// A root is not signed by its own keys.
    #[error("could not validate the path to a trusted root: failed to validate integrity of roots: {0}")]
    RootIntegrity(Shortfall),
    /// A new root is not signed by the previous root's keys.
    #[error(
        "could not rotate trust to a new trusted root: failed to validate data with current trusted certificates: {0}"
    )]
    RootRotation(Shortfall),
    /// A version lower than one seen before.
    #[error("version {found} is lower than current version {minimum}: {role}")]
    Rollback {
        /// The role.
        role: RoleName,
        /// Its version.
        found: Version,
        /// The lowest acceptable one.
        minimum: Version,
    },
    /// Not the version that a trusted file names.
    #[error("{role} is version {found}, {}", asked_for(role, *expected, named_by))]
    WrongVersion {
        /// The role.
        role: RoleName,
        /// Its version.
        found: Version,
        /// The version named.
        expected: Version,
        /// Which file names it; for a root, the root before.
        named_by: RoleName,
    },
    /// A role that an older snapshot names is named no more.
    #[error("snapshot version {snapshot} no longer names {role}, which the one seen before did")]
    NoLongerNamed {
        /// The role.
        role: String,
        /// The new snapshot's version.
        snapshot: Version,
    },
    /// The bytes are not those that a trusted file names.
    #[error("{algorithm} checksum for {role} did not match: expected {expected}")]
    Checksum {
        /// The role.
        role: RoleName,
        /// The algorithm.
        algorithm: &'static str,
        /// The digest named, in hex.
        expected: String,
    },
    /// A trusted file names the role without any digest, so any bytes would do.
    #[error("no checksums for supported algorithms were provided for {role}: the {named_by} names no digest of it")]
    NoChecksum {
        /// The role.
        role: RoleName,
        /// Which file names it.
        named_by: RoleName,
    },
    /// The length is not one that a trusted file allows.
    #[error("{role} has {found} bytes, the {named_by} names {expected}")]
    Length {
        /// The role.
        role: RoleName,
        /// Its length in bytes.
        found: u64,
        /// The length named.
        expected: u64,
        /// Which file names it.
        named_by: RoleName,
    },
    /// The snapshot does not name the role.
    #[error(
        "no checksums for supported algorithms were provided for {role}: the snapshot version {snapshot} does not name it"
    )]
    NotInSnapshot {
        /// The role.
        role: RoleName,
        /// The snapshot's version.
        snapshot: Version,
    },
    /// No file that is trusted delegates to this role.
    #[error("tuf: invalid role {0}. delegation does not exist")]
    NotDelegated(RoleName),
}

/// A root is named by no file but the one before it, which it follows.
fn asked_for(role: &RoleName, expected: Version, named_by: &RoleName) -> String {
    if role == named_by {
        return format!("but version {expected} follows the one that is trusted");
    }
    format!("the {named_by} names version {expected}")
}

/// A key that does not count, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The key.
    pub key: KeyId,
    /// Why, in words.
    pub reason: String,
}

impl Rejected {
    pub(super) fn certificate(key: &KeyId, fault: &CertificateFault) -> Self {
        Self { key: key.clone(), reason: fault.to_string() }
    }
}

impl VerifyError {
    /// A stable name for this kind of error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Structure(_) => "structure",
            Self::NoSignatures { .. } => "no-signatures",
            Self::Threshold(_) => "threshold",
            Self::KeyId { .. } => "key-id",
            Self::RepeatedSignature { .. } => "repeated-signature",
            Self::Expired { .. } => "expired",
            Self::NoRootCertificate { .. } => "root-certificate",
            Self::NotPinned { .. } => "pin",
            Self::RootIntegrity(_) => "root-integrity",
            Self::RootRotation(_) => "root-rotation",
            Self::Rollback { .. } => "rollback",
            Self::WrongVersion { .. } => "wrong-version",
            Self::NoLongerNamed { .. } => "no-longer-named",
            Self::Checksum { .. } => "checksum",
            Self::NoChecksum { .. } => "no-checksum",
            Self::Length { .. } => "length",
            Self::NotInSnapshot { .. } => "not-in-snapshot",
            Self::NotDelegated(_) => "not-delegated",
        }
    }
}

/// At most three reasons, each cut: clients read only 1 KiB of an error body, and one reason is usually enough.
pub(super) fn reasons(rejected: &[Rejected]) -> String {
    rejected.iter().take(3).map(|r| format!("; key {:.64}: {:.120}", r.key.as_str(), r.reason)).collect()
}

/// A date as Notary's messages print it: `Fri Nov 20 03:52:48 UTC 2026`, the day without padding.
fn go_date(time: &DateTime<Utc>) -> impl std::fmt::Display + use<> {
    time.format("%a %b %-d %H:%M:%S UTC %Y").to_string()
}
