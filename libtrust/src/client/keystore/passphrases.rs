//! Where passphrases come from.

use zeroize::Zeroizing;

use crate::names::{Gun, KeyId};

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
    /// A new passphrase is not long enough, or was not repeated the same.
    #[error("{0}")]
    Refused(String),
}
