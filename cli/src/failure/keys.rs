//! Why a private key cannot be used.

use libtrust::client::{KeyStoreError, PassphraseError};

use super::Failure;
use crate::exit::Exit;

impl From<KeyStoreError> for Failure {
    fn from(error: KeyStoreError) -> Self {
        let (exit, hint) = match &error {
            KeyStoreError::Missing { .. } => {
                (Exit::Key, "the key may be on another machine: bring it here, or use the one it is on")
            }
            KeyStoreError::Exists { .. } => (Exit::Failure, "nothing was changed; the key that is there stays"),
            KeyStoreError::Passphrase { cause: PassphraseError::Wrong, .. } => {
                (Exit::Key, "nothing was changed; try again with the right passphrase")
            }
            KeyStoreError::Passphrase { .. } => {
                (Exit::Key, "run it in a terminal, or set the variable that Docker or notary use for this passphrase")
            }
            KeyStoreError::Unusable { .. } => (Exit::Key, "restore the key from a backup"),
            KeyStoreError::Signing { .. } => (Exit::Key, "check that the token is there and unlocked"),
            KeyStoreError::Io { .. } => (Exit::Key, "check that you may read and write the trust folder (--trust-dir)"),
            _ => return Self::caused(Exit::Key, &error),
        };
        Self::caused(exit, &error).hint(hint)
    }
}

impl From<PassphraseError> for Failure {
    fn from(error: PassphraseError) -> Self {
        Self::caused(Exit::Key, &error)
    }
}

#[cfg(test)]
mod tests {
    use libtrust::names::KeyId;

    use super::*;

    #[test]
    fn every_trouble_with_a_key_has_its_exit_code() {
        let id = || "ab".repeat(32).parse::<KeyId>().unwrap();
        let text = || "somewhere".to_owned();
        let cases = [
            (KeyStoreError::Missing { id: id(), location: text() }, 23),
            (KeyStoreError::Exists { id: id(), location: text() }, 1),
            (KeyStoreError::Passphrase { id: id(), cause: PassphraseError::Wrong }, 23),
            (KeyStoreError::Passphrase { id: id(), cause: PassphraseError::Unavailable(text()) }, 23),
            (KeyStoreError::Passphrase { id: id(), cause: PassphraseError::Refused(text()) }, 23),
            (KeyStoreError::Unusable { what: text(), why: text() }, 23),
            (KeyStoreError::Signing { id: id(), why: text() }, 23),
            (KeyStoreError::Io { path: text(), cause: std::io::Error::other("full") }, 23),
        ];
        for (error, code) in cases {
            let shown = format!("{error:?}");
            let failure = Failure::from(error);
            assert_eq!(failure.exit().code(), code, "{shown}");
            assert!(!failure.hints().is_empty(), "{shown}");
        }
        assert_eq!(Failure::from(PassphraseError::Wrong).exit(), Exit::Key);
    }
}
