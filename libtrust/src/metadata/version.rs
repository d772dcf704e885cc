//! Versions and thresholds: numbers that cannot be zero.

use std::fmt;
use std::num::{NonZeroU32, NonZeroU64};

/// The version of a metadata file: 1 to 2^53 (above that Notary's readers lose digits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(NonZeroU64);

impl Version {
    /// The first version of a file.
    pub const FIRST: Self = Self(NonZeroU64::MIN);
    /// The largest version.
    pub const MAX: u64 = 1 << 53;

    /// As a number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// The version after this one; the largest stays itself.
    #[must_use]
    pub const fn next(self) -> Self {
        if self.0.get() >= Self::MAX { self } else { Self(self.0.saturating_add(1)) }
    }
}

impl TryFrom<u64> for Version {
    type Error = InvalidVersion;

    fn try_from(number: u64) -> Result<Self, Self::Error> {
        match NonZeroU64::new(number) {
            Some(n) if number <= Self::MAX => Ok(Self(n)),
            _ => Err(InvalidVersion),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number outside 1 to 2^53.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is a whole number from 1 to 2^53")]
pub struct InvalidVersion;

/// How many distinct keys must sign a role: 1 or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Threshold(NonZeroU32);

impl Threshold {
    /// One key is enough.
    pub const ONE: Self = Self(NonZeroU32::MIN);

    /// As a number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

impl TryFrom<u32> for Threshold {
    type Error = InvalidThreshold;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        NonZeroU32::new(number).map(Self).ok_or(InvalidThreshold)
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A threshold of zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a threshold is 1 or more")]
pub struct InvalidThreshold;
