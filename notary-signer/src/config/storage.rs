//! `storage`: where keys are kept, and what they are sealed with.

use std::path::PathBuf;

use notary_service::config::{ConfigError, Database, Section};
use notary_service::database::Engine;
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
    "password_file",
    "max_connections",
    "migrate",
    "iterations",
    "passphrase_dir",
    "module",
    "token_label",
    "token_serial",
    "token_slot",
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
    /// `postgres`: a database server or several.
    Postgres {
        /// Which database, and how to use it.
        database: Database,
        /// How its keys are sealed.
        sealing: Sealing,
    },
    /// `mysql` or `mariadb`: a database server or several, also as a Galera cluster.
    MySql {
        /// Which database, and how to use it.
        database: Database,
        /// How its keys are sealed.
        sealing: Sealing,
    },
    /// `pkcs11`: a token that makes keys and never gives them out.
    Pkcs11 {
        /// `module`: the library of the token's vendor.
        module: PathBuf,
        /// `token_label`, `token_serial` or `token_slot`, one of them.
        token: Token,
        /// `passphrase_dir`: a folder with the PIN in a file `pkcs11.pin`, besides the environment.
        pin_dir: Option<PathBuf>,
    },
}

/// How a token is told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// By its label.
    Label(String),
    /// By its serial number.
    Serial(String),
    /// By the slot it is in.
    Slot(u64),
}

/// How keys are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealing {
    /// `default_alias`: the passphrase new keys are sealed under.
    pub default_alias: String,
    /// `iterations`: PBKDF2 rounds for new keys. By default 600,000, or 10,000 for a passphrase so long that it must be
    /// random.
    pub iterations: Option<Iterations>,
    /// `passphrase_dir`: a folder with a file for each alias, besides the environment.
    pub passphrase_dir: Option<PathBuf>,
}

impl Storage {
    pub(super) fn read(mut section: Section<'_>, legacy_alias: Option<String>) -> Result<Self, ConfigError> {
        const BACKEND: &str = "memory, sqlite3, postgres, mysql or pkcs11";
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
                let path = section.resolve(&text);
                Ok(Self::Sqlite { path, sealing: Sealing::read(&mut section, legacy_alias)? })
            }
            Some("pkcs11") => {
                const MODULE: &str = "the path of the library that comes with the token";
                let module = section.path("module")?.ok_or_else(|| section.missing("module", MODULE))?;
                let token = Token::read(&mut section)?;
                Ok(Self::Pkcs11 { module, token, pin_dir: section.path("passphrase_dir")? })
            }
            Some("rethinkdb") => {
                Err(backend.unsupported("there is no client for RethinkDB; move the keys to another database"))
            }
            Some("postgres") => {
                let database = Database::read(&mut section, Engine::Postgres)?;
                Ok(Self::Postgres { database, sealing: Sealing::read(&mut section, legacy_alias)? })
            }
            Some("mysql" | "mariadb") => {
                let database = Database::read(&mut section, Engine::MySql)?;
                Ok(Self::MySql { database, sealing: Sealing::read(&mut section, legacy_alias)? })
            }
            _ => Err(backend.invalid(BACKEND)),
        }
    }

    pub(super) fn describe(&self) -> Value {
        match self {
            Self::Pkcs11 { module, token, pin_dir } => json!({
                "backend": "pkcs11",
                "module": module,
                "token_label": if let Token::Label(label) = token { Some(label) } else { None },
                "token_serial": if let Token::Serial(serial) = token { Some(serial) } else { None },
                "token_slot": if let Token::Slot(slot) = token { Some(slot) } else { None },
                "passphrase_dir": pin_dir,
            }),
            Self::Memory => json!({ "backend": "memory" }),
            Self::Sqlite { path, sealing } => {
                let file = [("backend", json!("sqlite3")), ("db_url", json!(path))];
                let file = file.into_iter().map(|(key, value)| (key.to_owned(), value));
                Value::Object(file.chain(sealing.describe()).collect())
            }
            Self::Postgres { database, sealing } | Self::MySql { database, sealing } => {
                Value::Object(database.describe().into_iter().chain(sealing.describe()).collect())
            }
        }
    }

    /// How keys are sealed, where they are.
    #[must_use]
    pub const fn sealing(&self) -> Option<&Sealing> {
        match self {
            Self::Memory | Self::Pkcs11 { .. } => None,
            Self::Sqlite { sealing, .. } | Self::Postgres { sealing, .. } | Self::MySql { sealing, .. } => {
                Some(sealing)
            }
        }
    }
}

impl Token {
    fn read(section: &mut Section<'_>) -> Result<Self, ConfigError> {
        let label = section.text("token_label")?.map(Self::Label);
        let serial = section.text("token_serial")?.map(Self::Serial);
        let slot = section.integer("token_slot", 0..=u64::MAX)?.map(Self::Slot);
        let mut given = [label, serial, slot].into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(token), None) => Ok(token),
            _ => Err(section.missing("token_label", "one of token_label, token_serial and token_slot, and only one")),
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

    fn describe(&self) -> [(String, Value); 3] {
        [
            ("default_alias", json!(self.default_alias)),
            ("iterations", json!(self.iterations.map(|iterations| iterations.count()))),
            ("passphrase_dir", json!(self.passphrase_dir)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
    }
}
