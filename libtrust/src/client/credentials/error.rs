//! Why credentials cannot be read.

/// Why there is no answer to who somebody is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        cause: String,
    },
    /// A file or variable has not the form it should have. Never holds what stands there.
    #[error("{place}: {why}")]
    Malformed {
        /// The file, variable, or entry.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A credential helper did not answer as it should.
    #[error("docker-credential-{helper} gave no credentials for {server}: {why}")]
    Helper {
        /// The helper's name, without `docker-credential-`.
        helper: String,
        /// What it was asked for.
        server: String,
        /// Why.
        why: String,
    },
}

impl CredentialsError {
    pub(super) fn malformed(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Malformed { place: place.into(), why: why.into() }
    }
}
