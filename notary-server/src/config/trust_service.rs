//! `trust_service`: who holds the online keys.

use std::path::PathBuf;
use std::time::Duration;

use libtrust::keys::KeyAlgorithm;
use serde_json::{Value, json};

use crate::signer::remote::{ClientFiles, RemoteOptions, SignerAddress, SignerTls};
use notary_service::config::{ConfigError, Found, Section, Tree, units};

/// Notary's keys, then ours. With `local`, Notary ignores all but `type`, so whatever they hold must load.
pub(super) const KEYS: &[&str] = &[
    "type",
    "hostname",
    "port",
    "key_algorithm",
    "tls_ca_file",
    "tls_client_cert",
    "tls_client_key",
    "timeout",
    "key_store",
    "passphrase_file",
];

/// Longer than a signature takes anywhere, shorter than clients wait.
const TIMEOUT: Duration = Duration::from_secs(10);
const LEAST_TIMEOUT: Duration = Duration::from_millis(100);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);

/// Who holds the online keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustService {
    /// `local`: Ed25519 keys in memory, lost on restart. For trying things out.
    Local,
    /// `embedded`: a sealed key store in a file, used in process.
    Embedded {
        /// `key_store`: the key store's SQLite file; made if absent.
        key_store: PathBuf,
        /// `passphrase_file`: what seals the keys; readable by the owner only.
        passphrase_file: PathBuf,
        /// `key_algorithm`: of new keys; `ecdsa` (the default) or `ed25519`.
        key_algorithm: KeyAlgorithm,
    },
    /// `remote`: a signer reached over TLS.
    Remote {
        /// `hostname` and `port`, `tls_ca_file`, `tls_client_cert` and `tls_client_key`, `timeout`.
        signer: RemoteOptions,
        /// `key_algorithm`: of new keys; `ecdsa` (the default) or `ed25519`.
        key_algorithm: KeyAlgorithm,
    },
}

impl TrustService {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const TYPE: &str = "remote, embedded or local";
        let kind = section.take("type").ok_or_else(|| section.missing("type", TYPE))?;
        match kind.text().as_deref() {
            Some("local") => Ok(Self::Local),
            Some("embedded") => Self::read_embedded(&mut section),
            Some("remote") => Self::read_remote(&mut section),
            _ => Err(kind.invalid(TYPE)),
        }
    }

    fn read_embedded(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        let key_algorithm = key_algorithm(section)?;
        let key_store =
            section.path("key_store")?.ok_or_else(|| section.missing("key_store", "the path of the key store file"))?;
        let passphrase_file = section
            .path("passphrase_file")?
            .ok_or_else(|| section.missing("passphrase_file", "the path of a file with the passphrase"))?;
        Ok(Self::Embedded { key_store, passphrase_file, key_algorithm })
    }

    fn read_remote(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        let port = section.integer("port", 1..=65535)?.and_then(|port| u16::try_from(port).ok());
        let signers = signers(section, port)?;
        let ca = section.path("tls_ca_file")?;
        let client = match (section.path("tls_client_cert")?, section.path("tls_client_key")?) {
            (Some(certificate), Some(key)) => Some(ClientFiles { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                return Err(section.missing("tls_client_key", "the key of trust_service.tls_client_cert"));
            }
            (None, Some(_)) => {
                return Err(section.missing("tls_client_cert", "the certificate of trust_service.tls_client_key"));
            }
        };
        let timeout = section.duration("timeout", LEAST_TIMEOUT..=LONGEST_TIMEOUT)?.unwrap_or(TIMEOUT);
        let signer = RemoteOptions { signers, tls: SignerTls { ca, client }, timeout };
        Ok(Self::Remote { signer, key_algorithm: key_algorithm(section)? })
    }

    pub(super) fn describe(&self) -> Value {
        match self {
            Self::Local => json!({ "type": "local" }),
            Self::Embedded { key_store, passphrase_file, key_algorithm } => json!({
                "type": "embedded",
                "key_algorithm": key_algorithm.as_str(),
                "key_store": key_store,
                "passphrase_file": passphrase_file,
            }),
            Self::Remote { signer: RemoteOptions { signers, tls, timeout }, key_algorithm } => json!({
                "type": "remote",
                "hostname": signers.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "key_algorithm": key_algorithm.as_str(),
                "tls_ca_file": tls.ca,
                "tls_client_cert": tls.client.as_ref().map(|client| &client.certificate),
                "tls_client_key": tls.client.as_ref().map(|client| &client.key),
                "timeout": units::print_duration(*timeout),
            }),
        }
    }
}

fn key_algorithm(section: &mut Section<'_>) -> Result<KeyAlgorithm, ConfigError> {
    let Some(found) = section.take("key_algorithm") else { return Ok(KeyAlgorithm::Ecdsa) };
    match found.text().as_deref() {
        Some("ecdsa") => Ok(KeyAlgorithm::Ecdsa),
        Some("ed25519") => Ok(KeyAlgorithm::Ed25519),
        Some("rsa") => Err(found.unsupported("Notary's signer refuses RSA too; use ecdsa or ed25519")),
        _ => Err(found.invalid("ecdsa or ed25519")),
    }
}

/// `hostname`: one signer or several, as a list or separated by commas, each with a port of its own or that of `port`.
fn signers(section: &mut Section<'_>, port: Option<u16>) -> Result<Vec<SignerAddress>, ConfigError> {
    const HOSTNAME: &str = "the signer's host name, or several: HOST or HOST:PORT";
    let found = section.take("hostname").ok_or_else(|| section.missing("hostname", HOSTNAME))?;
    let names = names(&found).filter(|names| !names.is_empty()).ok_or_else(|| found.invalid(HOSTNAME))?;
    if port.is_none() && names.iter().any(|name| SignerAddress::parse(name, None).is_err()) {
        // A bad name is named below.
        if names.iter().all(|name| SignerAddress::parse(name, Some(1)).is_ok()) {
            return Err(section.missing("port", "the signer's port"));
        }
    }
    let parsed = names.iter().map(|name| SignerAddress::parse(name, port));
    let mut signers: Vec<SignerAddress> = Vec::new();
    for signer in parsed {
        let signer = signer.map_err(|error| found.invalid(format!("{HOSTNAME} ({error})")))?;
        if signers.contains(&signer) {
            return Err(found.invalid(format!("each signer once ({signer})")));
        }
        signers.push(signer);
    }
    Ok(signers)
}

fn names(found: &Found) -> Option<Vec<String>> {
    match &found.value {
        Tree::Text(text) => {
            let names = text.split([',', ' ']).filter(|name| !name.is_empty());
            Some(names.map(str::to_owned).collect())
        }
        Tree::List(items) => items
            .iter()
            .map(|item| match item {
                Tree::Text(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}
