//! Private keys in memory: generate, sign, and the two plain forms Notary's signer stores.

use ring::rand::SecureRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use zeroize::Zeroizing;

use super::private_der::{
    InvalidPrivateKey, P256_SPKI_PREFIX, Pkcs8, SEC1_HEAD, SEC1_MIDDLE, Sec1, rsa_public_key_info,
};
use super::{KeyAlgorithm, KeyType, PublicKey, Signature, SignatureScheme};
use crate::names::KeyId;

/// A private key in memory, wiped when dropped. Has no `Debug` that shows it.
pub struct SigningKey {
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
    /// Loaded, never made. The parsed pair for signing, its PKCS#1 form for storing.
    Rsa {
        pair: Box<RsaKeyPair>,
        pkcs1: Zeroizing<Vec<u8>>,
    },
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
                let pkcs8 = Zeroizing::new(pkcs8.as_ref().to_vec());
                Self::from_pkcs8(&pkcs8).map_err(|_| SigningFailed)
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
            KeyAlgorithm::Ecdsa => Self::from_sec1(plain),
            KeyAlgorithm::Ed25519 => {
                let seed = plain.get(32..64).filter(|_| plain.len() == 96);
                let seed: &[u8; 32] =
                    seed.and_then(|s| s.try_into().ok()).ok_or(InvalidPrivateKey::Mismatch(KeyType::Ed25519))?;
                let key = Self::ed25519(seed);
                if plain != key.to_plain().as_slice() {
                    return Err(InvalidPrivateKey::Mismatch(KeyType::Ed25519));
                }
                Ok(key)
            }
        }
    }

    /// Reads PKCS#8 DER (RFC 5208, RFC 5958) as Notary, Go, OpenSSL and ring write it: ECDSA P-256, RSA with or without
    /// the NULL of its algorithm, Ed25519 of RFC 8410 and in Notary's own form.
    ///
    /// # Errors
    /// If it is something else, a kind of key that cannot sign here, or its public part does not belong to the private
    /// one.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, InvalidPrivateKey> {
        match Pkcs8::parse(der)? {
            Pkcs8::P256 { sec1 } => Self::from_sec1(sec1),
            Pkcs8::Rsa { pkcs1 } => Self::from_pkcs1(pkcs1),
            Pkcs8::Ed25519Seed(seed) => Ok(Self::ed25519(seed)),
            Pkcs8::NotaryEd25519(plain) => Self::from_plain(KeyAlgorithm::Ed25519, plain),
        }
    }

    /// Reads a P-256 key from SEC1 `ECPrivateKey` DER (RFC 5915).
    ///
    /// # Errors
    /// If it is something else, of another curve, or its public part is missing or does not belong to the private one.
    pub fn from_sec1(der: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let Sec1 { scalar, point } = Sec1::parse(der)?;
        // ring checks that the point belongs to the scalar.
        let random = ring::rand::SystemRandom::new();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            scalar.as_ref(),
            point,
            &random,
        )
        .map_err(|_| InvalidPrivateKey::Mismatch(KeyType::Ecdsa))?;
        let public = PublicKey::new(KeyType::Ecdsa, [&P256_SPKI_PREFIX[..], point].concat());
        Ok(Self { public, secret: Secret::Ecdsa { pair: Box::new(pair), scalar } })
    }

    /// Reads an RSA key from PKCS#1 `RSAPrivateKey` DER (RFC 8017 A.1.2), of 2048 to 4096 bits.
    ///
    /// # Errors
    /// If it is something else, or of a size or exponent that is not signed with.
    pub fn from_pkcs1(der: &[u8]) -> Result<Self, InvalidPrivateKey> {
        let pair = RsaKeyPair::from_der(der).map_err(|why| InvalidPrivateKey::Rsa(why.to_string()))?;
        let public = PublicKey::new(KeyType::Rsa, rsa_public_key_info(pair.public_key().as_ref()));
        let pkcs1 = Zeroizing::new(der.to_vec());
        Ok(Self { public, secret: Secret::Rsa { pair: Box::new(pair), pkcs1 } })
    }

    /// PKCS#8 DER in exactly the form `notary` and Docker write, the form they read: for ECDSA version 1 without the
    /// public key of RFC 5958, for RSA without NULL, for Ed25519 under Notary's own object identifier.
    #[must_use]
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        let plain = self.to_plain();
        match &self.secret {
            Secret::Ecdsa { .. } => Pkcs8::P256 { sec1: &plain },
            Secret::Ed25519(_) => Pkcs8::NotaryEd25519(&plain),
            Secret::Rsa { .. } => Pkcs8::Rsa { pkcs1: &plain },
        }
        .to_der()
    }

    /// The plain form that [`SigningKey::from_plain`] reads; for an RSA key PKCS#1.
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
            Secret::Rsa { pkcs1, .. } => pkcs1.clone(),
        }
    }

    /// Its algorithm, if it is one that keys are made of; `None` for RSA.
    #[must_use]
    pub const fn algorithm(&self) -> Option<KeyAlgorithm> {
        match &self.secret {
            Secret::Ecdsa { .. } => Some(KeyAlgorithm::Ecdsa),
            Secret::Ed25519(_) => Some(KeyAlgorithm::Ed25519),
            Secret::Rsa { .. } => None,
        }
    }

    /// Its public key.
    #[must_use]
    pub const fn public_key(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `message`, naming the key `id`.
    ///
    /// # Errors
    /// If the random source for nonce or salt fails (ECDSA, RSA).
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
            Secret::Rsa { pair, .. } => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PSS_SHA256, random, message, &mut signature).map_err(|_| SigningFailed)?;
                (SignatureScheme::RsaPss, signature)
            }
        };
        Ok(Signature { key_id: id.clone(), scheme, bytes })
    }

    fn ed25519(seed: &[u8; 32]) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(seed);
        let public = PublicKey::new(KeyType::Ed25519, key.verifying_key().to_bytes().to_vec());
        Self { public, secret: Secret::Ed25519(Box::new(key)) }
    }
}

/// The random source failed, or the key cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic library could not produce a key or signature; is the system's random source available?")]
pub struct SigningFailed;

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
            assert_eq!(key.algorithm(), Some(algorithm));
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
