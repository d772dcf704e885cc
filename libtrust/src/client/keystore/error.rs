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
