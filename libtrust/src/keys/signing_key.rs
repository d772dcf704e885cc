//! Private keys this project makes: generate, sign, and the two plain forms Notary's signer stores.

use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use x509_cert::der::asn1::{AnyRef, BitStringRef, ContextSpecific, OctetStringRef};
use x509_cert::der::{Decode, Reader, SliceReader};
use zeroize::Zeroizing;

use super::{KeyAlgorithm, PublicKey, Signature, SignatureScheme};
use crate::names::KeyId;

/// DER of a P-256 `SubjectPublicKeyInfo` up to its 65-byte point.
const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// DER of a SEC1 `ECPrivateKey` up to the 32-byte scalar, and from there to the 65-byte point.
const SEC1_HEAD: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
const SEC1_MIDDLE: [u8; 17] =
    [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00];

/// A private key in memory, wiped when dropped. Has no `Debug` that shows it.
pub struct SigningKey {
    algorithm: KeyAlgorithm,
    public: PublicKey,
    secret: Secret,
}

enum Secret {
    /// The parsed pair for signing, the scalar for storing.
    Ecdsa {
        pair: Box<EcdsaKeyPair>,
        scalar: Zeroizing<[u8; 32]>,
    },
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl SigningKey {
    /// Makes a new key from `random`.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn generate(algorithm: KeyAlgorithm, random: &dyn SecureRandom) -> Result<Self, SigningFailed> {
        match algorithm {
            KeyAlgorithm::Ed25519 => {
                let mut seed = Zeroizing::new([0; 32]);
                random.fill(seed.as_mut()).map_err(|_| SigningFailed)?;
                Ok(Self::ed25519(&seed))
            }
            KeyAlgorithm::Ecdsa => {
                let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, random)
                    .map_err(|_| SigningFailed)?;
                Self::ecdsa_from_pkcs8(pkcs8.as_ref()).map_err(|_| SigningFailed)
            }
        }
    }

    /// Reads the plain form Notary's signer seals: SEC1 `ECPrivateKey` DER for ECDSA P-256; public key, seed and public
    /// key again (96 bytes) for Ed25519.
    ///
    /// # Errors
    /// If the bytes are not such a key, or its public part does not belong to the private one.
    pub fn from_plain(algorithm: KeyAlgorithm, plain: &[u8]) -> Result<Self, InvalidPrivateKey> {
        match algorithm {
            KeyAlgorithm::Ecdsa => Self::ecdsa_from_sec1(plain),
            KeyAlgorithm::Ed25519 => {
                let seed = plain.get(32..64).filter(|_| plain.len() == 96);
                let seed: &[u8; 32] = seed.and_then(|s| s.try_into().ok()).ok_or(InvalidPrivateKey(algorithm))?;
                let key = Self::ed25519(seed);
                if plain != key.to_plain().as_slice() {
                    return Err(InvalidPrivateKey(algorithm));
                }
                Ok(key)
            }
        }
    }

    /// Reads a P-256 key from PKCS#8 DER, without attributes.
    ///
    /// # Errors
    /// If the bytes are not such a key, or its public part is missing or does not belong to the private one.
    pub fn ecdsa_from_pkcs8(der: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let invalid = InvalidPrivateKey(KeyAlgorithm::Ecdsa);
        let mut reader = SliceReader::new(der).map_err(|_| invalid)?;
        let sec1 = reader.sequence(|inner| {
            u8::decode(inner)?;
            AnyRef::decode(inner)?;
            Ok::<_, x509_cert::der::Error>(<&OctetStringRef>::decode(inner)?.as_bytes())
        });
        Self::ecdsa_from_sec1(sec1.map_err(|_| invalid)?)
    }

    /// The plain form that [`SigningKey::from_plain`] reads.
    #[must_use]
    pub fn to_plain(&self) -> Zeroizing<Vec<u8>> {
        match &self.secret {
            Secret::Ecdsa { pair, scalar } => {
                let mut sec1 = Zeroizing::new(Vec::with_capacity(121));
                sec1.extend_from_slice(&SEC1_HEAD);
                sec1.extend_from_slice(scalar.as_ref());
                sec1.extend_from_slice(&SEC1_MIDDLE);
                sec1.extend_from_slice(pair.public_key().as_ref());
                sec1
            }
            Secret::Ed25519(key) => {
                let public = key.verifying_key().to_bytes();
                Zeroizing::new([&public[..], key.as_bytes(), &public[..]].concat())
            }
        }
    }

    /// Its algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> KeyAlgorithm {
        self.algorithm
    }

    /// Its public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`, naming the key `id`.
    ///
    /// # Errors
    /// If the random source for the nonce fails (ECDSA).
    pub fn sign(&self, id: &KeyId, message: &[u8], random: &dyn SecureRandom) -> Result<Signature, SigningFailed> {
        let (scheme, bytes) = match &self.secret {
            Secret::Ecdsa { pair, .. } => {
                let signature = pair.sign(random, message).map_err(|_| SigningFailed)?;
                (SignatureScheme::EcdsaFixed, signature.as_ref().to_vec())
            }
            Secret::Ed25519(key) => {
                use ed25519_dalek::Signer as _;
                (SignatureScheme::Ed25519, key.sign(message).to_bytes().to_vec())
            }
        };
        Ok(Signature { key_id: id.clone(), scheme, bytes })
    }

    fn ed25519(seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let algorithm = KeyAlgorithm::Ed25519;
        let public = PublicKey { key_type: algorithm.key_type(), public: key.verifying_key().to_bytes().to_vec() };
        Self { algorithm, public, secret: Secret::Ed25519(Box::new(key)) }
    }

    fn ecdsa_from_sec1(der: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let algorithm = KeyAlgorithm::Ecdsa;
        let (scalar, point) = parse_sec1(der).ok_or(InvalidPrivateKey(algorithm))?;
        // ring checks that the point belongs to the scalar.
        let random = ring::rand::SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            scalar.as_ref(),
            point,
            &random,
        )
        .map_err(|_| InvalidPrivateKey(algorithm))?;
        let public = PublicKey { key_type: algorithm.key_type(), public: [&P256_SPKI_PREFIX[..], point].concat() };
        Ok(Self { algorithm, public, secret: Secret::Ecdsa { pair: Box::new(pair), scalar } })
    }
}

