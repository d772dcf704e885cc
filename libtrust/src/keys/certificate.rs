//! Certificate bundles: the form Notary gives root keys and, sometimes, delegation keys.
//!
//! These are not WebPKI certificates. A leaf binds a key to an image name by its common name; nothing signs it but
//! itself, unless a reader pins a CA.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{DateTime, TimeDelta, Utc};
use x509_cert::Certificate;
use x509_cert::der::asn1::{PrintableStringRef, TeletexStringRef, Utf8StringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::time::Time;

use super::{KeyType, UnusableKey, VerifyingKey};
use crate::names::Gun;

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Signature algorithms over SHA-1: RSA, DSA, ECDSA.
const SHA1_SIGNATURES: [ObjectIdentifier; 3] = [
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5"),
    ObjectIdentifier::new_unwrap("1.2.840.10040.4.3"),
    ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
];
/// Most certificates in one bundle.
const MAX_CERTIFICATES: usize = 16;

/// A leaf certificate and the CA certificates that came with it, in exactly the PEM form Go writes.
///
/// The form matters: Notary's key ids are digests of that text, and its clients look signatures up under the id of the
/// text they would have written themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateBundle {
    leaf: Leaf,
    intermediates: Vec<Leaf>,
}

/// What the rules ask of one certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Leaf {
    common_name: Option<String>,
    not_before: DateTime<Utc>,
    not_after: DateTime<Utc>,
    signed_with_sha1: bool,
    spki: Vec<u8>,
}

impl CertificateBundle {
    /// Reads PEM text: the leaf first, then its CA certificates if any.
    ///
    /// # Errors
    /// If it holds anything else than certificates, no leaf or several, a leaf that is not first, or is not written as
    /// Go writes PEM (64 columns, line feeds, nothing around the blocks).
    pub fn parse(text: &[u8]) -> Result<Self, InvalidBundle> {
        let blocks = pem::parse_many(text).map_err(|_| InvalidBundle::Pem)?;
        if blocks.is_empty() || blocks.len() > MAX_CERTIFICATES || blocks.iter().any(|b| b.tag() != "CERTIFICATE") {
            return Err(InvalidBundle::Pem);
        }
        let ders: Vec<&[u8]> = blocks.iter().map(pem::Pem::contents).collect();
        if go_pem(&ders).as_bytes() != text {
            return Err(InvalidBundle::Form);
        }
        let mut read = ders.iter().enumerate().map(|(position, der)| {
            let certificate = read(der).map_err(|fault| InvalidBundle::Certificate { position, fault })?;
            if certificate.is_ca == (position == 0) { Err(InvalidBundle::Order) } else { Ok(certificate.leaf) }
        });
        let leaf = read.next().ok_or(InvalidBundle::Pem)??;
        let intermediates = read.collect::<Result<_, _>>()?;
        Ok(Self { leaf, intermediates })
    }

    /// The PEM text of these certificates in the form that [`CertificateBundle::parse`] accepts; each is DER, the leaf
    /// first.
    #[must_use]
    pub fn to_pem(ders: &[&[u8]]) -> String {
        go_pem(ders)
    }

    /// The leaf's common name.
    #[must_use]
    pub fn common_name(&self) -> Option<&str> {
        self.leaf.common_name.as_deref()
    }

    /// When the leaf stops being valid.
    #[must_use]
    pub const fn not_after(&self) -> DateTime<Utc> {
        self.leaf.not_after
    }

    /// Whether the leaf's common name is this image name, or a prefix of it followed by `*`.
    ///
    /// # Errors
    /// [`CertificateFault::Name`] if not.
    pub fn names(&self, gun: &Gun) -> Result<(), CertificateFault> {
        let common_name = self.common_name().unwrap_or_default();
        let matches = match common_name.strip_suffix('*') {
            Some(prefix) => gun.as_str().starts_with(prefix.trim_end_matches('*')),
            None => common_name == gun.as_str(),
        };
        if matches { Ok(()) } else { Err(CertificateFault::Name { common_name: common_name.to_owned() }) }
    }

    /// Whether every certificate's dates are in order and none is signed over SHA-1 or carries a weak key.
    ///
    /// # Errors
    /// The first fault found.
    pub fn is_sound(&self) -> Result<(), CertificateFault> {
        std::iter::once(&self.leaf).chain(&self.intermediates).try_for_each(Leaf::is_sound)
    }

    /// Whether every certificate is valid at `now`. Up to a day before its start is tolerated, as Notary does, for
    /// clocks that disagree.
    ///
    /// # Errors
    /// The first certificate that is expired or not yet valid.
    pub fn is_current(&self, now: DateTime<Utc>) -> Result<(), CertificateFault> {
        std::iter::once(&self.leaf).chain(&self.intermediates).try_for_each(|c| c.is_current(now))
    }
}

/// The key of the first certificate in PEM text: what checks the signatures of any certificate key, whatever else the
/// text holds and whether or not that certificate is a CA (Notary's rule for delegation keys).
///
/// # Errors
/// If the text does not start with a certificate, that is signed over SHA-1, or its key never counts.
pub(super) fn first_certificate_key(text: &[u8], key_type: &KeyType) -> Result<VerifyingKey, UnusableKey> {
    let unusable = |fault: String| UnusableKey::Certificate(fault);
    let blocks = pem::parse_many(text).map_err(|_| unusable(InvalidBundle::Pem.to_string()))?;
    let first = blocks.first().filter(|block| block.tag() == "CERTIFICATE" && blocks.len() <= MAX_CERTIFICATES);
    let first = first.ok_or_else(|| unusable(InvalidBundle::Pem.to_string()))?;
    let certificate = read(first.contents()).map_err(unusable)?.leaf;
    if certificate.signed_with_sha1 {
        return Err(unusable(CertificateFault::Sha1.to_string()));
    }
    VerifyingKey::from_spki(&certificate.spki, key_type)
}

