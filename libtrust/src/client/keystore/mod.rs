//! Private keys: where they are, how they are opened, and signing with them.
//!
//! [`FileKeyStore`] is the folder that Docker and Notary use, [`MemoryKeyStore`] is for keys that nobody keeps,
//! [`KeyStores`] asks several in order. Passphrases come from [`Passphrases`].

mod error;
mod file;
mod held;
mod key_file;
mod memory;
mod passphrases;
mod several;
mod unlock;

use std::sync::Arc;

pub use error::KeyStoreError;
pub use file::{FileKeyStore, ImportDefaults, ImportRefusal, ImportReport, Imported, ImportedBlock};
pub use held::HeldKey;
pub use memory::MemoryKeyStore;
pub use passphrases::{
    EnvironmentNames, FixedPassphrase, MIN_PASSPHRASE_CHARACTERS, PassphraseChain, PassphraseDescriptor,
    PassphraseEnvironment, PassphraseError, PassphraseFile, PassphraseRequest, Passphrases, PassphrasesByRole,
    long_enough,
};
pub use several::KeyStores;

use crate::keys::{PublicKey, Signature, SigningKey};
use crate::names::{Gun, KeyId};

/// A private key that can sign, wherever it is.
pub trait Signer: Send + Sync {
    /// Its public key, as a plain key (never a certificate).
    fn public_key(&self) -> &PublicKey;

    /// Signs `message`; the signature names the key `id`, which is the id under which the metadata lists it.
    ///
    /// # Errors
    /// If the key, or the token that holds it, does not sign.
    fn sign(&self, id: &KeyId, message: &[u8]) -> Result<Signature, KeyStoreError>;
}

/// What a stored key is for. Notary keeps it in the key file's headers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyUse {
    /// `root`, `targets`, `snapshot`, a signer's name (`alice`), `delegation`, or a whole role name.
    pub role: String,
    /// The collection, for the keys of targets, snapshot and timestamp.
    pub gun: Option<Gun>,
}

/// A key as the store lists it, unopened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// Its canonical id: that of the plain public key, also if metadata lists it in a certificate.
    pub id: KeyId,
    /// What it is for.
    pub key_use: KeyUse,
    /// Where it is, for people: a folder, a token's name.
    pub location: String,
}

/// Something that should be a key and cannot be listed as one. It is left as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableKey {
    /// The file, or the token's object.
    pub location: String,
    /// What is wrong with it.
    pub why: String,
}

/// A place that keeps private keys, by canonical id. One may be made of several, asked in order.
pub trait KeyStore: Send + Sync {
    /// Every key, unopened, sorted by id. What cannot be read is left out: see [`KeyStore::unreadable`].
    ///
    /// # Errors
    /// If the store cannot be read.
    fn list(&self) -> Result<Vec<KeyEntry>, KeyStoreError>;

    /// What looks like a key and cannot be listed, for people to look after.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn unreadable(&self) -> Result<Vec<UnreadableKey>, KeyStoreError> {
        Ok(Vec::new())
    }

    /// Opens a key, asking for its passphrase where it has one; once opened it stays open as long as the store lives.
    ///
    /// # Errors
    /// [`KeyStoreError::Missing`] if it is not here, else why it could not be opened.
    fn open(&self, id: &KeyId) -> Result<Arc<dyn Signer>, KeyStoreError>;

    /// Adds a key, sealed with a new passphrase. A key of the same id must not be there yet.
    ///
    /// # Errors
    /// [`KeyStoreError::Exists`], or why it could not be stored. Once this returns the key is durable.
    fn add(&self, key: SigningKey, key_use: KeyUse) -> Result<KeyEntry, KeyStoreError>;

    /// Removes a key for good.
    ///
    /// # Errors
    /// [`KeyStoreError::Missing`] if it is not here, else why it could not be removed.
    fn remove(&self, id: &KeyId) -> Result<(), KeyStoreError>;
}
