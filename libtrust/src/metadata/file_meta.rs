//! What one file says about the bytes of another.

use ring::digest::{SHA256, SHA512, digest};

use super::Version;

/// Digests of some bytes. Both may be absent: whoever relies on them checks [`Digests::overlaps`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256.
    pub sha256: Option<[u8; 32]>,
    /// SHA-512.
    pub sha512: Option<[u8; 64]>,
    /// Whether digests of algorithms that are not known here are listed as well.
    pub others: bool,
}

impl Digests {
    /// Both digests of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: digest(&SHA256, bytes).as_ref().try_into().ok(),
            sha512: digest(&SHA512, bytes).as_ref().try_into().ok(),
            others: false,
        }
    }

    /// The SHA-256 of `bytes` alone, where that is enough: it is the one every file is named by.
    #[must_use]
    pub fn sha256_of(bytes: &[u8]) -> Self {
        Self { sha256: digest(&SHA256, bytes).as_ref().try_into().ok(), ..Self::default() }
    }

    /// Whether there is none at all, not even one of an algorithm that is not known.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sha256.is_none() && self.sha512.is_none() && !self.others
    }

    /// Whether both know some algorithm, so that comparing them proves anything.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.sha256.is_some() && other.sha256.is_some() || self.sha512.is_some() && other.sha512.is_some()
    }

    /// The name of the first algorithm that both know and disagree on.
    #[must_use]
    pub fn disagreement(&self, other: &Self) -> Option<&'static str> {
        fn differ<T: PartialEq>(a: Option<T>, b: Option<T>) -> bool {
            matches!((a, b), (Some(a), Some(b)) if a != b)
        }
        if differ(self.sha256, other.sha256) {
            return Some("sha256");
        }
        differ(self.sha512, other.sha512).then_some("sha512")
    }
}

/// How one metadata file names another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileMeta {
    /// Its version; only TUF 1.0 says it.
    pub version: Option<Version>,
    /// Its length in bytes, exactly; always there in Notary's dialect.
    pub length: Option<u64>,
    /// Its digests; SHA-256 is always there in Notary's dialect.
    pub digests: Digests,
}

impl FileMeta {
    /// What is to be held against `named`: length, and of the digests those that are listed there. Its version is not known
    /// from bytes alone.
    #[must_use]
    pub fn to_compare(named: &Self, bytes: &[u8]) -> Self {
        let digests = match named.digests {
            Digests { sha256: None, sha512: None, .. } => Digests::default(),
            Digests { sha512: None, .. } => Digests::sha256_of(bytes),
            _ => Digests::of(bytes),
        };
        Self { version: None, length: Some(bytes.len() as u64), digests }
    }

    /// What names exactly these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { version: None, length: Some(bytes.len() as u64), digests: Digests::of(bytes) }
    }
}
