//! Where a repository's files come from.

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use super::{MetadataName, TargetPath};

/// The bytes of an artifact as they arrive, in pieces of no particular size.
pub type ArtifactBytes = Pin<Box<dyn Stream<Item = Result<Bytes, SourceError>> + Send>>;

/// A repository's files, wherever they are. Nothing that comes from here is trusted.
///
/// An implementation asks for exactly what it is told to, once: no retries, nothing ahead of time.
#[async_trait]
pub trait Source: Send + Sync {
    /// Its name for messages: an address or a folder.
    fn name(&self) -> &str;

    /// A metadata file of at most `limit` bytes; nothing if there is none.
    ///
    /// # Errors
    /// [`SourceError::TooLarge`] beyond the limit, else why it could not be had. Not knowing whether there is a file is an
    /// error: a reader that took it for "none" could be kept from newer keys.
    async fn metadata(&self, name: &MetadataName, limit: u64) -> Result<Option<Bytes>, SourceError>;

    /// An artifact, under `PREFIX.` and its name where a prefix is given; nothing if there is none. Whoever reads it counts
    /// the bytes.
    ///
    /// # Errors
    /// Why it could not be had.
    async fn artifact(&self, path: &TargetPath, prefix: Option<&str>) -> Result<Option<ArtifactBytes>, SourceError>;
}

/// Why a file could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No connection, or it broke.
    #[error("cannot read {file} from {origin}: {cause}")]
    Unreachable {
        /// The source.
        origin: String,
        /// What was asked for.
        file: String,
        /// Why.
        cause: String,
    },
    /// The server's certificate is not trusted, or ours was refused.
    #[error("no trusted connection to {origin}: {cause}")]
    Tls {
        /// The source.
        origin: String,
        /// Why.
        cause: String,
    },
    /// The connection stands and nothing comes.
    #[error("{origin} stopped in the middle of {file}: nothing came for {seconds} s")]
    Silent {
        /// The source.
        origin: String,
        /// What was asked for.
        file: String,
        /// How long, in seconds.
        seconds: u64,
    },
    /// An answer that says neither what the file is nor that there is none.
    #[error("{origin} answered with status {status} for {file}")]
    Status {
        /// The source.
        origin: String,
        /// What was asked for.
        file: String,
        /// The HTTP status.
        status: u16,
    },
    /// More bytes than allowed. What came so far was thrown away.
    #[error("{origin} has more than {limit} bytes for {file}")]
    TooLarge {
        /// The source.
        origin: String,
        /// What was asked for.
        file: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A folder that does not give its file.
    #[error("cannot read {file} in {origin}: {cause}")]
    Unreadable {
        /// The folder.
        origin: String,
        /// The file.
        file: String,
        /// Why.
        cause: String,
    },
    /// The place of the artifacts is not known.
    #[error("where {origin} has its targets is not known; name their base address")]
    NoTargets {
        /// The source of the metadata.
        origin: String,
    },
}
