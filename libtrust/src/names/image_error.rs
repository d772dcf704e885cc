//! Why a text names no image.

use super::image::MAX_TAG;

/// Why a text is not an [`ImageReference`](super::ImageReference).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidImageReference {
    /// Nothing was given.
    #[error("an image name cannot be empty")]
    Empty,
    /// Longer than a name may be.
    #[error("an image name has at most {most} bytes here, this one has {bytes}")]
    TooLong {
        /// Length found, in bytes.
        bytes: usize,
        /// Longest length, in bytes.
        most: usize,
    },
    /// The registry is not a host.
    #[error("{found:?} is not a registry: expected a host name or address, and perhaps :PORT")]
    Registry {
        /// What stands there.
        found: String,
    },
    /// The repository has a form no registry takes.
    #[error("{found:?} is not a repository: expected lower-case letters and digits, joined by one of . _ __ - or /")]
    Path {
        /// What stands there.
        found: String,
    },
    /// The tag is no tag.
    #[error("{found:?} is not a tag: expected up to {} letters, digits, and _ . - not at the start", MAX_TAG)]
    Tag {
        /// What stands there, cut.
        found: String,
    },
    /// The digest is no digest.
    #[error("{found:?} is not a digest: expected sha256: and 64 lower-case hex digits, or sha512: and 128")]
    Digest {
        /// What stands there, cut.
        found: String,
    },
    /// An image's id on some machine, which means nothing elsewhere.
    #[error("{id} is an image's id on one machine, not its name: give the name")]
    Id {
        /// The id.
        id: String,
    },
}
