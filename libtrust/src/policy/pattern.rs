//! Which names a rule is for.

use std::fmt;
use std::str::FromStr;

use crate::names::Gun;

/// An image name, or the beginning of one and `*`. Upper and lower case differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamePattern {
    text: String,
    is_prefix: bool,
}

impl NamePattern {
    /// Whether the rule is for this name.
    #[must_use]
    pub fn matches(&self, gun: &Gun) -> bool {
        if self.is_prefix { gun.as_str().starts_with(&self.text) } else { gun.as_str() == self.text }
    }

    /// Whether the rule is for every name that `other` is for.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.is_prefix && other.text.starts_with(&self.text)
    }

    /// Orders patterns that match the same name: an exact one is the heaviest, then the longest prefix.
    pub(super) fn weight(&self) -> (bool, usize) {
        (!self.is_prefix, self.text.len())
    }
}

impl FromStr for NamePattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (start, is_prefix) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        let plain = start.is_empty() && is_prefix || start.parse::<Gun>().is_ok();
        if plain { Ok(Self { text: start.to_owned(), is_prefix }) } else { Err(InvalidPattern(text.to_owned())) }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.text, if self.is_prefix { "*" } else { "" })
    }
}

/// A text that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither an image name nor the beginning of one and a `*`")]
pub struct InvalidPattern(String);
