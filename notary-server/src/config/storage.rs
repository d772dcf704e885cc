//! `storage`: where collections are kept.

use std::path::PathBuf;

use serde_json::{Value, json};

use notary_service::config::{ConfigError, Database, Section};
use notary_service::database::Engine;

/// Notary's keys (some only for RethinkDB), then ours.
pub(super) const KEYS: &[&str] = &[
    "backend",
    "db_url",
    "tls_ca_file",
    "client_cert_file",
    "client_key_file",
    "database",
    "username",
    "password",
    "password_file",
    "max_connections",
    "migrate",
];

/// Where collections are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Storage {
    /// `memory`: lost on restart.
    Memory,
    /// `sqlite3` or `sqlite`: a file.
    Sqlite {
        /// `db_url`: path of the file; made if absent.
        path: PathBuf,
    },
    /// `postgres`: a database server or several.
    Postgres(Database),
    /// `mysql` or `mariadb`: a database server or several, also as a Galera cluster.
    MySql(Database),
}

impl Storage {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const BACKEND: &str = "memory, sqlite3, postgres or mysql";
        let backend = section.take("backend").ok_or_else(|| section.missing("backend", BACKEND))?;
        match backend.text().as_deref() {
            Some("memory") => Ok(Self::Memory),
            Some("sqlite3" | "sqlite") => {
                const PATH: &str = "the path of the database file";
                let found = section.take("db_url").ok_or_else(|| section.missing("db_url", PATH))?;
                let Some(text) = found.text().filter(|text| !text.contains("://") && !text.starts_with("file:")) else {
                    // Not shown: it may be a URL with a password.
                    return Err(found.refused(format!("expected {PATH}")));
                };
                Ok(Self::Sqlite { path: section.resolve(&text) })
            }
            Some("postgres") => Ok(Self::Postgres(Database::read(&mut section, Engine::Postgres)?)),
            Some("mysql" | "mariadb") => Ok(Self::MySql(Database::read(&mut section, Engine::MySql)?)),
            Some("rethinkdb") => Err(backend.unsupported(
                "there is no client for RethinkDB; publish the collections anew to a server with postgres or mysql, or \
                 copy the rows of its tables into theirs",
            )),
            _ => Err(backend.invalid(BACKEND)),
        }
    }

    pub(super) fn describe(&self) -> Value {
        match self {
            Self::Memory => json!({ "backend": "memory" }),
            Self::Sqlite { path } => json!({ "backend": "sqlite3", "db_url": path }),
            Self::Postgres(database) | Self::MySql(database) => Value::Object(database.describe()),
        }
    }
}
