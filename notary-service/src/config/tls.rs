//! The three files of a TLS listener, under Notary's keys.

use std::path::PathBuf;

use super::error::ConfigError;
use super::reader::Section;

/// The files TLS needs, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, then its intermediates.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
    /// `client_ca_file`: if set, only clients with a certificate from these authorities are served.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// Reads `tls_cert_file`, `tls_key_file` and `client_ca_file` of section `server`.
    ///
    /// # Errors
    /// If one is there without another that it needs.
    pub fn read(section: &mut Section<'_>) -> Result<Option<Self>, ConfigError> {
        let certificate = section.path("tls_cert_file")?;
        let key = section.path("tls_key_file")?;
        let client_ca = section.path("client_ca_file")?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key, client_ca })),
            (Some(_), None) => Err(section.missing("tls_key_file", "the key of server.tls_cert_file")),
            (None, Some(_)) => Err(section.missing("tls_cert_file", "the certificate of server.tls_key_file")),
            (None, None) if client_ca.is_some() => Err(section.missing(
                "tls_cert_file",
                "a certificate, because server.client_ca_file asks for client certificates, which need TLS",
            )),
            (None, None) => Ok(None),
        }
    }
}
