//! The name of a key.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A key's name in metadata. In Notary's dialect it is 64 lower-case hex digits, the digest of the key object; TUF 1.0
/// treats it as opaque. Compared exactly.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// The longest id read, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for KeyId {
    type Err = InvalidKeyId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            return Err(InvalidKeyId { bytes: text.len() });
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", &self.0)
    }
}

/// A text that cannot name a key: empty, over [`KeyId::MAX_BYTES`], or with control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a key id has 1 to {} bytes and no control characters, this one has {bytes} bytes", KeyId::MAX_BYTES)]
pub struct InvalidKeyId {
    /// Length found, in bytes.
    pub bytes: usize,
}
