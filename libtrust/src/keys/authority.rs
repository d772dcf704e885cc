//! Certificate authorities that a reader pins: whether one of them vouches for a root certificate.

use std::time::Duration;

use chrono::{DateTime, Utc};
use pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Most certificates read from one file of authorities.
const MAX_AUTHORITIES: usize = 256;
/// `id-kp-codeSigning` (1.3.6.1.5.5.7.3.3): what Notary's clients write into the root certificates they make.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];
/// `id-kp-serverAuth` (1.3.6.1.5.5.7.3.1): the only purpose Notary's own check accepts.
const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];

/// Certificate authorities, by their certificates.
#[derive(Debug, Clone)]
pub struct CertificateAuthorities {
    anchors: Vec<TrustAnchor<'static>>,
}

impl CertificateAuthorities {
    /// Reads PEM text: one or more certificates of authorities.
    ///
    /// # Errors
    /// If it is not PEM, holds anything but certificates, none at all, or one that does not decode.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidAuthorities> {
        let blocks = pem::parse_many(text).map_err(|_| InvalidAuthorities::Pem)?;
        if blocks.is_empty() || blocks.len() > MAX_AUTHORITIES || blocks.iter().any(|b| b.tag() != "CERTIFICATE") {
            return Err(InvalidAuthorities::Pem);
        }
        let anchors = blocks.iter().enumerate().map(|(position, block)| {
            let der = CertificateDer::from(block.contents());
            let anchor = anchor_from_trusted_cert(&der).map(|anchor| anchor.to_owned());
            anchor.map_err(|fault| InvalidAuthorities::Certificate { position, fault: fault.to_string() })
        });
        Ok(Self { anchors: anchors.collect::<Result<_, _>>()? })
    }

    /// Whether the first certificate of `bundle` (PEM text) chains to one of these at `now`, by the other certificates in
    /// it. Its purpose may be any, none, code signing or server authentication.
    ///
    /// # Errors
    /// Why it does not, in words.
    pub fn vouch_for(&self, bundle: &[u8], now: DateTime<Utc>) -> Result<(), String> {
        let blocks = pem::parse_many(bundle).map_err(|e| e.to_string())?;
        let ders: Vec<CertificateDer<'_>> = blocks.iter().map(|block| CertificateDer::from(block.contents())).collect();
        let (leaf, intermediates) = ders.split_first().ok_or_else(|| "no certificate".to_owned())?;
        let leaf = EndEntityCert::try_from(leaf).map_err(|e| e.to_string())?;
        let seconds = u64::try_from(now.timestamp()).map_err(|e| e.to_string())?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let check = |purpose: &'static [u8]| {
            let usage = KeyUsage::required_if_present(purpose);
            leaf.verify_for_usage(webpki::ALL_VERIFICATION_ALGS, &self.anchors, intermediates, now, usage, None, None)
                .map(|_| ())
        };
        check(CODE_SIGNING).or_else(|_| check(SERVER_AUTH)).map_err(|e| e.to_string())
    }
}

/// Why text holds no usable authorities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAuthorities {
    /// Not PEM, empty, over 256 blocks, or with other blocks than certificates.
    #[error("not a PEM file of 1 to {MAX_AUTHORITIES} certificates")]
    Pem,
    /// A certificate does not decode.
    #[error("certificate {position} does not decode: {fault}")]
    Certificate {
        /// Which, from 0.
        position: usize,
        /// The decoder's words.
        fault: String,
    },
}
