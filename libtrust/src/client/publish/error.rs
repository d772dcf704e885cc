//! Why nothing was published.

use super::super::{CacheError, KeyStoreError, KeyUse, TransportError, UpdateError};
use crate::edit::EditError;
use crate::json::NotCanonical;
use crate::metadata::{Threshold, Version};
use crate::names::{Gun, KeyId, RoleName};
use crate::verify::VerifyError;

/// Why a publication did not happen. Unless the variant says otherwise, the server has what it had before.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The collection could not be brought up to date first.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// A change does not fit the collection.
    #[error(transparent)]
    Edit(#[from] EditError),
    /// Too few private keys of a role are at hand.
    #[error("{role} of {gun} needs {needed} signatures and {found} can be made here; keys that could sign: {}{}",
        ids(.wanted), .refused.iter().map(|why| format!("; {why}")).collect::<String>())]
    MissingKeys {
        /// The collection.
        gun: Gun,
        /// The role.
        role: RoleName,
        /// How many must sign.
        needed: Threshold,
        /// How many can.
        found: usize,
        /// The keys that are not at hand, by canonical id.
        wanted: Vec<KeyId>,
        /// Keys that are here and did not sign, and why.
        refused: Vec<String>,
    },
    /// A key store failed.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// A root key cannot have a certificate made here.
    #[error("no root certificate for {gun}: {why}")]
    RootCertificate {
        /// The collection.
        gun: Gun,
        /// Why.
        why: String,
    },
    /// Metadata holds a number that cannot be signed.
    #[error("{role}: {cause}")]
    NotCanonical {
        /// The role.
        role: RoleName,
        /// The number.
        cause: NotCanonical,
    },
    /// What was signed here does not verify. Nothing was sent.
    #[error("what was signed does not verify: {0}")]
    Unsound(VerifyError),
    /// The server refused, or could not be asked. If the connection broke it may have accepted: update and look.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// A role that was to be signed anew as it is was changed by somebody else in between.
    #[error("{role} of {gun} was changed by somebody else in between: look at it again")]
    WitnessedOther {
        /// The collection.
        gun: Gun,
        /// The role.
        role: RoleName,
    },
    /// Others kept publishing in between.
    #[error("others published {attempts} times in between; try again: {last}")]
    Contended {
        /// How often it was tried.
        attempts: u32,
        /// The server's last word.
        last: TransportError,
    },
    /// The collection is there already.
    #[error("{gun} is already initialized {place}")]
    AlreadyThere {
        /// The collection.
        gun: Gun,
        /// Where: on the server, or in the cache.
        place: String,
    },
    /// Several root keys are here and none was chosen.
    #[error("several root keys could sign {gun}; choose one: {}", ids(.keys))]
    AmbiguousRootKey {
        /// The collection.
        gun: Gun,
        /// The keys.
        keys: Vec<KeyId>,
    },
    /// A role whose keys cannot be changed so.
    #[error("{role} keys cannot be rotated that way: {why}")]
    Rotation {
        /// The role.
        role: RoleName,
        /// Why.
        why: &'static str,
    },
    /// A partially signed file wants a key that is kept for something else.
    #[error("key {key} is kept for {}{}, and the file is {role} of {gun}", .kept_for.role, .kept_for.gun.as_ref()
        .map_or_else(String::new, |gun| format!(" of {gun}")))]
    KeyForOther {
        /// The key.
        key: KeyId,
        /// What it is for.
        kept_for: KeyUse,
        /// The collection the file says it is of.
        gun: Gun,
        /// The role it says it is of.
        role: RoleName,
    },
    /// A partially signed file is of another collection.
    #[error("the file is of {found}, not of {gun}")]
    OtherCollection {
        /// The collection to publish to.
        gun: Gun,
        /// The one the file is of.
        found: Gun,
    },
    /// A partially signed file does not follow what is published now.
    #[error("{role} version {found} does not follow {}: it was prepared before; prepare it anew",
        .known.map_or_else(|| "nothing".to_owned(), |known| format!("version {known}")))]
    Outdated {
        /// The role.
        role: RoleName,
        /// The file's version.
        found: Version,
        /// The published one.
        known: Option<Version>,
    },
    /// No key here may sign an image of this name.
    #[error("no key here may sign {name} in {gun}; roles that could: {}", .roles.iter().map(ToString::to_string)
        .collect::<Vec<_>>().join(", "))]
    NoSigningRole {
        /// The collection.
        gun: Gun,
        /// The tag.
        name: String,
        /// The roles whose paths admit it.
        roles: Vec<RoleName>,
    },
    /// Everything was published; the collection's TUF 1.0 form does not say it yet.
    #[error("{gun} is published, and its TUF 1.0 form is behind; bring it up with `trust migrate {gun}`: {cause}")]
    BehindInTuf {
        /// The collection.
        gun: Gun,
        /// Why.
        cause: Box<PublishError>,
    },
    /// The TUF 1.0 form that the server shows is not of this collection's keys, so nothing is signed to follow it.
    #[error(
        "the TUF 1.0 form of {gun} at the server, root version {version}, lists root keys that {gun} never had; whoever runs \
         the server must remove it"
    )]
    ForeignInTuf {
        /// The collection.
        gun: Gun,
        /// The version of its root.
        version: Version,
    },
    /// The TUF 1.0 form that the server shows is larger than is read.
    #[error("the TUF 1.0 form of {gun} at the server has more than {roles} roles or {bytes} bytes")]
    TooLargeInTuf {
        /// The collection.
        gun: Gun,
        /// How many roles are read.
        roles: usize,
        /// How many bytes are read.
        bytes: usize,
    },
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
}

fn ids(ids: &[KeyId]) -> String {
    if ids.is_empty() {
        return "none".to_owned();
    }
    ids.iter().take(8).map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
