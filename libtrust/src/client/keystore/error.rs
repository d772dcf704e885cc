//! Why a private key cannot be used.

use super::PassphraseError;
use crate::names::KeyId;

/// Why a key store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyStoreError {
    /// The key is not here.
    #[error("no private key {id} in {location}")]
    Missing {
        /// The key.
        id: KeyId,
        /// Where it was looked for.
        location: String,
    },
    /// A key of that id is here already.
    #[error("key {id} is already in {location}")]
    Exists {
        /// The key.
        id: KeyId,
        /// Where.
        location: String,
    },
    /// No passphrase opened it.
    #[error("cannot open key {id}: {cause}")]
    Passphrase {
        /// The key.
        id: KeyId,
        /// Why.
        cause: PassphraseError,
    },
    /// There is no passphrase to seal it with.
    #[error("cannot store key {id}: {cause}")]
    NewPassphrase {
        /// The key.
        id: KeyId,
        /// Why.
        cause: PassphraseError,
    },
    /// The file is named for one key and holds another. Its name may have been changed, or the file swapped.
    #[error("{path} is named for another key: it holds {found}; rename it to {found}.key, or remove it")]
    Misnamed {
        /// The file.
        path: String,
        /// The id of the key inside.
        found: KeyId,
    },
    /// This store does not keep such keys.
    #[error("{location} does not keep this key: {why}")]
    Declined {
        /// The store.
        location: String,
        /// Why.
        why: String,
    },
    /// The key does not decode, or is of a kind that cannot sign here.
    #[error("{what} is not a usable private key: {why}")]
    Unusable {
        /// The key's id or file.
        what: String,
        /// Why.
        why: String,
    },
    /// The key or its token did not sign.
    #[error("key {id} did not sign: {why}")]
    Signing {
        /// The key.
        id: KeyId,
        /// Why.
        why: String,
    },
    /// The store cannot be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
}
