//! Private keys in PEM: every form that Notary, Docker and OpenSSL write, and the one that Notary and Docker read.
//!
//! | label | inside |
//! |---|---|
//! | `ENCRYPTED PRIVATE KEY` | PKCS#8 sealed by PBES2: PBKDF2 with the PRF it names, or scrypt; AES-CBC or AES-GCM |
//! | `PRIVATE KEY` | PKCS#8 |
//! | `EC PRIVATE KEY`, `RSA PRIVATE KEY`, `ED25519 PRIVATE KEY` | SEC1, PKCS#1, Notary's 96 bytes |
//!
//! All but the first may be sealed as OpenSSL once did (`Proc-Type`, `DEK-Info`). Written is the first alone.

mod legacy;
mod pbes2;
mod pem;

use zeroize::Zeroizing;

pub use pem::Pem;

use crate::keys::{InvalidPrivateKey, KeyAlgorithm, SigningKey};

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
/// Headers of RFC 1421, about the sealing and not about the key.
const RFC_1421: [&str; 2] = ["Proc-Type", legacy::DEK_INFO];

/// A PEM block that says it is a private key. Has no `Debug`: it may be a plain one.
#[derive(Clone)]
pub struct KeyBlock {
    pem: Pem,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Sealed,
    Pkcs8,
    Sec1,
    Pkcs1,
    Ed25519,
}

impl KeyBlock {
    /// The block, if its label is that of a private key.
    pub fn new(pem: Pem) -> Option<Self> {
        let form = match pem.label.as_str() {
            ENCRYPTED => Form::Sealed,
            "PRIVATE KEY" => Form::Pkcs8,
            "EC PRIVATE KEY" => Form::Sec1,
            "RSA PRIVATE KEY" => Form::Pkcs1,
            "ED25519 PRIVATE KEY" => Form::Ed25519,
            _ => return None,
        };
        Some(Self { pem, form })
    }

    /// Seals a key, with these headers.
    pub fn seal(key: &SigningKey, passphrase: &str, headers: Vec<(String, String)>) -> Result<Self, SealFailed> {
        Self::seal_with(key, passphrase, headers, pbes2::ROUNDS)
    }

    fn seal_with(
        key: &SigningKey,
        passphrase: &str,
        headers: Vec<(String, String)>,
        rounds: u32,
    ) -> Result<Self, SealFailed> {
        let content = pbes2::seal(&key.to_pkcs8(), passphrase, rounds)?;
        Ok(Self { pem: Pem { label: ENCRYPTED.to_owned(), headers, content }, form: Form::Sealed })
    }

    /// Whether a passphrase is needed to open it.
    pub fn is_sealed(&self) -> bool {
        self.form == Form::Sealed || self.pem.header(legacy::DEK_INFO).is_some()
    }

    /// The value of a header: `role`, `gun`, `path`.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.pem.header(name).filter(|value| !value.is_empty())
    }

    /// The headers that are about the key.
    pub fn headers(&self) -> Vec<(String, String)> {
        self.pem.headers.iter().filter(|(name, _)| !RFC_1421.contains(&name.as_str())).cloned().collect()
    }

    /// The same block with another header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.pem.headers.retain(|(found, _)| found != name);
        self.pem.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// As text, in the form Go writes.
    pub fn to_text(&self) -> Zeroizing<String> {
        self.pem.to_text()
    }

    /// Opens it. The passphrase is not looked at if it is not sealed.
    pub fn open(&self, passphrase: &str) -> Result<SigningKey, OpenFailed> {
        let content = &self.pem.content;
        let plain = match (self.form, self.pem.header(legacy::DEK_INFO)) {
            (Form::Sealed, _) => pbes2::open(content, passphrase)?,
            (_, Some(dek_info)) => legacy::open(dek_info, content, passphrase)?,
            (_, None) => content.clone(),
        };
        let key = match self.form {
            Form::Sealed | Form::Pkcs8 => SigningKey::from_pkcs8(&plain),
            Form::Sec1 => SigningKey::from_sec1(&plain),
            Form::Pkcs1 => SigningKey::from_pkcs1(&plain),
            Form::Ed25519 => SigningKey::from_plain(KeyAlgorithm::Ed25519, &plain),
        };
        key.map_err(|why| self.failure(&plain, &why))
    }

    /// A key that cannot sign here is told from the noise that a wrong passphrase makes by its shape.
    fn failure(&self, plain: &[u8], why: &InvalidPrivateKey) -> OpenFailed {
        let is_noise = self.form == Form::Ed25519 || !is_sequence(plain);
        if self.is_sealed() && is_noise { OpenFailed::WrongPassphrase } else { OpenFailed::Unusable(why.to_string()) }
    }
}

/// Whether it is exactly one DER sequence: noise is one once in some hundred thousand times.
fn is_sequence(plain: &[u8]) -> bool {
    use x509_cert::der::{Decode, Tag, Tagged, asn1::AnyRef};
    AnyRef::from_der(plain).is_ok_and(|any| any.tag() == Tag::Sequence)
}

/// Why a block does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenFailed {
    /// It was sealed with another passphrase.
    #[error("the passphrase is wrong")]
    WrongPassphrase,
    /// It is damaged, or a kind of key or sealing that cannot be used; why.
    #[error("{0}")]
    Unusable(String),
}

/// The random source or the cryptographic library failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key cannot be sealed; is the system's random source available?")]
pub struct SealFailed;

#[cfg(test)]
mod tests;
