//! Public keys that sign tokens, and the algorithms each may sign with.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use libtrust::json::Value;
use libtrust::keys::{SignatureScheme, VerifyingKey};
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
};
use x509_cert::der::asn1::UintRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// Bytes of an RSA modulus: 2048 to 8192 bits.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=1024;

/// A signature algorithm of RFC 7518 and 8037. There is no `none` and nothing symmetric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// RSA PKCS #1 v1.5 over SHA-2 of this many bits.
    Rs(Sha2),
    /// RSA PSS over SHA-2 of this many bits.
    Ps(Sha2),
    /// ECDSA on P-256 over SHA-256.
    Es256,
    /// ECDSA on P-384 over SHA-384.
    Es384,
    /// Ed25519.
    EdDsa,
}

/// Sizes of SHA-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sha2 {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// From the value of `alg`. `ES512` is not known: ring has no P-521.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs(Sha2::Sha256),
            "RS384" => Self::Rs(Sha2::Sha384),
            "RS512" => Self::Rs(Sha2::Sha512),
            "PS256" => Self::Ps(Sha2::Sha256),
            "PS384" => Self::Ps(Sha2::Sha384),
            "PS512" => Self::Ps(Sha2::Sha512),
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenKey {
    /// An uncompressed point of P-256.
    P256(Vec<u8>),
    /// An uncompressed point of P-384.
    P384(Vec<u8>),
    /// RSA, both numbers big-endian without leading zeros.
    Rsa {
        /// The modulus, 2048 to 8192 bits.
        modulus: Vec<u8>,
        /// The exponent.
        exponent: Vec<u8>,
    },
    /// Ed25519.
    Ed25519([u8; 32]),
}

/// Why a signature was not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unverified {
    /// The algorithm is not one of this key's.
    Mismatch,
    /// The signature is not one of this message.
    Signature,
}

impl TokenKey {
    /// From a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// What kinds are known, if this is none of them.
    pub fn from_spki(der: &[u8]) -> Result<Self, UnusableKey> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| UnusableKey::Malformed)?;
        let bits = spki.subject_public_key.as_bytes().ok_or(UnusableKey::Malformed)?;
        match spki.algorithm.oid {
            EC_PUBLIC_KEY => match spki.algorithm.parameters_oid() {
                Ok(P256) => point(bits.to_vec(), 32).map(Self::P256),
                Ok(P384) => point(bits.to_vec(), 48).map(Self::P384),
                _ => Err(UnusableKey::Kind),
            },
            RSA_ENCRYPTION => {
                let (modulus, exponent) = rsa_numbers(bits).ok_or(UnusableKey::Malformed)?;
                Self::rsa(modulus, exponent)
            }
            ED25519 => bits.try_into().map(Self::Ed25519).map_err(|_| UnusableKey::Malformed),
            _ => Err(UnusableKey::Kind),
        }
    }

    /// From a JSON Web Key (RFC 7517); only its public members are looked at.
    ///
    /// # Errors
    /// If it is not of a known kind, or a member is missing or malformed.
    pub fn from_jwk(jwk: &Value<'_>) -> Result<Self, UnusableKey> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            text(name).and_then(|text| BASE64_URL_SAFE_NO_PAD.decode(text).ok()).ok_or(UnusableKey::Malformed)
        };
        let curve_point = |width: usize| {
            let (x, y) = (bytes("x")?, bytes("y")?);
            if x.len() == width && y.len() == width {
                point([&[4][..], &x, &y].concat(), width)
            } else {
                Err(UnusableKey::Malformed)
            }
        };
        match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => curve_point(32).map(Self::P256),
            (Some("EC"), Some("P-384")) => curve_point(48).map(Self::P384),
            (Some("RSA"), _) => Self::rsa(&bytes("n")?, &bytes("e")?),
            (Some("OKP"), Some("Ed25519")) => {
                bytes("x")?.try_into().map(Self::Ed25519).map_err(|_| UnusableKey::Malformed)
            }
            _ => Err(UnusableKey::Kind),
        }
    }

    fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, UnusableKey> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        if !RSA_BYTES.contains(&modulus.len())
            || modulus.first().is_none_or(|first| first & 0x80 == 0 && modulus.len() == 256)
        {
            return Err(UnusableKey::RsaSize { bits: modulus.len() * 8 });
        }
        Ok(Self::Rsa { modulus, exponent })
    }

    /// Checks a signature.
    ///
    /// # Errors
    /// If the algorithm is not one of this key's, or the signature is not one of `message`.
    pub fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Unverified> {
        let verified = match (self, algorithm) {
            (Self::P256(point), Algorithm::Es256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            (Self::P384(point), Algorithm::Es384) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(message, signature).is_ok()
            }
            (Self::Rsa { modulus, exponent }, Algorithm::Rs(_) | Algorithm::Ps(_)) => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                rsa_parameters(algorithm).is_some_and(|kind| key.verify(kind, message, signature).is_ok())
            }
            (Self::Ed25519(key), Algorithm::EdDsa) => VerifyingKey::from_ed25519(key)
                .is_ok_and(|key| key.verify(&SignatureScheme::Ed25519, message, signature).is_ok()),
            _ => return Err(Unverified::Mismatch),
        };
        if verified { Ok(()) } else { Err(Unverified::Signature) }
    }

    /// The thumbprint of RFC 7638 over SHA-256, in base64url: what newer registries call a bundle's key.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let curve = |name: &str, point: &[u8]| {
            let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
            format!(r#"{{"crv":"{name}","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
        };
        let members = match self {
            Self::P256(point) => curve("P-256", point),
            Self::P384(point) => curve("P-384", point),
            Self::Rsa { modulus, exponent } => {
                format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, text(exponent), text(modulus))
            }
            Self::Ed25519(key) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(key)),
        };
        text(digest(&SHA256, members.as_bytes()).as_ref())
    }
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs(Sha2::Sha256) => &RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs(Sha2::Sha384) => &RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs(Sha2::Sha512) => &RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps(Sha2::Sha256) => &RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps(Sha2::Sha384) => &RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps(Sha2::Sha512) => &RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => return None,
    })
}

