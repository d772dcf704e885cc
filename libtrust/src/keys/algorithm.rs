//! Kinds of keys.

use std::fmt;
use std::str::FromStr;

/// What `keytype` says a public key is.
///
/// The `X509` forms carry a certificate bundle in PEM instead of the bare key; Notary's root keys are such.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyType {
    /// An elliptic curve key: DER `SubjectPublicKeyInfo`.
    Ecdsa,
    /// A certificate bundle over an elliptic curve key.
    EcdsaX509,
    /// An RSA key: DER `SubjectPublicKeyInfo`.
    Rsa,
    /// A certificate bundle over an RSA key.
    RsaX509,
    /// An Ed25519 key: 32 bytes.
    Ed25519,
    /// A kind this code does not know. It stays in the file and never counts.
    Other(String),
}

impl KeyType {
    /// The name as Notary writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::EcdsaX509 => "ecdsa-x509",
            Self::Rsa => "rsa",
            Self::RsaX509 => "rsa-x509",
            Self::Ed25519 => "ed25519",
            Self::Other(name) => name,
        }
    }

    /// True for the kinds that carry certificates.
    #[must_use]
    pub const fn is_x509(&self) -> bool {
        matches!(self, Self::EcdsaX509 | Self::RsaX509)
    }
}

impl From<&str> for KeyType {
    fn from(name: &str) -> Self {
        match name {
            "ecdsa" => Self::Ecdsa,
            "ecdsa-x509" => Self::EcdsaX509,
            "rsa" => Self::Rsa,
            "rsa-x509" => Self::RsaX509,
            "ed25519" => Self::Ed25519,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The kinds of keys this project makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyAlgorithm {
    /// ECDSA on P-256.
    Ecdsa,
    /// Ed25519.
    Ed25519,
}

impl KeyAlgorithm {
    /// The name in configuration, in the signer's tables and on its wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ecdsa => "ecdsa",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The type of the public keys it makes.
    #[must_use]
    pub const fn key_type(self) -> KeyType {
        match self {
            Self::Ecdsa => KeyType::Ecdsa,
            Self::Ed25519 => KeyType::Ed25519,
        }
    }
}

impl FromStr for KeyAlgorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "ecdsa" => Ok(Self::Ecdsa),
            "ed25519" => Ok(Self::Ed25519),
            other => Err(UnknownAlgorithm { name: other.chars().take(64).collect() }),
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A key algorithm this project does not make keys of. RSA keys can be read and verified, never made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no keys of algorithm {name:?} are made; use ecdsa or ed25519")]
pub struct UnknownAlgorithm {
    /// The name given.
    pub name: String,
}
