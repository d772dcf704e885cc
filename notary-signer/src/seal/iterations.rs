//! How often the passphrase is hashed.

use std::num::NonZeroU32;

const RANDOM_LENGTH: usize = 43;

/// PBKDF2 rounds between a passphrase and the key it gives: the price of one guess, and of opening one key.
///
/// Which number is right depends on the passphrase alone: see [`Iterations::suited_to`]. Tokens carry their own number,
/// so it can change from key to key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Iterations(NonZeroU32);

impl Iterations {
    /// The least that is read or written: 1,000 (RFC 7518 section 4.8.1.2). Only for passphrases of full entropy.
    pub const MIN: Self = Self::known(1_000);
    /// What Notary's signer writes: 8,192.
    pub const NOTARY: Self = Self::known(8_192);
    /// For passphrases of 256 random bits, which nobody guesses at any price: 10,000, a little more than Notary's.
    pub const RANDOM: Self = Self::known(10_000);
    /// For passphrases chosen by people: 600,000 (OWASP's figure for PBKDF2-HMAC-SHA256).
    pub const HUMAN: Self = Self::known(600_000);
    /// The most that is read or written: 10,000,000. Stops a forged row from keeping a core busy for minutes.
    pub const MAX: Self = Self::known(10_000_000);

    /// What a passphrase deserves. From 43 bytes on it is taken for random: 32 bytes in base64 or hex.
    #[must_use]
    pub const fn suited_to(passphrase: &str) -> Self {
        if passphrase.len() >= RANDOM_LENGTH { Self::RANDOM } else { Self::HUMAN }
    }

    /// The number.
    #[must_use]
    pub const fn count(self) -> NonZeroU32 {
        self.0
    }

    const fn known(count: u32) -> Self {
        match NonZeroU32::new(count) {
            Some(count) => Self(count),
            None => Self(NonZeroU32::MAX),
        }
    }
}

impl TryFrom<u64> for Iterations {
    type Error = InvalidIterations;

    fn try_from(count: u64) -> Result<Self, InvalidIterations> {
        let small = u32::try_from(count).ok().and_then(NonZeroU32::new).map(Self);
        small.filter(|n| (Self::MIN..=Self::MAX).contains(n)).ok_or(InvalidIterations { count })
    }
}

/// A number outside [`Iterations::MIN`] to [`Iterations::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{count} PBKDF2 iterations; between {} and {} are accepted",
    Iterations::MIN.count(),
    Iterations::MAX.count()
)]
pub struct InvalidIterations {
    /// The number given.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_keys_cost_more_than_notarys_under_any_passphrase() {
        let random = "x".repeat(RANDOM_LENGTH);
        assert!(Iterations::suited_to(&random) > Iterations::NOTARY);
        assert_eq!(Iterations::suited_to("chosen by a person"), Iterations::HUMAN);
    }
}