fn point(bytes: Vec<u8>, width: usize) -> Result<Vec<u8>, UnusableKey> {
    if bytes.len() == 1 + 2 * width && bytes.first() == Some(&4) { Ok(bytes) } else { Err(UnusableKey::Malformed) }
}

fn rsa_numbers(public_key: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = SliceReader::new(public_key).ok()?;
    let numbers = reader
        .sequence(|inner| {
            let (modulus, exponent) = (UintRef::decode(inner)?, UintRef::decode(inner)?);
            Ok::<_, x509_cert::der::Error>((modulus.as_bytes(), exponent.as_bytes()))
        })
        .ok()?;
    reader.finish().ok()?;
    Some(numbers)
}

fn without_zeros(number: &[u8]) -> Vec<u8> {
    number.iter().copied().skip_while(|byte| *byte == 0).collect()
}

/// Why a key cannot check tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableKey {
    /// Not one of the kinds we check with.
    #[error("only RSA, P-256, P-384 and Ed25519 keys can check tokens")]
    Kind,
    /// Too short to be safe, or longer than any.
    #[error("an RSA key has 2048 to 8192 bits, this one about {bits}")]
    RsaSize {
        /// Size of the modulus in whole bytes, as bits.
        bits: usize,
    },
    /// Not a key at all.
    #[error("the key does not decode")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_7638() {
        let jwk = br#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB"}"#;
        let key = TokenKey::from_jwk(&Value::parse(jwk, 4).unwrap()).unwrap();
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn keys_that_cannot_check_tokens_are_refused() {
        let long = "A".repeat(86);
        for (jwk, why) in [
            (r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(), UnusableKey::Kind),
            (r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#.to_owned(), UnusableKey::Kind),
            (r#"{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}"#.to_owned(), UnusableKey::Malformed),
            (r#"{"kty":"EC","crv":"P-256","x":"!!"}"#.to_owned(), UnusableKey::Malformed),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#.to_owned(), UnusableKey::Malformed),
            (format!(r#"{{"kty":"RSA","n":"{long}","e":"AQAB"}}"#), UnusableKey::RsaSize { bits: 0 }),
            ("[]".to_owned(), UnusableKey::Kind),
        ] {
            assert_eq!(TokenKey::from_jwk(&Value::parse(jwk.as_bytes(), 4).unwrap()), Err(why), "{jwk}");
        }
        assert_eq!(TokenKey::from_spki(b"x"), Err(UnusableKey::Malformed));
    }
}
