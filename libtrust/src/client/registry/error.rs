//! Why a registry did not tell what an image is.

use crate::names::{ImageDigest, ImageReference};

/// Why a registry did not answer, or with something else than what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no such image.
    #[error("{registry} has no {image}")]
    NotFound {
        /// The registry.
        registry: String,
        /// What was asked for.
        image: ImageReference,
    },
    /// The image is of another registry than this one.
    #[error("{image} is not an image of {registry}")]
    OtherRegistry {
        /// The registry.
        registry: String,
        /// What was asked for.
        image: ImageReference,
    },
    /// Credentials are missing, wrong, or do not suffice.
    #[error("{registry} does not let you pull {image}: {cause}")]
    Unauthorized {
        /// The registry.
        registry: String,
        /// What was asked for.
        image: ImageReference,
        /// What the registry or its token service said.
        cause: String,
    },
    /// The bytes are not those of the digest.
    #[error("{registry} sent something else for {image}: its digest is {found}, not {expected}")]
    OtherDigest {
        /// The registry.
        registry: String,
        /// What was asked for.
        image: ImageReference,
        /// The digest that was asked for, or that the registry claims.
        expected: ImageDigest,
        /// The digest of what came.
        found: ImageDigest,
    },
    /// The answer is not a manifest as registries send them.
    #[error("{registry} sent no usable manifest for {image}: {why}")]
    Malformed {
        /// The registry.
        registry: String,
        /// What was asked for.
        image: ImageReference,
        /// What is wrong.
        why: String,
    },
    /// More bytes than a manifest may have.
    #[error("{registry} sent more than {limit} bytes for the manifest of {image}")]
    TooLarge {
        /// The registry.
        registry: String,
        /// What was asked for.
        image: ImageReference,
        /// The limit, in bytes.
        limit: u64,
    },
    /// The registry is there and does not do it.
    #[error("{registry} does not answer for {image}: status {status}, {message}")]
    Refused {
        /// The registry.
        registry: String,
        /// What was asked for.
        image: ImageReference,
        /// The HTTP status.
        status: u16,
        /// Its words, cut.
        message: String,
    },
    /// No connection, or it broke.
    #[error("cannot reach {registry}: {cause}")]
    Unreachable {
        /// The registry.
        registry: String,
        /// Why.
        cause: String,
    },
    /// Its certificate is not trusted, or ours was refused.
    #[error("no trusted connection to {registry}: {cause}")]
    Tls {
        /// The registry.
        registry: String,
        /// Why.
        cause: String,
    },
}
