//! Why a repository could not be brought up to date, or has no such target.

use super::{InvalidTargetPath, SourceError, StoreError};
use crate::dialect::MalformedFile;
use crate::metadata::Version;
use crate::verify::VerifyError;

/// Why there is no trusted answer. Whatever was trusted before this went wrong is stored; a later run can succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TufError {
    /// A file breaks a rule.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A file is no metadata.
    #[error(transparent)]
    Malformed(#[from] MalformedFile),
    /// The repository could not be asked.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The local metadata cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file that must be there is not.
    #[error("{origin} has no {file}")]
    Missing {
        /// The source.
        origin: String,
        /// The file, as a repository names it.
        file: String,
    },
    /// Nothing was ever trusted here.
    #[error("{store} holds no trusted root; begin with a root.json that you got over a channel you trust")]
    NoRoot {
        /// The local metadata.
        store: String,
    },
    /// The stored root is not one that was ever trusted: it was damaged, or somebody wrote it.
    #[error("the root in {store} is damaged; begin again with a root.json that you trust: {cause}")]
    DamagedRoot {
        /// The local metadata.
        store: String,
        /// What is wrong with it.
        cause: Box<TufError>,
    },
    /// No role that may speak for it lists this target.
    #[error("no role that may speak for {path} lists it")]
    NoSuchTarget {
        /// The target.
        path: String,
    },
    /// The search for a target was given up.
    #[error("{path} was not found in the first {roles} delegated roles; raise the limit if the repository has more")]
    TooManyRoles {
        /// The target.
        path: String,
        /// How many were visited.
        roles: usize,
    },
    /// The search for a target was given up.
    #[error("{path} was not found in the first {limit} bytes of delegated roles; raise the limit if it is worth that")]
    TooManyBytes {
        /// The target.
        path: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Another root is trusted here already.
    #[error("{store} trusts root version {version} already, and what was learned since; remove it to begin anew")]
    AlreadyTrusted {
        /// The local metadata.
        store: String,
        /// The version.
        version: Version,
    },
    /// A target name that leads elsewhere.
    #[error(transparent)]
    TargetPath(#[from] InvalidTargetPath),
}

impl TufError {
    /// A stable name for this kind of error, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Verify(error) => error.code(),
            Self::Malformed(_) => "malformed",
            Self::Source(_) => "transport",
            Self::Store(_) => "store",
            Self::Missing { .. } => "missing",
            Self::NoRoot { .. } => "no-root",
            Self::DamagedRoot { .. } => "damaged-root",
            Self::NoSuchTarget { .. } => "not-found",
            Self::TooManyRoles { .. } => "too-many-roles",
            Self::TooManyBytes { .. } => "too-many-bytes",
            Self::AlreadyTrusted { .. } => "already-trusted",
            Self::TargetPath(_) => "target-path",
        }
    }
}
