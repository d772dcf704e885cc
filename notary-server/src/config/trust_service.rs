//! `trust_service`: who holds the online keys.

use std::path::PathBuf;

use libtrust::keys::KeyAlgorithm;
use serde_json::{Value, json};

use notary_service::config::ConfigError;
use notary_service::config::Section;

/// Notary's keys, then ours. With `local`, Notary ignores all but `type`, so whatever they hold must load.
pub(super) const KEYS: &[&str] = &[
    "type",
    "hostname",
    "port",
    "key_algorithm",
    "tls_ca_file",
    "tls_client_cert",
    "tls_client_key",
    "key_store",
    "passphrase_file",
];

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
}

impl TrustService {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const TYPE: &str = "local or embedded";
        let kind = section.take("type").ok_or_else(|| section.missing("type", TYPE))?;
        match kind.text().as_deref() {
            Some("local") => Ok(Self::Local),
            Some("embedded") => Self::read_embedded(&mut section),
            Some("remote") => Err(kind.unsupported(
                "this build has no client for a remote signer; use embedded, which keeps sealed keys in a file, or local",
            )),
            _ => Err(kind.invalid(TYPE)),
        }
    }

    fn read_embedded(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        let key_algorithm = match section.take("key_algorithm") {
            None => KeyAlgorithm::Ecdsa,
            Some(found) => match found.text().as_deref() {
                Some("ecdsa") => KeyAlgorithm::Ecdsa,
                Some("ed25519") => KeyAlgorithm::Ed25519,
                Some("rsa") => return Err(found.unsupported("Notary's signer refuses RSA too; use ecdsa or ed25519")),
                _ => return Err(found.invalid("ecdsa or ed25519")),
            },
        };
        let key_store =
            section.path("key_store")?.ok_or_else(|| section.missing("key_store", "the path of the key store file"))?;
        let passphrase_file = section
            .path("passphrase_file")?
            .ok_or_else(|| section.missing("passphrase_file", "the path of a file with the passphrase"))?;
        Ok(Self::Embedded { key_store, passphrase_file, key_algorithm })
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
        }
    }
}
