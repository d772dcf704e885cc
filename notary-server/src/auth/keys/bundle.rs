//! `rootcertbundle`: certificates whose keys sign tokens, or are authorities of the certificates in tokens.

use chrono::{DateTime, Utc};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, anchor_from_trusted_cert};
use x509_cert::Certificate;
use x509_cert::certificate::Version;
use x509_cert::der::{Decode as _, Encode as _};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::time::Time;

use super::key_id::registry_key_id;
use super::public::{TokenKey, UnusableKey};

/// Most certificates that a token may bring.
const MAX_CHAIN: usize = 8;

/// The certificates of a bundle.
#[derive(Debug, Default)]
pub struct Bundle(Vec<Trusted>);

/// One certificate of a bundle.
#[derive(Debug)]
struct Trusted {
    der: CertificateDer<'static>,
    /// Nothing if it is of a kind we cannot check with.
    key: Option<TokenKey>,
    ids: [String; 2],
    is_authority: bool,
    valid: std::ops::RangeInclusive<DateTime<Utc>>,
}

impl Bundle {
    /// Reads PEM text; blocks that are no certificates are passed over, as Notary does.
    ///
    /// # Errors
    /// If a certificate does not decode, or none has a key that can check tokens.
    pub fn parse(pem: &[u8]) -> Result<Self, InvalidBundle> {
        let mut certificates = Vec::new();
        let mut unusable = None;
        for (position, der) in CertificateDer::pem_slice_iter(pem).enumerate() {
            let der = der.map_err(|cause| InvalidBundle::Pem { cause: cause.to_string() })?;
            let certificate = Trusted::read(der, &mut unusable)
                .map_err(|cause| InvalidBundle::Certificate { number: position + 1, cause })?;
            certificates.push(certificate);
        }
        if certificates.is_empty() {
            return Err(InvalidBundle::Empty);
        }
        if certificates.iter().any(|certificate| certificate.key.is_some()) {
            return Ok(Self(certificates));
        }
        Err(InvalidBundle::Unusable { why: unusable.unwrap_or(UnusableKey::Kind) })
    }

    /// The key with this id: the registries' own form, or the thumbprint of RFC 7638. Dates do not matter here: what is
    /// named is the key, as in Notary.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<&TokenKey> {
        self.0.iter().find(|certificate| certificate.ids.iter().any(|known| known == id))?.key.as_ref()
    }

    /// Whether a key is one of these.
    #[must_use]
    pub fn has(&self, key: &TokenKey) -> bool {
        self.0.iter().any(|certificate| certificate.key.as_ref() == Some(key))
    }

    /// How many keys can check tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().filter(|certificate| certificate.key.is_some()).count()
    }

    /// Whether no key can check tokens.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the first of the certificates stops being valid.
    #[must_use]
    pub fn first_expiry(&self) -> Option<DateTime<Utc>> {
        self.0.iter().map(|certificate| *certificate.valid.end()).min()
    }

    /// The key of the first of these DER certificates, if it is one of the bundle or the others lead from it to one, all
    /// valid at `now`. Any key usage will do, as in Notary.
    ///
    /// # Errors
    /// What is wrong with the chain, for the log.
    pub fn key_of_chain(&self, chain: &[CertificateDer<'_>], now: DateTime<Utc>) -> Result<TokenKey, String> {
        let (leaf, intermediates) = chain.split_first().ok_or("x5c is empty")?;
        if intermediates.len() >= MAX_CHAIN {
            return Err(format!("x5c has more than {MAX_CHAIN} certificates"));
        }
        if let Some(known) = self.0.iter().find(|certificate| certificate.der == *leaf) {
            if !known.valid.contains(&now) {
                return Err("the certificate has expired or is not valid yet".to_owned());
            }
            return known.key.clone().ok_or_else(|| UnusableKey::Kind.to_string());
        }
        let anchors: Vec<TrustAnchor<'_>> = self
            .0
            .iter()
            .filter(|certificate| certificate.is_authority && certificate.valid.contains(&now))
            .filter_map(|certificate| anchor_from_trusted_cert(&certificate.der).ok())
            .collect();
        let seconds = u64::try_from(now.timestamp()).map_err(|_| "the clock is before 1970")?;
        let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let end = EndEntityCert::try_from(leaf).map_err(|error| error.to_string())?;
        let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
        end.verify_for_usage(algorithms, &anchors, intermediates, time, AnyUsage, None, None)
            .map_err(|error| error.to_string())?;
        TokenKey::from_spki(&spki(leaf)?).map_err(|error| error.to_string())
    }
}

impl Trusted {
    fn read(der: CertificateDer<'static>, unusable: &mut Option<UnusableKey>) -> Result<Self, String> {
        let certificate = Certificate::from_der(&der).map_err(|error| error.to_string())?;
        let tbs = certificate.tbs_certificate();
        let constraints =
            tbs.get_extension::<BasicConstraints>().map_err(|error: x509_cert::der::Error| error.to_string())?;
        // Certificates before version 3 cannot say; Go takes those for authorities, too.
        let is_authority = tbs.version() != Version::V3 || constraints.is_some_and(|(_, constraints)| constraints.ca);
        let validity = tbs.validity();
        let valid = time(validity.not_before)?..=time(validity.not_after)?;
        let spki = tbs.subject_public_key_info().to_der().map_err(|error| error.to_string())?;
        let key = TokenKey::from_spki(&spki).map_err(|why| *unusable = Some(why)).ok();
        let ids = [registry_key_id(&spki), key.as_ref().map(TokenKey::thumbprint).unwrap_or_default()];
        Ok(Self { der, key, ids, is_authority, valid })
    }
}

/// The public key of a certificate, in DER.
fn spki(der: &CertificateDer<'_>) -> Result<Vec<u8>, String> {
    let certificate = Certificate::from_der(der).map_err(|error| error.to_string())?;
    certificate.tbs_certificate().subject_public_key_info().to_der().map_err(|error| error.to_string())
}

fn time(time: Time) -> Result<DateTime<Utc>, String> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|error| error.to_string())?;
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| "a date is out of range".to_owned())
}

struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// Why a bundle cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidBundle {
    /// Not PEM.
    #[error("is not PEM: {cause}")]
    Pem {
        /// The reader's words.
        cause: String,
    },
    /// No certificate in it.
    #[error("holds no certificate; expected PEM certificates of the token issuer")]
    Empty,
    /// A certificate does not decode.
    #[error("certificate {number} does not decode: {cause}")]
    Certificate {
        /// Which, from 1.
        number: usize,
        /// The decoder's words.
        cause: String,
    },
    /// No key in it can check tokens.
    #[error("holds no key that can check tokens: {why}")]
    Unusable {
        /// What is wrong with the last key.
        why: UnusableKey,
    },
}