/// The DER `SubjectPublicKeyInfo` of the first certificate in PEM text.
pub(super) fn first_certificate_spki(text: &[u8]) -> Option<Vec<u8>> {
    let blocks = pem::parse_many(text).ok()?;
    read(blocks.first()?.contents()).ok().map(|certificate| certificate.leaf.spki)
}

impl Leaf {
    fn is_sound(&self) -> Result<(), CertificateFault> {
        if self.not_before > self.not_after {
            return Err(CertificateFault::DatesReversed);
        }
        if self.signed_with_sha1 {
            return Err(CertificateFault::Sha1);
        }
        match VerifyingKey::from_spki(&self.spki, &KeyType::Rsa) {
            Err(UnusableKey::ShortRsa { bits }) => Err(CertificateFault::ShortRsa { bits }),
            _ => Ok(()),
        }
    }

    fn is_current(&self, now: DateTime<Utc>) -> Result<(), CertificateFault> {
        if now > self.not_after {
            return Err(CertificateFault::Expired { not_after: self.not_after });
        }
        if now + TimeDelta::days(1) < self.not_before {
            return Err(CertificateFault::NotYetValid { not_before: self.not_before });
        }
        Ok(())
    }
}

/// When a certificate, as DER, stops being valid.
#[cfg(feature = "client")]
pub(crate) fn certificate_end(der: &[u8]) -> Option<DateTime<Utc>> {
    read(der).ok().map(|certificate| certificate.leaf.not_after)
}

struct Read {
    is_ca: bool,
    leaf: Leaf,
}

fn read(der: &[u8]) -> Result<Read, String> {
    let certificate = Certificate::from_der(der).map_err(|e| e.to_string())?;
    let tbs = certificate.tbs_certificate();
    let constraints = tbs.get_extension::<BasicConstraints>().map_err(|e: x509_cert::der::Error| e.to_string())?;
    let validity = tbs.validity();
    Ok(Read {
        is_ca: constraints.is_some_and(|(_, constraints)| constraints.ca),
        leaf: Leaf {
            common_name: common_name(&certificate),
            not_before: time(validity.not_before)?,
            not_after: time(validity.not_after)?,
            signed_with_sha1: SHA1_SIGNATURES.contains(&certificate.signature_algorithm().oid),
            spki: tbs.subject_public_key_info().to_der().map_err(|e| e.to_string())?,
        },
    })
}

/// What speaks against one certificate at `now`, whatever it names and whoever issued it.
pub(super) fn certificate_fault(der: &[u8], now: DateTime<Utc>) -> Result<Option<CertificateFault>, String> {
    let leaf = read(der)?.leaf;
    Ok(leaf.is_sound().and_then(|()| leaf.is_current(now)).err())
}

/// The last common name of the subject, as Go takes it.
pub fn common_name(certificate: &Certificate) -> Option<String> {
    let subject = certificate.tbs_certificate().subject();
    let value = &subject.iter().filter(|attribute| attribute.oid == COMMON_NAME).last()?.value;
    match value.tag() {
        Tag::PrintableString => value.decode_as::<PrintableStringRef<'_>>().ok().map(|s| s.to_string()),
        Tag::TeletexString => value.decode_as::<TeletexStringRef<'_>>().ok().map(|s| s.to_string()),
        _ => value.decode_as::<Utf8StringRef<'_>>().ok().map(|s| s.to_string()),
    }
}

fn time(time: Time) -> Result<DateTime<Utc>, String> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|e| e.to_string())?;
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| "date out of range".to_owned())
}

/// PEM as Go's encoder writes it.
fn go_pem(ders: &[&[u8]]) -> String {
    let mut text = String::new();
    for der in ders {
        text.push_str("-----BEGIN CERTIFICATE-----\n");
        let encoded = BASE64_STANDARD.encode(der);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, tail) = rest.split_at(rest.len().min(64));
            text.push_str(line);
            text.push('\n');
            rest = tail;
        }
        text.push_str("-----END CERTIFICATE-----\n");
    }
    text
}

/// Why bytes are not a certificate bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBundle {
    /// Not PEM, empty, over 16 blocks, or with other blocks than certificates.
    #[error("not a PEM bundle of 1 to {MAX_CERTIFICATES} certificates")]
    Pem,
    /// PEM, but not as Notary's clients would write it, so its key id means nothing to them.
    #[error("the PEM text is not in the canonical form (64 columns, line feeds, nothing outside the blocks)")]
    Form,
    /// Not one leaf followed by CA certificates.
    #[error("expected exactly one non-CA certificate, and it first")]
    Order,
    /// A certificate does not decode.
    #[error("certificate {position} does not decode: {fault}")]
    Certificate {
        /// Which, from 0.
        position: usize,
        /// The decoder's words.
        fault: String,
    },
}

/// Why a certificate cannot vouch for a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// Made for another image name.
    #[error("its common name is {common_name:?}")]
    Name {
        /// What it says instead.
        common_name: String,
    },
    /// Its end is before its start.
    #[error("its dates are reversed")]
    DatesReversed,
    /// Signed over SHA-1.
    #[error("it is signed with SHA-1")]
    Sha1,
    /// An RSA key under 2048 bits.
    #[error("its RSA key has only {bits} bits")]
    ShortRsa {
        /// Size of the modulus.
        bits: usize,
    },
    /// Past its end.
    #[error("it expired at {not_after}")]
    Expired {
        /// Its end.
        not_after: DateTime<Utc>,
    },
    /// More than a day before its start.
    #[error("it is not valid before {not_before}")]
    NotYetValid {
        /// Its start.
        not_before: DateTime<Utc>,
    },
}