/// Scalar and point of a SEC1 `ECPrivateKey` (RFC 5915). The point must be there: every writer we read includes it.
fn parse_sec1(der: &[u8]) -> Option<(Zeroizing<[u8; 32]>, &[u8])> {
    let mut reader = SliceReader::new(der).ok()?;
    let (scalar, point) = reader
        .sequence(|inner| {
            u8::decode(inner)?;
            let scalar = <&OctetStringRef>::decode(inner)?.as_bytes();
            ContextSpecific::<AnyRef<'_>>::decode_explicit(inner, x509_cert::der::TagNumber(0))?;
            let point = ContextSpecific::<BitStringRef<'_>>::decode_explicit(inner, x509_cert::der::TagNumber(1))?;
            Ok::<_, x509_cert::der::Error>((scalar, point))
        })
        .ok()?;
    let point = point?.value.as_bytes()?;
    let scalar: [u8; 32] = scalar.try_into().ok()?;
    Some((Zeroizing::new(scalar), point))
}

/// The random source failed, or the key cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library could not produce a key or signature; is the system's random source available?")]
pub struct SigningFailed;

/// Bytes that are not a private key of the algorithm, or whose public part does not match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a private {0} key, or its public part does not match")]
pub struct InvalidPrivateKey(pub KeyAlgorithm);

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

    const ALGORITHMS: [KeyAlgorithm; 2] = [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519];

    #[test]
    fn a_new_key_signs_what_its_public_key_verifies() {
        let random = SystemRandom::new();
        let id: KeyId = "k".parse().unwrap();
        for algorithm in ALGORITHMS {
            let key = SigningKey::generate(algorithm, &random).unwrap();
            let signature = key.sign(&id, b"message", &random).unwrap();
            let verifying = key.public_key().verifying_key().unwrap();
            assert_eq!(verifying.verify(&signature.scheme, b"message", &signature.bytes), Ok(()));
            assert!(verifying.verify(&signature.scheme, b"massage", &signature.bytes).is_err());
        }
    }

    #[test]
    fn the_plain_form_has_the_sizes_notary_stores_and_reads_back() {
        let random = SystemRandom::new();
        for (algorithm, size) in [(KeyAlgorithm::Ecdsa, 121), (KeyAlgorithm::Ed25519, 96)] {
            let key = SigningKey::generate(algorithm, &random).unwrap();
            let plain = key.to_plain();
            assert_eq!(plain.len(), size);
            assert_eq!(SigningKey::from_plain(algorithm, &plain).unwrap().public_key(), key.public_key());
        }
    }

    #[test]
    fn a_key_whose_halves_do_not_match_is_refused() {
        let random = SystemRandom::new();
        for algorithm in ALGORITHMS {
            let mut plain = SigningKey::generate(algorithm, &random).unwrap().to_plain();
            plain[40] ^= 1;
            assert!(SigningKey::from_plain(algorithm, &plain).is_err());
            assert!(SigningKey::from_plain(algorithm, &plain[..95.min(plain.len() - 1)]).is_err());
        }
    }
}
