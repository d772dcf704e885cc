//! Where passphrases come from: the environment, a file, a descriptor, or several of them in order.
//!
//! Asking a person belongs to the program that has the terminal; it is one more [`Passphrases`].

mod chain;
mod descriptor;
mod environment;
mod file;
mod fixed;
mod secret;

use zeroize::Zeroizing;

pub use chain::PassphraseChain;
pub use descriptor::PassphraseDescriptor;
pub use environment::{EnvironmentNames, PassphraseEnvironment};
pub use file::PassphraseFile;
pub use fixed::{FixedPassphrase, PassphrasesByRole};

use crate::names::{Gun, KeyId};

/// Least characters of a passphrase that a person chooses, as Notary and Docker ask for.
pub const MIN_PASSPHRASE_CHARACTERS: usize = 8;

/// What a passphrase is needed for.
#[derive(Debug, Clone)]
pub struct PassphraseRequest<'a> {
    /// What the key is for, as its file says: `root`, `targets`, a signer's name.
    pub role: &'a str,
    /// The collection it is for, if it is for one.
    pub gun: Option<&'a Gun>,
    /// The key, if it has an id yet.
    pub id: Option<&'a KeyId>,
    /// True if the passphrase is to be chosen, not remembered.
    pub is_new: bool,
    /// How many answers were wrong so far.
    pub wrong_answers: u32,
}

/// Somebody, or something, that knows passphrases.
pub trait Passphrases: Send + Sync {
    /// The passphrase for a key. Asked again, with `wrong_answers` counted up, as long as answers do not open the key.
    ///
    /// # Errors
    /// If there is none, or no further one.
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError>;
}

impl PassphraseRequest<'_> {
    /// What a source that knows a single answer says once that was wrong.
    ///
    /// # Errors
    /// [`PassphraseError::WrongIn`] if an answer was wrong already.
    pub fn first_answer(&self, origin: &str) -> Result<(), PassphraseError> {
        if self.wrong_answers > 0 { Err(PassphraseError::WrongIn { origin: origin.to_owned() }) } else { Ok(()) }
    }
}

/// Holds a passphrase that a person chose to the least length. Words from the environment or a file are taken as they
/// are.
///
/// # Errors
/// [`PassphraseError::Refused`] if it is shorter than [`MIN_PASSPHRASE_CHARACTERS`].
pub fn long_enough(chosen: &str) -> Result<(), PassphraseError> {
    if chosen.chars().count() < MIN_PASSPHRASE_CHARACTERS {
        return Err(PassphraseError::Refused(format!(
            "the passphrase is too short: use at least {MIN_PASSPHRASE_CHARACTERS} characters, best from a password manager"
        )));
    }
    Ok(())
}

/// Why there is no passphrase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PassphraseError {
    /// Nobody to ask and nothing set; the text names the variable or option that would give it.
    #[error("{0}")]
    Unavailable(String),
    /// Every answer was wrong.
    #[error("the passphrase is wrong")]
    Wrong,
    /// The one answer that a source knows was wrong.
    #[error("the passphrase in {origin} is wrong; put the right one there")]
    WrongIn {
        /// The variable, file or descriptor.
        origin: String,
    },
    /// A new passphrase is not long enough, or was not repeated the same.
    #[error("{0}")]
    Refused(String),
}

#[cfg(test)]
mod tests;
