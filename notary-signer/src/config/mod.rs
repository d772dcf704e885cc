//! The signer's configuration: Notary's JSON file and keys, plus `authorization`, `key_cache` and `limits`.
//!
//! A file that works for Notary's signer works here unchanged, with one exception: without `server.client_ca_file` this
//! signer serves loopback only, unless `server.allow_anonymous` says that anybody may sign. `NOTARY_SIGNER_` and the key
//! in capitals with `_` for `.` beats the file (`NOTARY_SIGNER_SERVER_GRPC_ADDR`).

mod authorization;
mod key_cache;
mod limits;
mod reporting;
mod server;
mod storage;

#[cfg(test)]
mod tests;

use std::path::Path;

use notary_service::config::{
    ConfigError, Environment, LOGGING_KEYS, LogLevel, Origin, Section, Source, TlsFiles, read_file, variable,
};
use notary_service::listen::ListenAddress;
use serde_json::{Value, json};

pub use key_cache::KeyCache;
pub use limits::Limits;
pub use server::Server;
pub use storage::{Sealing, Storage, Token};

use crate::peers::Authorization;

/// How the variables of this program begin.
pub const PREFIX: &str = "NOTARY_SIGNER_";

/// `default_alias` outside of `storage` is Notary's old place for it.
const KEYS: &[&str] =
    &["server", "storage", "logging", "reporting", "authorization", "key_cache", "limits", "default_alias"];

/// Everything an operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub server: Server,
    /// Where keys are kept.
    pub storage: Storage,
    /// Who may do what.
    pub authorization: Authorization,
    /// How long unsealed keys stay in memory.
    pub key_cache: KeyCache,
    /// Bounds on what peers may cost us.
    pub limits: Limits,
    /// `logging.level`.
    pub log_level: LogLevel,
    /// What was understood but should be said at start.
    pub warnings: Vec<String>,
}

/// The environment variables that set a key. None of them can hold a passphrase.
pub fn variables() -> impl Iterator<Item = String> {
    let sections = [
        ("server", server::KEYS),
        ("storage", storage::KEYS),
        ("authorization", authorization::KEYS),
        ("key_cache", key_cache::KEYS),
        ("limits", limits::KEYS),
        ("logging", LOGGING_KEYS),
        ("reporting.bugsnag", reporting::BUGSNAG_KEYS),
    ];
    let keys = sections.into_iter().flat_map(|(section, keys)| keys.iter().map(move |key| format!("{section}.{key}")));
    keys.chain(["default_alias".to_owned()]).map(|key| variable(PREFIX, &key))
}

impl Config {
    /// Reads a configuration file, then the environment over it.
    ///
    /// # Errors
    /// A [`ConfigError`] that names file, key, what was found and what was expected.
    pub fn load(file: &Path, environment: &Environment) -> Result<Self, ConfigError> {
        let members = read_file(file)?;
        let directory = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let source = Source { origin: Origin::File(file.to_path_buf()), directory, environment, prefix: PREFIX };
        let mut root = Section::root(&source, members, KEYS)?;
        // Sections first opened together, so that a mistyped key is named before the key it leaves missing.
        let server = root.section("server", server::KEYS)?;
        let storage = root.section("storage", storage::KEYS)?;
        let authorization = root.section("authorization", authorization::KEYS)?;
        let legacy_alias = root.text("default_alias")?;
        let mut warnings = Vec::new();
        if reporting::is_asked_for(root.section("reporting", reporting::KEYS)?)? {
            warnings.push("reporting.bugsnag is not used: this signer sends no crash reports".to_owned());
        }
        let server = Server::read(server)?;
        if server.tls.client_ca.is_none() {
            warnings.push(format!(
                "no server.client_ca_file: whoever reaches {} may create keys and sign with every key",
                server.grpc_addr
            ));
        }
        Ok(Self {
            authorization: authorization::read(authorization, server.tls.client_ca.is_some())?,
            server,
            storage: Storage::read(storage, legacy_alias)?,
            key_cache: KeyCache::read(root.section("key_cache", key_cache::KEYS)?)?,
            limits: Limits::read(root.section("limits", limits::KEYS)?)?,
            log_level: LogLevel::read(root.section("logging", LOGGING_KEYS)?, LogLevel::Error)?,
            warnings,
        })
    }

    /// Listens elsewhere than the file says.
    ///
    /// # Errors
    /// If clients without a certificate could reach that address and the file does not allow it.
    pub fn listen_on(&mut self, address: ListenAddress, file: &Path) -> Result<(), ConfigError> {
        self.server.grpc_addr = address;
        self.server.is_for_known_clients().then_some(()).ok_or_else(|| server::needs_client_ca(file))
    }

    /// The configuration in force, as a file that would give the same; paths, no secrets.
    #[must_use]
    pub fn effective(&self) -> Value {
        let mut effective = json!({
            "server": self.server.describe(),
            "storage": self.storage.describe(),
            "key_cache": self.key_cache.describe(),
            "limits": self.limits.describe(),
            "logging": self.log_level.describe(),
        });
        if let (Some(lists), Some(object)) = (authorization::describe(&self.authorization), effective.as_object_mut()) {
            object.insert("authorization".to_owned(), lists);
        }
        effective
    }
}
