//! A signature as metadata carries it.

use crate::names::KeyId;

/// How signature bytes were made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SignatureScheme {
    /// ECDSA over SHA-256 whatever the curve, r and s as fixed-width big-endian numbers (Notary's `ecdsa`).
    EcdsaFixed,
    /// RSA-PSS with SHA-256, MGF1 with SHA-256 and a salt of 32 bytes (Notary's `rsapss`,
    /// TUF's `rsassa-pss-sha256`).
    RsaPss,
    /// RSA PKCS#1 v1.5 with SHA-256; read only (Notary's `rsapkcs1v15`).
    RsaPkcs1v15,
    /// Pure Ed25519 (Notary's `eddsa`, TUF's `ed25519`).
    Ed25519,
    /// ECDSA on P-256 over SHA-256, r and s as a DER sequence (TUF's `ecdsa-sha2-nistp256`).
    EcdsaP256Der,
    /// ECDSA on P-384 over SHA-384, r and s as a DER sequence (TUF's `ecdsa-sha2-nistp384`).
    EcdsaP384Der,
    /// RSA-PSS with SHA-384 throughout (TUF's `rsassa-pss-sha384`).
    RsaPssSha384,
    /// RSA-PSS with SHA-512 throughout (TUF's `rsassa-pss-sha512`).
    RsaPssSha512,
    /// However the key says it signs (TUF 1.0, whose signatures do not say).
    OfKey,
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
