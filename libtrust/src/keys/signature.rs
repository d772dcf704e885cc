//! A signature as metadata carries it.

use crate::names::KeyId;

/// How signature bytes were made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SignatureScheme {
    /// ECDSA over SHA-256 whatever the curve, r and s as fixed-width big-endian numbers (Notary's `ecdsa`).
    EcdsaFixed,
    /// RSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (Notary's `rsapss`).
    RsaPss,
    /// RSA PKCS#1 v1.5 with SHA-256; read only (Notary's `rsapkcs1v15`).
    RsaPkcs1v15,
    /// Pure Ed25519 (Notary's `eddsa`).
    Ed25519,
    /// A scheme this code does not know; it never counts.
    Other(String),
}

/// One signature over the canonical form of `signed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The key that claims to have made it.
    pub key_id: KeyId,
    /// How.
    pub scheme: SignatureScheme,
    /// The decoded bytes.
    pub bytes: Vec<u8>,
}
