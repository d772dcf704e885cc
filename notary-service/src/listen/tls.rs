//! TLS: one certificate that can be exchanged while connections live, and the handshake's settings.

use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

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

/// The server's certificate and key. Clones share it; [`Certificate::replace`] serves new handshakes with another
/// while established connections go on.
#[derive(Debug, Clone)]
pub struct Certificate(Arc<Slot>);

#[derive(Debug)]
struct Slot(ArcSwap<CertifiedKey>);

impl Certificate {
    /// Reads a certificate chain and its key from PEM files.
    ///
    /// # Errors
    /// When a file cannot be read or the two do not belong together.
    pub fn from_files(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self(Arc::new(Slot(ArcSwap::from_pointee(pair(certificate, key)?)))))
    }

    /// Reads the files again and serves what they hold now.
    ///
    /// # Errors
    /// As [`Certificate::from_files`]; the certificate in force stays.
    pub fn replace(&self, certificate: &Path, key: &Path) -> Result<(), TlsError> {
        self.0.0.store(Arc::new(pair(certificate, key)?));
        Ok(())
    }
}

impl ResolvesServerCert for Slot {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// The settings of every handshake: TLS 1.2 and 1.3, HTTP/2 and 1.1, resumption by ticket, and client certificates
/// from `client_ca` if one is given.
///
/// # Errors
/// When `client_ca` cannot be read or holds nothing usable.
pub fn settings(certificate: &Certificate, client_ca: Option<&Path>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let refused = |cause: String| TlsError::ClientAuthority { file: file.display().to_string(), cause };
            let mut roots = RootCertStore::empty();
            for authority in certificates(file)? {
                roots.add(authority).map_err(|error| refused(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .map_err(|error| refused(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut settings = builder.with_cert_resolver(Arc::clone(&certificate.0) as Arc<dyn ResolvesServerCert>);
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    settings.ticketer = ring::Ticketer::new()?;
    settings.send_tls13_tickets = 1;
    Ok(settings)
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
