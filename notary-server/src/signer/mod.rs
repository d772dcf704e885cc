//! Who signs snapshots and timestamps: a narrow trait, so that the server never holds a private key itself.

#[cfg(test)]
mod contract;
pub mod local;
pub mod remote;

use async_trait::async_trait;
use libtrust::keys::{KeyAlgorithm, PublicKey, Signature};
use libtrust::names::{Gun, KeyId, RoleName};

/// Holds the online keys of the server's collections.
#[async_trait]
pub trait OnlineSigner: Send + Sync + 'static {
    /// A public key for this GUN and role that has not signed yet: the pending one if there is one, else a new one.
    /// However many ask at once, they get the same key.
    ///
    /// # Errors
    /// When the key store cannot be reached or written.
    async fn create_key(&self, gun: &Gun, role: &RoleName, algorithm: KeyAlgorithm) -> Result<PublicKey, SignerError>;

    /// The public key with this id, if the signer holds it.
    ///
    /// # Errors
    /// When the key store cannot be reached or read; an unknown key is `None`, not an error.
    async fn public_key(&self, id: &KeyId) -> Result<Option<PublicKey>, SignerError>;

    /// Signs `message` (the canonical form of `signed`) with a key made for exactly this GUN and role.
    ///
    /// # Errors
    /// [`SignerError::UnknownKey`] if there is no such key, [`SignerError::Refused`] if it was made for another GUN or
    /// role, else when the key store cannot be reached.
    async fn sign(&self, id: &KeyId, gun: &Gun, role: &RoleName, message: &[u8]) -> Result<Signature, SignerError>;

    /// Proves that the signer can be reached and its keys read; used by health checks.
    ///
    /// # Errors
    /// When it cannot.
    async fn check(&self) -> Result<(), SignerError>;

    /// Lets go of files and connections. Calls after it may fail.
    async fn close(&self) {}
}

/// Why the signer did not sign.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignerError {
    /// The signer has no such key.
    #[error("the signer holds no key {0}")]
    UnknownKey(KeyId),
    /// The key may not be used for this.
    #[error("the signer refuses: {0}")]
    Refused(String),
    /// The key is there and cannot be used: sealed under another passphrase, or its row is damaged. Other keys may work.
    #[error("{0}")]
    UnusableKey(String),
    /// The signer takes no message of this length. Asking again does not help.
    #[error("the signer does not take the {bytes} bytes of this collection's {role} ({reason})")]
    TooLarge {
        /// What was to be signed.
        role: RoleName,
        /// Its length, in bytes.
        bytes: usize,
        /// Which signer, and its words.
        reason: String,
    },
    /// The signer or its key store failed. Goes to the log, never to a client.
    #[error("the signer is not available: {0}")]
    Unavailable(String),
}
