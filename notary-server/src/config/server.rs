//! `server`: where to listen and with which certificate.

use serde_json::{Value, json};

use notary_service::config::{ConfigError, Section, TlsFiles};
use notary_service::listen::ListenAddress;

pub(super) const KEYS: &[&str] = &["http_addr", "tls_cert_file", "tls_key_file", "client_ca_file"];

/// Where to listen and with which certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `http_addr`, required: `HOST:PORT`, or `:PORT` for all addresses.
    pub http_addr: ListenAddress,
    /// `tls_cert_file` and `tls_key_file`: both or neither. Without them the server speaks plain HTTP.
    pub tls: Option<TlsFiles>,
}

impl Server {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const ADDRESS: &str = "an address such as \":4443\" or \"127.0.0.1:4443\"";
        let found = section.take("http_addr").ok_or_else(|| section.missing("http_addr", ADDRESS))?;
        let http_addr =
            found.text().and_then(|text| text.parse().ok()).ok_or_else(|| found.invalid(ADDRESS.to_owned()))?;
        let tls = TlsFiles::read(&mut section)?;
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
