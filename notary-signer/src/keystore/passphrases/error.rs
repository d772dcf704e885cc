//! Passphrases that are not there, or cannot be used. None of these shows one.

use super::Passphrases;

/// A passphrase or alias that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPassphrase {
    /// The alias does not fit.
    #[error(
        "a passphrase alias has 1 to {} bytes and no control characters, this one has {bytes} bytes",
        Passphrases::MAX_ALIAS_BYTES
    )]
    Alias {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// Nothing is not a passphrase.
    #[error("the passphrase of alias {alias:?} is empty")]
    Empty {
        /// The alias.
        alias: String,
    },
}

/// Why there is no passphrase for an alias.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// A row's alias is none.
    #[error(
        "the passphrase alias has {bytes} bytes or control characters; one has 1 to {} bytes and none",
        Passphrases::MAX_ALIAS_BYTES
    )]
    Alias {
        /// Its length, in bytes.
        bytes: usize,
    },
    /// No source has one.
    #[error(
        "no passphrase is configured for alias {alias:?}; provide it {}",
        if places.is_empty() { "beside the others" } else { places }
    )]
    Unknown {
        /// The alias.
        alias: String,
        /// Where it was looked for.
        places: String,
    },
    /// Nothing is not a passphrase.
    #[error("the passphrase of alias {alias:?} is empty in {origin}; put the passphrase there")]
    Empty {
        /// The alias.
        alias: String,
        /// The variable or file.
        origin: String,
    },
    /// More than a passphrase.
    #[error(
        "{origin} has more than the {} bytes of a passphrase (alias {alias:?}); is it the right one?",
        Passphrases::MAX_PASSPHRASE_BYTES
    )]
    TooLong {
        /// The alias.
        alias: String,
        /// The variable or file.
        origin: String,
    },
    /// A variable and the one naming a file are both set.
    #[error(
        "both {variable} and {variable}_FILE are set, so the passphrase of alias {alias:?} is not clear; unset one"
    )]
    Ambiguous {
        /// The alias.
        alias: String,
        /// The variable.
        variable: String,
    },
    /// It is there and cannot be read.
    #[error("the passphrase of alias {alias:?} cannot be read from {origin}: {reason}")]
    Unreadable {
        /// The alias.
        alias: String,
        /// The variable or file.
        origin: String,
        /// Why.
        reason: String,
    },
}
