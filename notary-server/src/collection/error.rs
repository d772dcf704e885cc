//! What can go wrong between a request and an answer.

use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};

use crate::accept::Refusal;
use crate::signer::SignerError;
use crate::storage::StorageError;

/// Why a file could not be read. Absence is not among these.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadFailure {
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The stored files of a collection do not fit together.
    #[error(
        "the stored files of {gun} do not fit together: {fault}; restore it from a backup, or delete and re-publish it"
    )]
    Torn {
        /// The collection.
        gun: Gun,
        /// What is missing or unreadable.
        fault: String,
    },
    /// Something that is neither the client's fault nor an outage.
    #[error("{0}")]
    Broken(String),
    /// The signer failed.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Why an upload was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishFailure {
    /// It breaks a rule.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A stored version is as new or newer.
    #[error("{role} version {offered} is not newer than the stored version {stored}; update and publish again")]
    Conflict {
        /// The role.
        role: RoleName,
        /// The version offered.
        offered: Version,
        /// The newest stored.
        stored: Version,
    },
    /// The store cannot keep this name apart from another collection's.
    #[error(
        "this server stores {stored} already and its database cannot tell the two names apart; choose a name that differs \
         in more than case"
    )]
    NameTaken {
        /// The name of the stored collection.
        stored: String,
    },
    /// Other writers were faster, again and again.
    #[error("other writers of {gun} were faster {attempts} times; try again")]
    Contended {
        /// The collection.
        gun: Gun,
        /// How often.
        attempts: u32,
    },
    /// Storage, signer or stored state failed.
    #[error(transparent)]
    Failed(#[from] ReadFailure),
}

impl PublishFailure {
    /// Whether storage or signer are away, so that the next collection would fail just the same.
    pub(super) const fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Failed(
                ReadFailure::Storage(StorageError::Backend { .. }) | ReadFailure::Signer(SignerError::Unavailable(_))
            )
        )
    }
}

impl From<StorageError> for PublishFailure {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<SignerError> for PublishFailure {
    fn from(error: SignerError) -> Self {
        Self::Failed(error.into())
    }
}
