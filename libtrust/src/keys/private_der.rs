//! How private keys are spelled in DER: PKCS#8 around them, SEC1 for elliptic curves.

use x509_cert::der::asn1::{AnyRef, BitStringRef, ContextSpecific, OctetStringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Reader, SliceReader, TagNumber};
use x509_cert::spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use super::KeyType;

/// DER of a P-256 `SubjectPublicKeyInfo` up to its 65-byte point.
pub const P256_SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// DER of a SEC1 `ECPrivateKey` up to the 32-byte scalar, and from there to the 65-byte point.
pub const SEC1_HEAD: [u8; 7] = [0x30, 0x77, 0x02, 0x01, 0x01, 0x04, 0x20];
pub const SEC1_MIDDLE: [u8; 17] =
    [0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0xa1, 0x44, 0x03, 0x42, 0x00];

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// What Notary writes; no standard gives Ed25519 keys this name.
const NOTARY_ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.11591.15.1");

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// What is inside a PKCS#8 `PrivateKeyInfo`.
pub enum Pkcs8<'a> {
    P256 {
        sec1: &'a [u8],
    },
    Rsa {
        pkcs1: &'a [u8],
    },
    /// RFC 8410.
    Ed25519Seed(&'a [u8; 32]),
    /// Public key, seed, public key.
    NotaryEd25519(&'a [u8]),
}

impl<'a> Pkcs8<'a> {
    pub fn parse(der: &'a [u8]) -> Result<Self, InvalidPrivateKey> {
        let (algorithm, key) = private_key_info(der).map_err(|_| InvalidPrivateKey::Form)?;
        match algorithm.oid {
            EC_PUBLIC_KEY => match algorithm.parameters_oid() {
                Ok(P256) => Ok(Self::P256 { sec1: key }),
                Ok(other) => Err(InvalidPrivateKey::Curve(other.to_string())),
                Err(_) => Err(InvalidPrivateKey::Form),
            },
            RSA_ENCRYPTION => Ok(Self::Rsa { pkcs1: key }),
            ED25519 => {
                let seed = <&OctetStringRef>::from_der(key).map_err(|_| InvalidPrivateKey::Form)?;
                seed.as_bytes().try_into().map(Self::Ed25519Seed).map_err(|_| InvalidPrivateKey::Form)
            }
            NOTARY_ED25519 => Ok(Self::NotaryEd25519(key)),
            other => Err(InvalidPrivateKey::Algorithm(other.to_string())),
        }
    }

    /// As Notary writes it; RFC 8410 keys keep that form.
    pub fn to_der(&self) -> Zeroizing<Vec<u8>> {
        let oid = |oid: &ObjectIdentifier| tlv(OBJECT_IDENTIFIER, &[oid.as_bytes()]);
        let (version, algorithm, key) = match self {
            Self::P256 { sec1 } => {
                (1, tlv(SEQUENCE, &[&oid(&EC_PUBLIC_KEY), &oid(&P256)]), Zeroizing::new(sec1.to_vec()))
            }
            Self::Rsa { pkcs1 } => (0, tlv(SEQUENCE, &[&oid(&RSA_ENCRYPTION)]), Zeroizing::new(pkcs1.to_vec())),
            Self::Ed25519Seed(seed) => (0, tlv(SEQUENCE, &[&oid(&ED25519)]), tlv(OCTET_STRING, &[seed.as_slice()])),
            Self::NotaryEd25519(plain) => (0, tlv(SEQUENCE, &[&oid(&NOTARY_ED25519)]), Zeroizing::new(plain.to_vec())),
        };
        tlv(SEQUENCE, &[&tlv(INTEGER, &[&[version]]), &algorithm, &tlv(OCTET_STRING, &[&key])])
    }
}

/// Algorithm and key octets. The version is not judged: Notary writes 1 where RFC 5958 wants 0.
fn private_key_info(der: &[u8]) -> Result<(AlgorithmIdentifierRef<'_>, &[u8]), x509_cert::der::Error> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|inner| {
        u8::decode(inner)?;
        let algorithm = AlgorithmIdentifierRef::decode(inner)?;
        let key = <&OctetStringRef>::decode(inner)?.as_bytes();
        // Attributes, and in RFC 5958 the public key, which the key itself gives as well.
        while !inner.is_finished() {
            AnyRef::decode(inner)?;
        }
        Ok::<_, x509_cert::der::Error>((algorithm, key))
    })?;
    reader.finish()?;
    Ok(parts)
}

/// Scalar and point of a SEC1 `ECPrivateKey` on P-256.
pub struct Sec1<'a> {
    pub scalar: Zeroizing<[u8; 32]>,
    pub point: &'a [u8],
}

