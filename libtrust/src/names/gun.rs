//! The name of a trust collection.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A globally unique name: the image name a collection is about, such as `docker.io/library/alpine` or
/// `registry.example:5000/team/app`.
///
/// Up to [`Gun::MAX_BYTES`] bytes, not empty, without control characters and without `*` (Notary's route does not
/// match one). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Gun(Arc<str>);

impl Gun {
    /// The longest name Notary's tables can hold, in bytes (`varchar(255)`).
    pub const MAX_BYTES: usize = 255;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Compares, hashes and orders as its text.
impl Borrow<str> for Gun {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Gun {
    type Err = InvalidGun;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(InvalidGun::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(InvalidGun::TooLong { bytes: text.len() });
        }
        match text.chars().find(|c| c.is_control() || *c == '*') {
            Some(found) => Err(InvalidGun::Character { found }),
            None => Ok(Self(text.into())),
        }
    }
}

impl fmt::Display for Gun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Gun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gun({:?})", &self.0)
    }
}

/// Why a text is not a [`Gun`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidGun {
    /// Nothing was given.
    #[error("an image name cannot be empty")]
    Empty,
    /// More than [`Gun::MAX_BYTES`].
    #[error("an image name has at most {} bytes, this one has {bytes}", Gun::MAX_BYTES)]
    TooLong {
        /// Length found, in bytes.
        bytes: usize,
    },
    /// A control character or `*`.
    #[error("an image name cannot hold {found:?}")]
    Character {
        /// The character.
        found: char,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_names_are_guns() {
        for text in ["a", "docker.io/library/alpine", "reg.example:5000/team/app", "with space", "é/ü"] {
            assert_eq!(text.parse::<Gun>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_storage_or_logs_cannot_hold_is_refused() {
        assert_eq!("".parse::<Gun>(), Err(InvalidGun::Empty));
        assert!(matches!("a".repeat(256).parse::<Gun>(), Err(InvalidGun::TooLong { bytes: 256 })));
        for text in ["a\nb", "a\0", "a*", "\u{7f}"] {
            assert!(matches!(text.parse::<Gun>(), Err(InvalidGun::Character { .. })), "{text:?}");
        }
    }
}
