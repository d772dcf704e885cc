//! Which of several client certificates is shown.

use std::sync::Arc;

use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Encode as _};

/// The certificates at hand, in order of preference, each with the authorities it comes from.
#[derive(Debug)]
pub(super) struct ClientCertificates(Vec<(Arc<CertifiedKey>, Vec<Vec<u8>>)>);

impl ClientCertificates {
    pub(super) fn new(pairs: Vec<Arc<CertifiedKey>>) -> Self {
        Self(pairs.into_iter().map(|pair| (Arc::clone(&pair), issuers(&pair))).collect())
    }
}

/// The DER names of whoever issued the certificates of a chain.
fn issuers(pair: &CertifiedKey) -> Vec<Vec<u8>> {
    let issuer = |der: &[u8]| Certificate::from_der(der).ok()?.tbs_certificate().issuer().to_der().ok();
    pair.cert.iter().filter_map(|certificate| issuer(certificate)).collect()
}

impl ResolvesClientCert for ClientCertificates {
    /// The first that the server's authorities have issued; if none has, none. A server that names no authorities gets the
    /// first of all.
    fn resolve(&self, authorities: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let suits = |(pair, issuers): &&(Arc<CertifiedKey>, Vec<Vec<u8>>)| {
            let named = |issuer: &Vec<u8>| authorities.contains(&issuer.as_slice());
            pair.key.choose_scheme(schemes).is_some() && (authorities.is_empty() || issuers.iter().any(named))
        };
        self.0.iter().find(suits).map(|(pair, _)| Arc::clone(pair))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