impl<'a> Sec1<'a> {
    pub fn parse(der: &'a [u8]) -> Result<Self, InvalidPrivateKey> {
        let parsed = SliceReader::new(der).and_then(|mut reader| {
            let parts = reader.sequence(|inner| {
                u8::decode(inner)?;
                let scalar = <&OctetStringRef>::decode(inner)?.as_bytes();
                let curve = ContextSpecific::<AnyRef<'_>>::decode_explicit(inner, TagNumber(0))?;
                let point = ContextSpecific::<BitStringRef<'_>>::decode_explicit(inner, TagNumber(1))?;
                Ok::<_, x509_cert::der::Error>((scalar, curve, point))
            })?;
            reader.finish()?;
            Ok(parts)
        });
        let (scalar, curve, point) = parsed.map_err(|_| InvalidPrivateKey::Form)?;
        // PKCS#8 names the curve outside, and some writers name it there alone.
        if let Some(curve) = curve {
            let curve: ObjectIdentifier = curve.value.decode_as().map_err(|_| InvalidPrivateKey::Form)?;
            if curve != P256 {
                return Err(InvalidPrivateKey::Curve(curve.to_string()));
            }
        }
        let scalar: [u8; 32] = scalar.try_into().map_err(|_| InvalidPrivateKey::Mismatch(KeyType::Ecdsa))?;
        let scalar = Zeroizing::new(scalar);
        let point = point.ok_or(InvalidPrivateKey::NoPublicKey)?;
        Ok(Self { scalar, point: point.value.as_bytes().ok_or(InvalidPrivateKey::Form)? })
    }
}

/// The `SubjectPublicKeyInfo` around a PKCS#1 `RSAPublicKey`, with the NULL that Go and OpenSSL write: key ids depend
/// on it.
pub fn rsa_public_key_info(public_key: &[u8]) -> Vec<u8> {
    let algorithm = tlv(SEQUENCE, &[&tlv(OBJECT_IDENTIFIER, &[RSA_ENCRYPTION.as_bytes()]), &[0x05, 0x00]]);
    tlv(SEQUENCE, &[&algorithm, &tlv(BIT_STRING, &[&[0], public_key])]).to_vec()
}

/// One DER value: tag, length, and the parts of its content.
pub fn tlv(tag: u8, parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    // Of full size from the start: growing would leave copies of keys behind.
    let mut out = Zeroizing::new(Vec::with_capacity(2 + digits.len() + length));
    out.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => out.push(short),
        // A length has at most eight digits to the base of 256.
        _ => {
            out.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            out.extend_from_slice(&digits);
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// Why bytes are not a private key that can sign here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPrivateKey {
    /// Not in any of the forms read.
    #[error("not a private key in PKCS#8, SEC1 or PKCS#1 form")]
    Form,
    /// An elliptic curve other than P-256; the object identifier.
    #[error("a key of elliptic curve {0} cannot sign here; make one of P-256")]
    Curve(String),
    /// A kind of key that is not known; the object identifier.
    #[error("a key of algorithm {0} cannot sign here; make one of ECDSA P-256 or Ed25519")]
    Algorithm(String),
    /// An elliptic curve key without its public part, which cannot be worked out here.
    #[error("the key does not carry its public key; write it anew with `openssl ec -in OLD -out NEW`")]
    NoPublicKey,
    /// An RSA key of a size or exponent that is not signed with, or not an RSA key at all; the library's word for it.
    #[error("the RSA key cannot sign here ({0}); it must have 2048 to 4096 bits and an exponent from 65537 on")]
    Rsa(String),
    /// Not a private key of that type, or its public part belongs to another.
    #[error("not a private {0} key, or its public part does not match")]
    Mismatch(KeyType),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;

    #[test]
    fn lengths_are_minimal() {
        assert_eq!(*tlv(4, &[&[1], &[2]]), [4, 2, 1, 2]);
        assert_eq!(tlv(4, &[&[0; 0x7f]])[..2], [4, 0x7f]);
        assert_eq!(tlv(4, &[&[0; 0x80]])[..3], [4, 0x81, 0x80]);
        assert_eq!(tlv(4, &[&[0; 0x1234]])[..4], [4, 0x82, 0x12, 0x34]);
    }

    #[test]
    fn other_curves_and_algorithms_are_named() {
        let p384 = ObjectIdentifier::new_unwrap("1.3.132.0.34");
        let oid = |oid: &ObjectIdentifier| tlv(OBJECT_IDENTIFIER, &[oid.as_bytes()]);
        let info = |algorithm: &[&[u8]]| tlv(SEQUENCE, &[&[2, 1, 0], &tlv(SEQUENCE, algorithm), &[4, 1, 0]]);
        let curve = info(&[&oid(&EC_PUBLIC_KEY), &oid(&p384)]);
        assert_eq!(SigningKey::from_pkcs8(&curve).err(), Some(InvalidPrivateKey::Curve("1.3.132.0.34".to_owned())));
        let strange = info(&[&oid(&p384)]);
        assert_eq!(
            SigningKey::from_pkcs8(&strange).err(),
            Some(InvalidPrivateKey::Algorithm("1.3.132.0.34".to_owned()))
        );
        assert_eq!(SigningKey::from_pkcs8(b"0").err(), Some(InvalidPrivateKey::Form));
    }
}
