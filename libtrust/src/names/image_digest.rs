//! Digests of manifests.

use std::fmt;
use std::str::FromStr;

use super::InvalidImageReference;

/// The digest of an image's manifest: `sha256:` and 64 hex digits, or `sha512:` and 128.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageDigest(String);

impl ImageDigest {
    /// The digest of these bytes, by SHA-256.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(ring::digest::digest(&ring::digest::SHA256, bytes))))
    }

    /// True if these bytes have this digest.
    #[must_use]
    pub fn is_of(&self, bytes: &[u8]) -> bool {
        let algorithm = if self.algorithm() == "sha512" { &ring::digest::SHA512 } else { &ring::digest::SHA256 };
        hex::encode(ring::digest::digest(algorithm, bytes)) == self.hex()
    }

    /// `sha256` or `sha512`.
    #[must_use]
    pub fn algorithm(&self) -> &str {
        self.0.split_once(':').map_or("", |(algorithm, _)| algorithm)
    }

    /// The digest itself, in lower-case hex.
    #[must_use]
    pub fn hex(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, hex)| hex)
    }

    /// With the algorithm before it: `sha256:6b0e..`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ImageDigest {
    type Err = InvalidImageReference;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = match text.split_once(':') {
            Some(("sha256", hex)) if hex.len() == 64 => hex,
            Some(("sha512", hex)) if hex.len() == 128 => hex,
            _ => "",
        };
        if digits.is_empty() || !digits.bytes().all(is_lower_hex) {
            return Err(InvalidImageReference::Digest { found: text.chars().take(160).collect() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ImageDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}
