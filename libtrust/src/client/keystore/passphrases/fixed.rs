//! A passphrase that is known already.

use zeroize::Zeroizing;

use super::{PassphraseError, PassphraseRequest, Passphrases};

/// One passphrase for every key.
pub struct FixedPassphrase(Zeroizing<String>);

impl FixedPassphrase {
    /// This one.
    pub fn new(passphrase: impl Into<String>) -> Self {
        Self(Zeroizing::new(passphrase.into()))
    }
}

impl Passphrases for FixedPassphrase {
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        if request.wrong_answers > 0 { Err(PassphraseError::Wrong) } else { Ok(self.0.clone()) }
    }
}

impl std::fmt::Debug for FixedPassphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FixedPassphrase(..)")
    }
}

/// One source for root keys and one for all others, the way Docker divides them.
#[derive(Debug, Clone)]
pub struct PassphrasesByRole<R, O> {
    /// Asked for root keys.
    pub root: R,
    /// Asked for every other key.
    pub others: O,
}

impl<R: Passphrases, O: Passphrases> Passphrases for PassphrasesByRole<R, O> {
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        if request.role == "root" { self.root.passphrase(request) } else { self.others.passphrase(request) }
    }
}
