//! The server's configuration: Notary's JSON file and keys, plus `limits`, `cache`, `renewal` and `registry`.
//!
//! A file that works for Notary with `memory` storage and a `local` trust service works here unchanged. Everything this
//! build cannot honour is refused by name. `NOTARY_SERVER_` and the key in capitals with `_` for `.` beats the file
//! (`NOTARY_SERVER_STORAGE_BACKEND`); an empty variable counts as unset. Variables of other names are not an error:
//! container platforms invent some with our prefix (`NOTARY_SERVER_PORT`).

mod auth;
mod cache;
mod caching;
mod limits;
mod registry;
mod renewal;
mod reporting;
mod repositories;
mod server;
mod storage;
mod trust_service;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use notary_service::config::{LOGGING_KEYS, Section, Source, read_file, variable};
use serde_json::{Value, json};

pub use auth::{JwksLocation, TokenOptions};
pub use cache::Cache;
pub use caching::Caching;
pub use limits::Limits;
pub use notary_service::config::{ConfigError, Environment, LogLevel, Origin, TlsFiles};
pub use registry::RegistryOptions;
pub use renewal::Renewal;
pub use repositories::Repositories;
pub use server::Server;
pub use storage::Storage;
pub use trust_service::TrustService;

/// How the variables of this program begin.
pub const PREFIX: &str = "NOTARY_SERVER_";

const KEYS: &[&str] = &[
    "server",
    "trust_service",
    "storage",
    "logging",
    "auth",
    "caching",
    "repositories",
    "reporting",
    "limits",
    "cache",
    "renewal",
    "registry",
];

/// Everything an operator decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where to listen.
    pub server: Server,
    /// Who holds the online keys.
    pub trust_service: TrustService,
    /// Where collections are kept.
    pub storage: Storage,
    /// The parts that have a default.
    pub settings: Settings,
}

/// The parts of a configuration that have a default.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// `logging.level`.
    pub log_level: LogLevel,
    /// `auth`: how clients show who they are; without it everyone is served.
    pub auth: Option<TokenOptions>,
    /// What clients may keep.
    pub caching: Caching,
    /// Which image names are served.
    pub repositories: Repositories,
    /// Bounds on what clients may cost us.
    pub limits: Limits,
    /// Memory for files read often.
    pub cache: Cache,
    /// When timestamps are signed again.
    pub renewal: Renewal,
    /// `registry`: where targets of repositories are fetched from; without it none are served.
    pub registry: Option<RegistryOptions>,
    /// What was understood but should be said at start.
    pub warnings: Vec<String>,
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
        let trust_service = root.section("trust_service", trust_service::KEYS)?;
        let storage = root.section("storage", storage::KEYS)?;
        let settings = Settings::read(&mut root, LogLevel::Error)?;
        Ok(Self {
            server: Server::read(server)?,
            trust_service: TrustService::read(trust_service)?,
            storage: Storage::read(storage)?,
            settings,
        })
    }

    /// The configuration in force, as a file that would give the same; paths, no secrets.
    #[must_use]
    pub fn effective(&self) -> Value {
        let settings = &self.settings;
        json!({
            "server": self.server.describe(),
            "trust_service": self.trust_service.describe(),
            "storage": self.storage.describe(),
            "logging": settings.log_level.describe(),
            "auth": auth::describe(settings.auth.as_ref()),
            "caching": settings.caching.describe(),
            "repositories": settings.repositories.describe(),
            "limits": settings.limits.describe(),
            "cache": settings.cache.describe(),
            "renewal": settings.renewal.describe(),
            "registry": registry::describe(settings.registry.as_ref()),
        })
    }
}

impl Settings {
    /// Defaults, with the environment over them: for the server without a configuration file.
    ///
    /// # Errors
    /// A [`ConfigError`] that names the variable.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigError> {
        // The data folder decides these. To ignore them would be to serve with less than what was asked for.
        let decided = [("server", server::KEYS), ("trust_service", trust_service::KEYS), ("storage", storage::KEYS)];
        for (section, key) in decided.iter().flat_map(|(section, keys)| keys.iter().map(move |key| (section, key))) {
            let variable = variable(PREFIX, &format!("{section}.{key}"));
            if environment.get(&variable).is_some_and(|value| !value.trim().is_empty()) {
                return Err(ConfigError::NeedsFile { variable });
            }
        }
        let source = Source { origin: Origin::Default, directory: PathBuf::new(), environment, prefix: PREFIX };
        let mut root = Section::root(&source, BTreeMap::new(), KEYS)?;
        Self::read(&mut root, LogLevel::Warning)
    }

    fn read(root: &mut Section<'_>, log_level: LogLevel) -> Result<Self, ConfigError> {
        let auth = auth::read(root.section("auth", auth::KEYS)?)?;
        let mut warnings = Vec::new();
        if reporting::is_asked_for(root.section("reporting", reporting::KEYS)?)? {
            warnings.push("reporting.bugsnag is not used: this server sends no crash reports".to_owned());
        }
        Ok(Self {
            log_level: LogLevel::read(root.section("logging", LOGGING_KEYS)?, log_level)?,
            auth,
            caching: Caching::read(root.section("caching", caching::KEYS)?)?,
            repositories: Repositories::read(root.section("repositories", repositories::KEYS)?)?,
            limits: Limits::read(root.section("limits", limits::KEYS)?)?,
            cache: Cache::read(root.section("cache", cache::KEYS)?)?,
            renewal: Renewal::read(root.section("renewal", renewal::KEYS)?)?,
            registry: registry::read(root.section("registry", registry::KEYS)?)?,
            warnings,
        })
    }
}
