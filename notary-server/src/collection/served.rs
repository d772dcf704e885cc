//! A file ready to be sent.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::HeaderValue;
use libtrust::metadata::Version;

use crate::storage::{Sha256, StoredFile};

/// A stored file with the headers that describe it, made once and sent many times.
#[derive(Debug, Clone)]
pub struct ServedFile {
    /// Its version.
    pub version: Version,
    /// Its bytes, as stored.
    pub bytes: Bytes,
    /// Digest of the bytes.
    pub sha256: Sha256,
    /// Strong entity tag: the digest in hex, quoted.
    pub etag: HeaderValue,
    /// When it was stored, as an HTTP date.
    pub last_modified: HeaderValue,
}

impl ServedFile {
    pub(super) fn new(version: Version, bytes: Bytes, sha256: Sha256, stored_at: DateTime<Utc>) -> Self {
        let header = |text: String| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        Self {
            version,
            bytes,
            sha256,
            etag: header(format!("\"{}\"", hex::encode(sha256))),
            last_modified: header(stored_at.format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        }
    }

    /// Rough size in memory, in bytes.
    pub(super) fn weight(&self) -> u32 {
        u32::try_from(self.bytes.len() + 512).unwrap_or(u32::MAX)
    }
}

impl From<StoredFile> for ServedFile {
    fn from(file: StoredFile) -> Self {
        Self::new(file.version, file.bytes, file.sha256, file.stored_at)
    }
}
