//! Why a collection could not be brought up to date.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{CacheError, TransportError};
use crate::dialect::MalformedFile;
use crate::metadata::Version;
use crate::names::{Gun, RoleName};
use crate::verify::VerifyError;

/// Why there is no trusted state of a collection. What was trusted before is left as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// The server knows nothing of the collection.
    #[error("{server} does not have trust data for {gun}")]
    NoTrustData {
        /// The server.
        server: String,
        /// The collection.
        gun: Gun,
    },
    /// A file breaks a rule.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A file is no metadata.
    #[error(transparent)]
    Malformed(#[from] MalformedFile),
    /// The server could not be asked, or has not what it must have.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The cache cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The cached root is not one that was ever trusted: it was damaged, or somebody wrote it.
    #[error("the cached root of {gun} is damaged: {cause}")]
    DamagedCache {
        /// The collection.
        gun: Gun,
        /// What is wrong with it.
        cause: Box<UpdateError>,
    },
    /// The collection was never seen before, nothing is pinned for it, and first use is not trusted.
    #[error("{gun} was never seen before, and no root key is pinned for it")]
    FirstUse {
        /// The collection.
        gun: Gun,
    },
    /// A root between the trusted one and the newest is not the one of that version.
    #[error("root version {found} of {gun} came where version {expected} was asked for")]
    RootOrder {
        /// The collection.
        gun: Gun,
        /// The version asked for.
        expected: Version,
        /// The version of what came.
        found: Version,
    },
    /// More roots, or roles, than any collection has.
    #[error("{gun} has {found} {what}; at most {limit} are followed")]
    TooMany {
        /// The collection.
        gun: Gun,
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// Only the cache may be asked, and it lacks a file.
    #[error("{role} of {gun} is not in the cache")]
    NotCached {
        /// The collection.
        gun: Gun,
        /// The role.
        role: RoleName,
    },
    /// The cache is all there is, and the policy wants a server to have confirmed it more recently.
    #[error("{gun} was last confirmed by a server {}, the policy allows {} hours{}",
        .confirmed.map_or_else(|| "never".to_owned(), |time| format!("at {time}")), .allowed.as_secs() / 3600,
        .cause.as_ref().map_or_else(String::new, |cause| format!("; {cause}")))]
    Stale {
        /// The collection.
        gun: Gun,
        /// When a server last confirmed it.
        confirmed: Option<DateTime<Utc>>,
        /// How long ago that may be.
        allowed: Duration,
        /// Why the server could not be asked now.
        cause: Option<TransportError>,
    },
}
