//! TLS: whose certificates are believed, and which are shown.

mod client_certificate;
mod files;
mod named_certificate;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;

pub use files::TlsFileError;

use client_certificate::ClientCertificates;
use verifier::ServerVerifier;

/// Whose certificates are believed and which are shown. The default is the operating system's trust store, and no
/// certificate of our own. A server's certificate is always checked; there is no way to leave that out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsOptions {
    /// PEM certificates of authorities that **replace** the operating system's, as `--tlscacert` does.
    pub ca_file: Option<PathBuf>,
    /// Folders laid out as Docker's `CONFIGDIR/tls`: of each, `HOST[:PORT]/*.crt` are further authorities for that server,
    /// and `X.cert` with `X.key` are certificates to show it.
    pub host_folders: Vec<PathBuf>,
    /// A certificate chain and its private key to show, both PEM. Comes before those of the folders.
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

impl TlsOptions {
    /// Settings for connections to `host` and to the token service it names. Reads files, once.
    pub(in crate::client) fn config(&self, host: &str) -> Result<ClientConfig, TlsFileError> {
        let provider = Arc::new(ring::default_provider());
        let mut files = files::Found::new();
        if let Some(ca) = &self.ca_file {
            files.add_authorities(ca)?;
        }
        if let Some((certificate, key)) = &self.client_certificate {
            files.add_pair(certificate, key, &provider)?;
        }
        for folder in &self.host_folders {
            files.add_folder(&folder.join(host), &provider)?;
        }
        let verifier = ServerVerifier::new(files.authorities, files.certificates, self.ca_file.is_none(), &provider)?;
        let versions = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsFileError::unusable("TLS", error.to_string()))?;
        // "Dangerous" is that a verifier of one's own may be lax: ours hands everything to webpki.
        let builder = versions.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = if files.pairs.is_empty() {
            builder.with_no_client_auth()
        } else {
            builder.with_client_cert_resolver(Arc::new(ClientCertificates::new(files.pairs)))
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}
