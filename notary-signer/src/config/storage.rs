//! `storage`: where keys are kept, and what they are sealed with.

use std::path::PathBuf;

use notary_service::config::{ConfigError, Section};
use serde_json::{Value, json};

use crate::seal::Iterations;

/// Notary's keys, then ours.
pub(super) const KEYS: &[&str] = &[
    "backend",
    "db_url",
    "default_alias",
    "tls_ca_file",
    "client_cert_file",
    "client_key_file",
    "database",
    "username",
    "password",
    "iterations",
    "passphrase_dir",
];

/// Where keys are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// `memory`: lost on restart.
    Memory,
    /// `sqlite3` or `sqlite`: a file.
    Sqlite {
        /// `db_url`: path of the file; made if absent.
        path: PathBuf,
        /// How its keys are sealed.
        sealing: Sealing,
    },
}

/// How keys are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    /// `default_alias`: the passphrase new keys are sealed under.
    pub default_alias: String,
    /// `iterations`: PBKDF2 rounds for new keys. By default 600,000, or 1,000 for a passphrase so long that it must be
    /// random.
    pub iterations: Option<Iterations>,
    /// `passphrase_dir`: a folder with a file for each alias, besides the environment.
    pub passphrase_dir: Option<PathBuf>,
}

impl Storage {
    pub(super) fn read(mut section: Section<'_>, legacy_alias: Option<String>) -> Result<Self, ConfigError> {
        const BACKEND: &str = "memory or sqlite3";
        let backend = section.take("backend").ok_or_else(|| section.missing("backend", BACKEND))?;
        match backend.text().as_deref() {
            Some("memory") => Ok(Self::Memory),
            Some("sqlite3" | "sqlite") => {
                const PATH: &str = "the path of the database file";
                let found = section.take("db_url").ok_or_else(|| section.missing("db_url", PATH))?;
                let Some(text) = found.text().filter(|text| !text.contains("://") && !text.starts_with("file:")) else {
                    return Err(found.invalid(PATH));
                };
                let path = section.resolve(&text);
                Ok(Self::Sqlite { path, sealing: Sealing::read(&mut section, legacy_alias)? })
            }
            Some("rethinkdb") => {
                Err(backend.unsupported("there is no client for RethinkDB; move the keys to another database"))
            }
            Some("mysql" | "postgres") => {
                Err(backend.unsupported("this build stores in memory or in SQLite; use sqlite3 with a file as db_url"))
            }
            _ => Err(backend.invalid(BACKEND)),
        }
    }

    pub(super) fn describe(&self) -> Value {
        match self {
            Self::Memory => json!({ "backend": "memory" }),
            Self::Sqlite { path, sealing } => json!({
                "backend": "sqlite3",
                "db_url": path,
                "default_alias": sealing.default_alias,
                "iterations": sealing.iterations.map(|iterations| iterations.count()),
                "passphrase_dir": sealing.passphrase_dir,
            }),
        }
    }
}

impl Sealing {
    fn read(section: &mut Section<'_>, legacy_alias: Option<String>) -> Result<Self, ConfigError> {
        let default_alias = section
            .text("default_alias")?
            .or(legacy_alias)
            .ok_or_else(|| section.missing("default_alias", "the alias of the passphrase for new keys"))?;
        let (least, most) = (u64::from(Iterations::MIN.count().get()), u64::from(Iterations::MAX.count().get()));
        let iterations = section.integer("iterations", least..=most)?;
        let iterations = iterations.and_then(|count| Iterations::try_from(count).ok());
        Ok(Self { default_alias, iterations, passphrase_dir: section.path("passphrase_dir")? })
    }
}
