//! Why an upload is refused.

use libtrust::dialect::MalformedFile;
use libtrust::metadata::Version;
use libtrust::names::RoleName;
use libtrust::verify::VerifyError;

/// Why an upload is refused, by the type Notary's clients know the refusal under.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A part is not JSON, or lacks what every role has.
    #[error(transparent)]
    Malformed(MalformedFile),
    /// `ErrValidation`: nothing to judge by.
    #[error("{0}")]
    Validation(String),
    /// `ErrBadRoot`.
    #[error("{0}")]
    BadRoot(String),
    /// `ErrBadTargets`: targets or a delegation.
    #[error("{0}")]
    BadTargets(String),
    /// `ErrBadSnapshot`.
    #[error("{0}")]
    BadSnapshot(String),
    /// `ErrBadHierarchy`: a file is missing that only a client can make.
    #[error("{message}")]
    BadHierarchy {
        /// The role that is missing.
        missing: RoleName,
        /// What to do.
        message: String,
    },
}

impl Refusal {
    /// The name Notary's clients know this refusal by; nothing for a malformed file, which has a code of its own.
    #[must_use]
    pub const fn name(&self) -> Option<&'static str> {
        match self {
            Self::Malformed(_) => None,
            Self::Validation(_) => Some("ErrValidation"),
            Self::BadRoot(_) => Some("ErrBadRoot"),
            Self::BadTargets(_) => Some("ErrBadTargets"),
            Self::BadSnapshot(_) => Some("ErrBadSnapshot"),
            Self::BadHierarchy { .. } => Some("ErrBadHierarchy"),
        }
    }

    /// A refusal about a file of `role`.
    #[must_use]
    pub fn about(role: &RoleName, message: String) -> Self {
        match role {
            RoleName::Root | RoleName::Timestamp => Self::BadRoot(message),
            RoleName::Targets | RoleName::Delegation(_) => Self::BadTargets(message),
            RoleName::Snapshot => Self::BadSnapshot(message),
        }
    }

    pub(super) fn version_too_large(role: &RoleName, version: Version, largest: u64) -> Self {
        Self::about(role, format!("{role} version {version} is beyond {largest}, the largest that can be stored"))
    }

    pub(super) fn of(role: &RoleName) -> impl Fn(VerifyError) -> Self {
        move |error| Self::about(role, error.to_string())
    }
}

/// Errors that name no uploaded file are about the stored root.
impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::BadRoot(format!("the stored root cannot be used: {error}"))
    }
}
