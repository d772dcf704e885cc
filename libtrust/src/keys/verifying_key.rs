//! Checking one signature with one key. The only file that calls a verification primitive.

use ed25519_dalek::VerifyingKey as Ed25519Key;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA256_ASN1, ECDSA_P384_SHA384_ASN1,
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    UnparsedPublicKey,
};
use x509_cert::der::{Decode, oid::ObjectIdentifier};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::{KeyType, SignatureScheme};

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// Smallest RSA modulus accepted, in bits (Notary's rule and ring's).
const RSA_MIN_BITS: usize = 2048;

/// A public key ready to check signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Uncompressed point.
    P256(Vec<u8>),
    /// Uncompressed point.
    P384(Vec<u8>),
    /// DER `RSAPublicKey`.
    Rsa(Vec<u8>),
    Ed25519(Box<Ed25519Key>),
}

impl VerifyingKey {
    /// From 32 raw bytes.
    ///
    /// # Errors
    /// If they are not a point of the curve, or one of small order.
    pub fn from_ed25519(bytes: &[u8]) -> Result<Self, UnusableKey> {
        let malformed = |why: &str| UnusableKey::Malformed { key_type: KeyType::Ed25519, why: why.to_owned() };
        let bytes = bytes.try_into().map_err(|_| malformed("expected 32 bytes"))?;
        let key = Ed25519Key::from_bytes(bytes).map_err(|_| malformed("not a point of the curve"))?;
        if key.is_weak() {
            return Err(malformed("a point of small order"));
        }
        Ok(Self(Kind::Ed25519(Box::new(key))))
    }

    /// From a DER `SubjectPublicKeyInfo` of the family that `key_type` says.
    ///
    /// # Errors
    /// If it does not decode, is of another family, an unsupported curve (P-224 and P-521 stay in the file and never
    /// count), or an RSA key under 2048 bits.
    pub fn from_spki(der: &[u8], key_type: &KeyType) -> Result<Self, UnusableKey> {
        let malformed = |why: String| UnusableKey::Malformed { key_type: key_type.clone(), why };
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|e| malformed(e.to_string()))?;
        let bits = spki.subject_public_key.as_bytes().ok_or_else(|| malformed("unaligned bit string".to_owned()))?;
        let oid = spki.algorithm.oid;
        match key_type {
            KeyType::Ecdsa | KeyType::EcdsaX509 if oid == EC_PUBLIC_KEY => {
                let curve = spki.algorithm.parameters_oid().map_err(|e| malformed(e.to_string()))?;
                match (curve, bits.first(), bits.len()) {
                    (P256, Some(4), 65) => Ok(Self(Kind::P256(bits.to_vec()))),
                    (P384, Some(4), 97) => Ok(Self(Kind::P384(bits.to_vec()))),
                    (P256 | P384, ..) => Err(malformed("expected an uncompressed point".to_owned())),
                    (other, ..) => Err(UnusableKey::UnsupportedCurve(other.to_string())),
                }
            }
            KeyType::Rsa | KeyType::RsaX509 if oid == RSA_ENCRYPTION => {
                let modulus_bits = rsa_modulus_bits(bits).ok_or_else(|| malformed("not an RSAPublicKey".to_owned()))?;
                if modulus_bits < RSA_MIN_BITS {
                    return Err(UnusableKey::ShortRsa { bits: modulus_bits });
                }
                Ok(Self(Kind::Rsa(bits.to_vec())))
            }
            _ => Err(malformed(format!("the key inside is of algorithm {oid}"))),
        }
    }

    /// Whether it is a key on P-384.
    #[must_use]
    pub const fn is_p384(&self) -> bool {
        matches!(self.0, Kind::P384(_))
    }

    /// Checks one signature over `message`.
    ///
    /// # Errors
    /// If the scheme does not fit the key, the length is wrong, or the signature is.
    pub fn verify(&self, scheme: &SignatureScheme, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let ring = |algorithm: &'static dyn ring::signature::VerificationAlgorithm, key: &[u8], signature: &[u8]| {
            UnparsedPublicKey::new(algorithm, key).verify(message, signature).map_err(|_| BadSignature::Value)
        };
        match (&self.0, scheme) {
            (Kind::P256(point), SignatureScheme::EcdsaFixed) => ring(&ECDSA_P256_SHA256_FIXED, point, signature),
            (Kind::P384(point), SignatureScheme::EcdsaFixed) => {
                // ring has no fixed-width form of P-384 with SHA-256, which is what Notary signs.
                let der = ecdsa_der(signature, 48).ok_or(BadSignature::Length { bytes: signature.len() })?;
                ring(&ECDSA_P384_SHA256_ASN1, point, &der)
            }
            (Kind::P256(point), SignatureScheme::EcdsaP256Der) => ring(&ECDSA_P256_SHA256_ASN1, point, signature),
            (Kind::P384(point), SignatureScheme::EcdsaP384Der) => ring(&ECDSA_P384_SHA384_ASN1, point, signature),
            (Kind::Rsa(key), SignatureScheme::RsaPssSha384) => ring(&RSA_PSS_2048_8192_SHA384, key, signature),
            (Kind::Rsa(key), SignatureScheme::RsaPssSha512) => ring(&RSA_PSS_2048_8192_SHA512, key, signature),
            (Kind::Rsa(key), SignatureScheme::RsaPss) => ring(&RSA_PSS_2048_8192_SHA256, key, signature),
            (Kind::Rsa(key), SignatureScheme::RsaPkcs1v15) => ring(&RSA_PKCS1_2048_8192_SHA256, key, signature),
            (Kind::Ed25519(key), SignatureScheme::Ed25519) => {
                let signature = ed25519_dalek::Signature::from_slice(signature)
                    .map_err(|_| BadSignature::Length { bytes: signature.len() })?;
                key.verify_strict(message, &signature).map_err(|_| BadSignature::Value)
            }
            _ => Err(BadSignature::Scheme),
        }
    }
}

