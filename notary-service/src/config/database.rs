//! The keys of section `storage` that say which database server to use, the same for both programs.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::error::ConfigError;
use super::reader::Section;
use crate::database::{Engine, Settings, Url, UrlError};

/// Notary's keys, then ours.
pub const KEYS: &[&str] =
    &["db_url", "tls_ca_file", "client_cert_file", "client_key_file", "password_file", "max_connections", "migrate"];

/// Connections beyond this are refused as a slip.
const CONNECTIONS_MAX: u64 = 1000;

/// A database server, and how to use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// `db_url`.
    url: Url,
    /// `password_file`: holds the password, instead of `db_url`.
    password_file: Option<PathBuf>,
    /// `tls_ca_file`: who vouches for the server; makes TLS verified.
    ca: Option<PathBuf>,
    /// `client_cert_file` and `client_key_file`: what the server knows us by.
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    /// `max_connections`: most connections at a time, 2 to 1000, 16 by default.
    max_connections: u32,
    /// `migrate`: whether starting may make and change tables; true by default.
    pub migrate: bool,
}

impl Database {
    /// Reads the keys of section `storage`.
    ///
    /// # Errors
    /// If one is not what it should be. No file is opened.
    pub fn read(section: &mut Section<'_>, engine: Engine) -> Result<Self, ConfigError> {
        let expected = match engine {
            Engine::Postgres => "postgres://USER:PASSWORD@HOST:5432/DATABASE",
            Engine::MySql => "USER:PASSWORD@tcp(HOST:3306)/DATABASE",
        };
        let found = section.take("db_url").ok_or_else(|| section.missing("db_url", expected))?;
        let Some(text) = found.text() else { return Err(found.invalid(expected)) };
        let url = Url::parse(engine, &text).map_err(|cause| found.refused(cause))?;
        let ca = section.path("tls_ca_file")?;
        let certificate = section.path("client_cert_file")?;
        let key = section.path("client_key_file")?;
        // Both or neither.
        url.clone()
            .with_tls_files(ca.clone(), certificate.clone(), key.clone())
            .map_err(|cause| found.refused(cause))?;
        let max_connections = section.integer("max_connections", 2..=CONNECTIONS_MAX)?;
        let max_connections = max_connections.and_then(|count| u32::try_from(count).ok());
        Ok(Self {
            url,
            password_file: section.path("password_file")?,
            ca,
            certificate,
            key,
            max_connections: max_connections.unwrap_or(Settings::default().max_connections),
            migrate: section.boolean("migrate")?.unwrap_or(true),
        })
    }

    /// Where the database is and what opens it; reads the password's file.
    ///
    /// # Errors
    /// If that file cannot be used.
    pub fn url(&self) -> Result<Url, UrlError> {
        let url = self.url.clone();
        let url = url.with_tls_files(self.ca.clone(), self.certificate.clone(), self.key.clone())?;
        match &self.password_file {
            Some(file) => url.with_password_file(file),
            None => Ok(url),
        }
    }

    /// How connections are bounded.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings { max_connections: self.max_connections, ..Settings::default() }
    }

    /// The keys as they are in force; a password in `db_url` is left out.
    #[must_use]
    pub fn describe(&self) -> Map<String, Value> {
        let backend = match self.url.engine() {
            Engine::Postgres => "postgres",
            Engine::MySql => "mysql",
        };
        let all = [
            ("backend", Some(json!(backend))),
            ("db_url", Some(json!(self.url.to_string()))),
            ("tls_ca_file", self.ca.as_ref().map(|path| json!(path))),
            ("client_cert_file", self.certificate.as_ref().map(|path| json!(path))),
            ("client_key_file", self.key.as_ref().map(|path| json!(path))),
            ("password_file", self.password_file.as_ref().map(|path| json!(path))),
            ("max_connections", Some(json!(self.max_connections))),
            ("migrate", Some(json!(self.migrate))),
        ];
        all.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))).collect()
    }
}
