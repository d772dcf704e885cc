//! The handshake's settings, read from the three files of a listener.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};
use x509_cert::der::Decode;

use crate::config::TlsFiles;

/// Why TLS cannot start, or a new certificate was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read or is not PEM of the right kind.
    #[error("{file}: expected {expected} in PEM: {cause}")]
    Unreadable {
        /// The file.
        file: String,
        /// What belongs there.
        expected: &'static str,
        /// What the reader met.
        cause: rustls::pki_types::pem::Error,
    },
    /// A file that must hold certificates holds none.
    #[error("{file}: holds no certificate")]
    Empty {
        /// The file.
        file: String,
    },
    /// Certificate and key cannot be used: they do not belong together, or their kind is not supported.
    #[error("{certificate} and {key} cannot be used together: {cause}")]
    Pair {
        /// The certificate's file.
        certificate: String,
        /// The key's file.
        key: String,
        /// The TLS library's words.
        cause: rustls::Error,
    },
    /// A certificate authority for clients cannot be used.
    #[error("{file}: cannot be trusted for client certificates: {cause}")]
    ClientAuthority {
        /// The file.
        file: String,
        /// The TLS library's words.
        cause: String,
    },
    /// The TLS library refuses its own settings.
    #[error("TLS cannot start: {0}")]
    Setup(#[from] rustls::Error),
}

/// What one reading of the files gave: the settings of every handshake, and until when they are good.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) config: Arc<ServerConfig>,
    /// End of the certificate's validity, in seconds since 1970; `None` if it cannot be understood.
    pub(super) expiry: Option<i64>,
    /// When the last authority for client certificates ends, in seconds since 1970; `None` without any.
    pub(super) client_ca_expiry: Option<i64>,
}

/// Reads the files: TLS 1.2 and 1.3, HTTP/2 and 1.1, resumption by ticket, and client certificates if an authority for
/// them is given. Tickets of other settings are worth nothing under these, so that a client whose authority is gone
/// cannot resume what it once had.
pub(super) fn read(files: &TlsFiles) -> Result<Settings, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let pair = pair(&files.certificate, &files.key)?;
    let expiry = pair.cert.first().and_then(not_after);
    let mut client_ca_expiry = None;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let authorities = certificates(file)?;
            client_ca_expiry = authorities.iter().filter_map(not_after).max();
            builder.with_client_cert_verifier(verifier(file, authorities, provider)?)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(pair)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new()?;
    config.send_tls13_tickets = 1;
    Ok(Settings { config: Arc::new(config), expiry, client_ca_expiry })
}

fn verifier(
    file: &Path,
    authorities: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let refused = |cause: String| TlsError::ClientAuthority { file: file.display().to_string(), cause };
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority).map_err(|error| refused(error.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|error| refused(error.to_string()))
}

fn not_after(certificate: &CertificateDer<'_>) -> Option<i64> {
    let certificate = x509_cert::Certificate::from_der(certificate).ok()?;
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    i64::try_from(end.as_secs()).ok()
}

fn pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|cause| TlsError::Unreadable {
        file: key.display().to_string(),
        expected: "a private key",
        cause,
    })?;
    let mismatch = |cause| TlsError::Pair {
        certificate: certificate.display().to_string(),
        key: key.display().to_string(),
        cause,
    };
    CertifiedKey::from_der(chain, secret, &ring::default_provider()).map_err(mismatch)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |cause| TlsError::Unreadable { file: file.display().to_string(), expected: "certificates", cause };
    let chain =
        CertificateDer::pem_file_iter(file).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    if chain.is_empty() {
        return Err(TlsError::Empty { file: file.display().to_string() });
    }
    Ok(chain)
}