/// A fixed-width `r || s` as the DER sequence of two integers.
pub(crate) fn ecdsa_der(fixed: &[u8], width: usize) -> Option<Vec<u8>> {
    if fixed.len() != width * 2 {
        return None;
    }
    let (r, s) = fixed.split_at(width);
    let mut body = der_integer(r);
    body.extend(der_integer(s));
    let mut der = vec![0x30, u8::try_from(body.len()).ok().filter(|n| *n < 0x80)?];
    der.extend(body);
    Some(der)
}

fn der_integer(big_endian: &[u8]) -> Vec<u8> {
    let start = big_endian.iter().position(|b| *b != 0).unwrap_or(big_endian.len().saturating_sub(1));
    let digits = big_endian.get(start..).unwrap_or_default();
    let pad = digits.first().is_some_and(|b| b & 0x80 != 0);
    let mut out = vec![0x02, u8::try_from(digits.len() + usize::from(pad)).unwrap_or(u8::MAX)];
    out.extend(pad.then_some(0));
    out.extend_from_slice(digits);
    out
}

fn rsa_modulus_bits(public_key: &[u8]) -> Option<usize> {
    use x509_cert::der::{Reader, SliceReader, asn1::UintRef};
    let mut reader = SliceReader::new(public_key).ok()?;
    let modulus = reader
        .sequence(|inner| {
            let modulus = UintRef::decode(inner)?;
            UintRef::decode(inner)?;
            Ok::<_, x509_cert::der::Error>(modulus.as_bytes())
        })
        .ok()?;
    reader.finish().ok()?;
    let first = modulus.first()?;
    Some(modulus.len() * 8 - first.leading_zeros() as usize)
}

/// Why a key can never count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableKey {
    /// A key type this code does not know.
    #[error("key type {0:?} is not known")]
    UnknownType(String),
    /// A curve other than P-256 and P-384; the object identifier.
    #[error("elliptic curve {0} is not supported; use P-256")]
    UnsupportedCurve(String),
    /// An RSA key under 2048 bits.
    #[error("an RSA key of {bits} bits is too short; use at least {RSA_MIN_BITS}")]
    ShortRsa {
        /// Size of the modulus.
        bits: usize,
    },
    /// The bytes are not a key of that type.
    #[error("not a key of type {key_type}: {why}")]
    Malformed {
        /// What the metadata says it is.
        key_type: KeyType,
        /// What is wrong.
        why: String,
    },
    /// The certificate bundle around it is not well-formed.
    #[error("{0}")]
    Certificate(String),
}

/// Why one signature does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSignature {
    /// The scheme is unknown or not one of this key's kind.
    #[error("its method does not fit the key")]
    Scheme,
    /// Not as long as a signature of this scheme.
    #[error("{bytes} bytes is not the length of such a signature")]
    Length {
        /// Length found.
        bytes: usize,
    },
    /// Not a signature of this message by this key.
    #[error("it does not verify")]
    Value,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn der_integers_are_minimal_and_positive() {
        assert_eq!(der_integer(&[0, 0, 1]), [2, 1, 1]);
        assert_eq!(der_integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(der_integer(&[0, 0]), [2, 1, 0]);
    }

    #[test]
    fn small_order_ed25519_points_are_unusable() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert!(VerifyingKey::from_ed25519(&identity).is_err());
        assert!(VerifyingKey::from_ed25519(&[0; 31]).is_err());
    }

    #[test]
    fn garbage_is_not_a_key() {
        for der in [&b""[..], b"x", &[0x30, 0x00], &[0x30, 0x80]] {
            assert!(VerifyingKey::from_spki(der, &KeyType::Ecdsa).is_err());
            assert!(VerifyingKey::from_spki(der, &KeyType::Rsa).is_err());
        }
    }
}
