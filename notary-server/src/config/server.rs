//! `server`: where to listen and with which certificate.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::error::ConfigError;
use super::reader::Section;
use crate::listen::ListenAddress;

pub(super) const KEYS: &[&str] = &["http_addr", "tls_cert_file", "tls_key_file", "client_ca_file"];

/// Where to listen and with which certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `http_addr`, required: `HOST:PORT`, or `:PORT` for all addresses.
    pub http_addr: ListenAddress,
    /// `tls_cert_file` and `tls_key_file`: both or neither. Without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
}

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

impl Server {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const ADDRESS: &str = "an address such as \":4443\" or \"127.0.0.1:4443\"";
        let found = section.take("http_addr").ok_or_else(|| section.missing("http_addr", ADDRESS))?;
        let http_addr =
            found.text().and_then(|text| text.parse().ok()).ok_or_else(|| found.invalid(ADDRESS.to_owned()))?;
        let certificate = section.path("tls_cert_file")?;
        let key = section.path("tls_key_file")?;
        let client_ca = section.path("client_ca_file")?;
        let tls = match (certificate, key) {
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key, client_ca }),
            (Some(_), None) => return Err(section.missing("tls_key_file", "the key of server.tls_cert_file")),
            (None, Some(_)) => return Err(section.missing("tls_cert_file", "the certificate of server.tls_key_file")),
            (None, None) if client_ca.is_some() => {
                return Err(section.missing(
                    "tls_cert_file",
                    "a certificate, because server.client_ca_file asks for client certificates, which need TLS",
                ));
            }
            (None, None) => None,
        };
        Ok(Self { http_addr, tls })
    }

    pub(super) fn describe(&self) -> Value {
        match &self.tls {
            None => json!({ "http_addr": self.http_addr.to_string() }),
            Some(tls) => json!({
                "http_addr": self.http_addr.to_string(),
                "tls_cert_file": tls.certificate,
                "tls_key_file": tls.key,
                "client_ca_file": tls.client_ca,
            }),
        }
    }
}
