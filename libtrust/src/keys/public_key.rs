//! A public key as metadata carries it.

use super::certificate::{first_certificate_key, first_certificate_spki};
use super::{KeyType, SignatureScheme, UnusableKey, VerifyingKey};

/// A public key: its kind and the decoded bytes of its public part (shape by [`KeyType`]).
///
/// Holding one says nothing about whether it can be used: [`PublicKey::verifying_key`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The kind.
    pub key_type: KeyType,
    /// The public part: DER, PEM text or raw bytes.
    pub public: Vec<u8>,
    /// How it signs, where the key says so (TUF 1.0); in Notary's dialect each signature does.
    pub scheme: Option<SignatureScheme>,
}

impl PublicKey {
    /// A key that does not say how it signs.
    #[must_use]
    pub const fn new(key_type: KeyType, public: Vec<u8>) -> Self {
        Self { key_type, public, scheme: None }
    }

    /// The plain key inside a certificate; nothing if it is no certificate or does not decode.
    #[must_use]
    pub fn plain(&self) -> Option<Self> {
        let key_type = match self.key_type {
            KeyType::EcdsaX509 => KeyType::Ecdsa,
            KeyType::RsaX509 => KeyType::Rsa,
            _ => return None,
        };
        Some(Self::new(key_type, first_certificate_spki(&self.public)?))
    }

    /// The key that checks signatures; for certificates, that of the first one. Certificates' names and dates are **not**
    /// judged here.
    ///
    /// # Errors
    /// If the kind is unknown or the bytes do not decode to a key of that kind: the key can never count.
    pub fn verifying_key(&self) -> Result<VerifyingKey, UnusableKey> {
        match &self.key_type {
            KeyType::Ed25519 => VerifyingKey::from_ed25519(&self.public),
            KeyType::Ecdsa | KeyType::Rsa => VerifyingKey::from_spki(&self.public, &self.key_type),
            KeyType::EcdsaX509 | KeyType::RsaX509 => first_certificate_key(&self.public, &self.key_type),
            KeyType::Other(name) => Err(UnusableKey::UnknownType(name.chars().take(64).collect())),
        }
    }
}
