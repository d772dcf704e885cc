//! `server`: where to listen, with which certificate, and for whom.

use std::net::IpAddr;
use std::path::Path;

use notary_service::config::{ConfigError, Origin, Section};
use notary_service::listen::ListenAddress;
use serde_json::{Value, json};

use super::TlsFiles;

pub(super) const KEYS: &[&str] =
    &["grpc_addr", "tls_cert_file", "tls_key_file", "client_ca_file", "allow_anonymous", "ops_addr"];

const CLIENT_CA: &str = "the authority of the servers' certificates, because without it whoever reaches the port may \
     sign with every key; set server.allow_anonymous to true if that is meant";

/// Where to listen, with which certificate, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// `grpc_addr`, required: `HOST:PORT`, or `:PORT` for all addresses.
    pub grpc_addr: ListenAddress,
    /// `tls_cert_file` and `tls_key_file`, required, and `client_ca_file`: whose certificates clients need.
    pub tls: TlsFiles,
    /// `allow_anonymous`: serve clients without a certificate also beyond this machine. Default false.
    pub allow_anonymous: bool,
    /// `ops_addr`: where metrics and health are served over plain HTTP. Default nowhere.
    pub ops_addr: Option<ListenAddress>,
}

impl Server {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let grpc_addr = address(&mut section, "grpc_addr")?
            .ok_or_else(|| section.missing("grpc_addr", "an address such as \":7899\" or \"127.0.0.1:7899\""))?;
        let tls = TlsFiles::read(&mut section)?
            .ok_or_else(|| section.missing("tls_cert_file", "a certificate: the signer speaks TLS only"))?;
        let allow_anonymous = truth(&mut section, "allow_anonymous")?;
        let ops_addr = address(&mut section, "ops_addr")?;
        let server = Self { grpc_addr, tls, allow_anonymous, ops_addr };
        if server.is_for_known_clients() { Ok(server) } else { Err(section.missing("client_ca_file", CLIENT_CA)) }
    }

    /// Whether only clients with a certificate, or of this machine, or those the operator allows can connect.
    pub(super) fn is_for_known_clients(&self) -> bool {
        self.tls.client_ca.is_some() || self.allow_anonymous || is_loopback(&self.grpc_addr)
    }

    pub(super) fn describe(&self) -> Value {
        json!({
            "grpc_addr": self.grpc_addr.to_string(),
            "tls_cert_file": self.tls.certificate,
            "tls_key_file": self.tls.key,
            "client_ca_file": self.tls.client_ca,
            "allow_anonymous": self.allow_anonymous,
            "ops_addr": self.ops_addr.as_ref().map(ToString::to_string),
        })
    }
}

/// The refusal of an address that came from elsewhere.
pub(super) fn needs_client_ca(file: &Path) -> ConfigError {
    let origin = Origin::File(file.to_path_buf());
    ConfigError::Missing { origin, key: "server.client_ca_file".to_owned(), expected: CLIENT_CA }
}

fn address(section: &mut Section<'_>, key: &str) -> Result<Option<ListenAddress>, ConfigError> {
    let Some(found) = section.take(key) else { return Ok(None) };
    let address = found.text().and_then(|text| text.parse().ok());
    address.map(Some).ok_or_else(|| found.invalid("an address such as \":7899\" or \"127.0.0.1:7899\""))
}

fn truth(section: &mut Section<'_>, key: &str) -> Result<bool, ConfigError> {
    let Some(found) = section.take(key) else { return Ok(false) };
    match found.text().as_deref() {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        _ => Err(found.invalid("true or false")),
    }
}

/// A name other than `localhost` could be any machine's.
fn is_loopback(address: &ListenAddress) -> bool {
    address.host().is_some_and(|host| {
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    })
}
