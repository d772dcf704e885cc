//! Why a repository cannot be read or changed.

use super::super::{InvalidTargetPath, SourceError};
use crate::client::{KeyStoreError, TransportError};
use crate::dialect::{InvalidMetadata, MalformedFile};
use crate::edit::tuf::TufEditError;
use crate::json::NotCanonical;
use crate::metadata::{Threshold, Version};
use crate::names::{KeyId, RoleName};
use crate::verify::VerifyError;

/// Why a repository cannot be read or changed. What was published stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// A file or folder.
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// There is a repository already.
    #[error("{dir} has a repository already")]
    Exists {
        /// The folder.
        dir: String,
    },
    /// There is none.
    #[error("{dir} has no repository; begin one, or name its folder")]
    Nothing {
        /// The folder.
        dir: String,
    },
    /// Somebody else is changing it.
    #[error("another process is changing {dir}; try again when it is done")]
    Busy {
        /// The folder.
        dir: String,
    },
    /// A file that must be there is not.
    #[error("{dir} lacks {file}, which its metadata names")]
    Missing {
        /// The folder.
        dir: String,
        /// The file.
        file: String,
    },
    /// Without version numbers in the names of files, a change cannot be published as a whole.
    #[error("{dir} has no consistent snapshots; only repositories that have them are changed")]
    Inconsistent {
        /// The folder.
        dir: String,
    },
    /// A file that is no metadata.
    #[error(transparent)]
    Malformed(#[from] MalformedFile),
    /// Metadata of another structure.
    #[error(transparent)]
    Structure(#[from] InvalidMetadata),
    /// Metadata that does not hold.
    #[error(transparent)]
    Verify(#[from] VerifyError),
    /// A change that does not fit.
    #[error(transparent)]
    Edit(#[from] TufEditError),
    /// A target that has no place.
    #[error(transparent)]
    TargetPath(#[from] InvalidTargetPath),
    /// A key.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// Another place that the repository is read from.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A trust server.
    #[error(transparent)]
    Server(#[from] TransportError),
    /// What is staged was made for the state that is here.
    #[error("something is staged in {dir}; publish it, or drop it, before you take over what others published")]
    Staged {
        /// The folder.
        dir: String,
    },
    /// Metadata that no reader would verify.
    #[error("{role} cannot be signed: {cause}")]
    NotCanonical {
        /// The role.
        role: RoleName,
        /// The number.
        cause: NotCanonical,
    },
    /// No role of that name, or none that lists targets.
    #[error("the repository has no role {role} that lists targets")]
    NoSuchRole {
        /// The role.
        role: RoleName,
    },
    /// A role whose name cannot be a file of a web server.
    #[error("a role cannot be named {role:?} here: its file would lie elsewhere")]
    RoleName {
        /// The role.
        role: String,
    },
    /// A role of that name is or was there.
    #[error("there is, or was, a role {role}; choose another name")]
    RoleTaken {
        /// The role.
        role: RoleName,
    },
    /// A role does not list a target.
    #[error("{role} does not list {path}")]
    NotListed {
        /// The role.
        role: RoleName,
        /// The target.
        path: String,
    },
    /// No reader would ask the role for it.
    #[error(
        "{role} may not list {path:?}: no role that delegates to it admits that path, so no reader looks for it there; list it \
         elsewhere, or delegate the path first"
    )]
    NotAdmitted {
        /// The role.
        role: RoleName,
        /// The target, cut.
        path: String,
    },
    /// Another role is asked for it before any hash bin, and none behind that.
    #[error("readers ask {role} for {path:?} and no role behind it, so not the hash bins either; choose {role} for it")]
    Shadowed {
        /// The role that is asked.
        role: RoleName,
        /// The target, cut.
        path: String,
    },
    /// What is staged was made for another state.
    #[error(
        "version {staged} of {role} is staged, but version {published} is published; drop what is staged and change it anew"
    )]
    Stale {
        /// The role.
        role: RoleName,
        /// The staged version.
        staged: Version,
        /// The published version.
        published: Version,
    },
    /// Other content than what is staged.
    #[error("the file of {role} does not say what is staged, so its signatures are of no use here")]
    OtherContent {
        /// The role.
        role: RoleName,
    },
    /// Signatures are missing.
    #[error("{role} has {found} of {needed} signatures; these keys could sign: {}", list(.wanted))]
    MissingSignatures {
        /// The role.
        role: RoleName,
        /// How many are needed.
        needed: Threshold,
        /// How many there are.
        found: usize,
        /// Keys that could sign and have not, by the ids that key folders know.
        wanted: Vec<KeyId>,
    },
    /// There is nothing to publish.
    #[error("nothing is staged in {dir}")]
    NothingStaged {
        /// The folder.
        dir: String,
    },
}

fn list(keys: &[KeyId]) -> String {
    keys.iter().map(KeyId::as_str).collect::<Vec<_>>().join(", ")
}

/// Gives I/O errors their path.
pub(super) fn at(path: &std::path::Path) -> impl Fn(std::io::Error) -> RepositoryError + '_ {
    |cause| RepositoryError::Io { path: path.display().to_string(), cause }
}
