//! A private key in memory that signs.

use ring::rand::SystemRandom;

use super::{KeyStoreError, Signer};
use crate::keys::{PublicKey, Signature, SigningKey};
use crate::names::KeyId;

/// An opened key. It is wiped from memory when the last who holds it lets it go.
pub struct HeldKey(SigningKey);

impl From<SigningKey> for HeldKey {
    fn from(key: SigningKey) -> Self {
        Self(key)
    }
}

impl Signer for HeldKey {
    fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    fn sign(&self, id: &KeyId, message: &[u8]) -> Result<Signature, KeyStoreError> {
        self.0
            .sign(id, message, &SystemRandom::new())
            .map_err(|why| KeyStoreError::Signing { id: id.clone(), why: why.to_string() })
    }
}

impl std::fmt::Debug for HeldKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HeldKey").field(&self.0.public_key().key_type).finish()
    }
}
