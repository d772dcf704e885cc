//! Public keys in PEM files, as signers hand them to whoever gives them a role.

use chrono::{DateTime, Utc};
use x509_cert::der::Decode as _;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::certificate::{CertificateBundle, CertificateFault, certificate_fault, first_certificate_key};
use super::{KeyType, PublicKey, UnusableKey};

/// Largest file read, in bytes, as in Docker.
const MAX_BYTES: usize = 1 << 20;
/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const ED25519_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
const PUBLIC_KEY: &str = "PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";

impl PublicKey {
    /// Reads a PEM file with one public key or one certificate, as `docker trust signer add` and `notary delegation add`
    /// take them. A certificate must be valid at `now`.
    ///
    /// # Errors
    /// If it is anything else, or the key could never count.
    pub fn from_pem(text: &[u8], now: DateTime<Utc>) -> Result<Self, InvalidPublicKeyFile> {
        let block = match pem::parse_many(text.get(..MAX_BYTES + 1).unwrap_or(text)) {
            Ok(blocks) if text.len() <= MAX_BYTES => match <[pem::Pem; 1]>::try_from(blocks) {
                Ok([block]) => block,
                Err(blocks) => return Err(InvalidPublicKeyFile::Blocks { found: blocks.len() }),
            },
            _ => return Err(InvalidPublicKeyFile::Pem),
        };
        let key = match block.tag() {
            PUBLIC_KEY => from_spki(block.contents())?,
            CERTIFICATE => from_certificate(block.contents(), now)?,
            label if label.ends_with("PRIVATE KEY") => return Err(InvalidPublicKeyFile::Private),
            label => return Err(InvalidPublicKeyFile::Label { label: label.chars().take(64).collect() }),
        };
        key.verifying_key()?;
        Ok(key)
    }

    /// The PEM file of this key, which [`PublicKey::from_pem`], Docker and Notary read. A plain key says in a header what
    /// it is for; a certificate is its own text.
    #[must_use]
    pub fn to_pem(&self, role: &str) -> String {
        let spki = match self.key_type {
            KeyType::EcdsaX509 | KeyType::RsaX509 => return String::from_utf8_lossy(&self.public).into_owned(),
            KeyType::Ed25519 => [&ED25519_HEAD[..], &self.public].concat(),
            _ => self.public.clone(),
        };
        let mut block = pem::Pem::new(PUBLIC_KEY, spki);
        // A role that cannot be a header is left out: it is a remark.
        let _ = block.headers_mut().add("role", role);
        pem::encode_config(&block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
    }
}

fn from_spki(der: &[u8]) -> Result<PublicKey, InvalidPublicKeyFile> {
    if let Some(raw) = der.strip_prefix(&ED25519_HEAD[..]) {
        return Ok(PublicKey::new(KeyType::Ed25519, raw.to_vec()));
    }
    SubjectPublicKeyInfoRef::from_der(der).map_err(|e| InvalidPublicKeyFile::Malformed { why: e.to_string() })?;
    let of = |key_type| PublicKey::new(key_type, der.to_vec());
    let ecdsa = of(KeyType::Ecdsa);
    let is_rsa = !matches!(of(KeyType::Rsa).verifying_key(), Err(UnusableKey::Malformed { .. }));
    Ok(if is_rsa { of(KeyType::Rsa) } else { ecdsa })
}

fn from_certificate(der: &[u8], now: DateTime<Utc>) -> Result<PublicKey, InvalidPublicKeyFile> {
    let fault = certificate_fault(der, now).map_err(|why| InvalidPublicKeyFile::Malformed { why })?;
    if let Some(fault) = fault {
        return Err(fault.into());
    }
    let public = CertificateBundle::to_pem(&[der]).into_bytes();
    let is_rsa = first_certificate_key(&public, &KeyType::RsaX509).is_ok();
    Ok(PublicKey::new(if is_rsa { KeyType::RsaX509 } else { KeyType::EcdsaX509 }, public))
}

/// Why a file gives no public key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPublicKeyFile {
    /// Not PEM, or over 1 MiB.
    #[error("it is not a PEM file of at most {MAX_BYTES} bytes")]
    Pem,
    /// Nothing in it, or several things.
    #[error("it holds {found} PEM blocks; one public key or one certificate is needed")]
    Blocks {
        /// How many there are.
        found: usize,
    },
    /// It is secret, and nobody else's business.
    #[error("it is a private key: keep it, and give the public key")]
    Private,
    /// A block of another kind.
    #[error("it is a {label}; a PUBLIC KEY or a CERTIFICATE is needed")]
    Label {
        /// The block's label.
        label: String,
    },
    /// It does not decode.
    #[error("it does not decode: {why}")]
    Malformed {
        /// The decoder's words.
        why: String,
    },
    /// A certificate that speaks for nobody now.
    #[error("the certificate cannot be used: {0}")]
    Certificate(#[from] CertificateFault),
    /// A key that could never count.
    #[error(transparent)]
    Unusable(#[from] UnusableKey),
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;
    use crate::keys::{KeyAlgorithm, SigningKey};
    use crate::testing::now;

    #[test]
    fn what_is_written_is_read() {
        for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
            let key = SigningKey::generate(algorithm, &SystemRandom::new()).unwrap();
            let text = key.public_key().to_pem("alice");
            assert!(text.starts_with("-----BEGIN PUBLIC KEY-----\nrole: alice\n\nM"), "{text}");
            assert_eq!(PublicKey::from_pem(text.as_bytes(), now()).unwrap(), *key.public_key(), "{text}");
            let twice = text.repeat(2);
            let refused = PublicKey::from_pem(twice.as_bytes(), now());
            assert_eq!(refused, Err(InvalidPublicKeyFile::Blocks { found: 2 }));
        }
    }

    #[test]
    fn a_certificate_is_a_key_as_long_as_it_is_valid() {
        let made = rcgen::generate_simple_self_signed(vec![]).unwrap();
        let text = made.cert.pem();
        let key = PublicKey::from_pem(text.as_bytes(), now()).unwrap();
        assert_eq!(key.key_type, KeyType::EcdsaX509);
        assert_eq!(key.to_pem("alice").replace('\r', ""), text.replace('\r', ""));
        let far = DateTime::from_timestamp(1 << 38, 0).unwrap();
        let refused = PublicKey::from_pem(text.as_bytes(), far);
        assert!(matches!(refused, Err(InvalidPublicKeyFile::Certificate(CertificateFault::Expired { .. }))));
    }

    #[test]
    fn other_things_are_told_apart() {
        let block = |label| pem::encode(&pem::Pem::new(label, vec![1, 2, 3]));
        let read = |text: &str| PublicKey::from_pem(text.as_bytes(), now()).unwrap_err();
        assert_eq!(read(&block("EC PRIVATE KEY")), InvalidPublicKeyFile::Private);
        assert!(matches!(read(&block("PUBLIC KEY")), InvalidPublicKeyFile::Malformed { .. }));
        assert!(matches!(read(&block("CERTIFICATE")), InvalidPublicKeyFile::Malformed { .. }));
        assert!(matches!(read(&block("X")), InvalidPublicKeyFile::Label { .. }));
        assert_eq!(read("nothing"), InvalidPublicKeyFile::Blocks { found: 0 });
        assert_eq!(read(&"a".repeat(MAX_BYTES + 1)), InvalidPublicKeyFile::Pem);
    }
}
