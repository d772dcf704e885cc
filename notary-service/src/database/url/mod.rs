//! Where a database is, as operators write it: parsed once, shown without its password.

mod display;
mod mysql;
mod options;
mod postgres;
#[cfg(test)]
mod properties;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

/// Longest database URL, in bytes: bounds what a configuration can make us parse.
const MAX_BYTES: usize = 8 * 1024;
/// Most hosts in one URL.
const MAX_HOSTS: usize = 32;
/// Longest password file, in bytes.
const MAX_PASSWORD_BYTES: u64 = 4 * 1024;

/// Which database speaks at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MySQL, MariaDB, Galera.
    MySql,
}

impl Engine {
    /// The port when none is written.
    #[must_use]
    pub fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql => 3306,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        })
    }
}

/// One host of a database.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name or address, and a port.
    Tcp {
        /// Name or address, without brackets.
        name: String,
        /// Port.
        port: u16,
    },
    /// A Unix socket: its folder and port for PostgreSQL, the socket itself (and no port) for MySQL.
    Socket {
        /// Folder or socket.
        path: PathBuf,
        /// The port that is part of PostgreSQL's socket name.
        port: u16,
    },
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { name, port } if name.contains(':') => write!(f, "[{name}]:{port}"),
            Self::Tcp { name, port } => write!(f, "{name}:{port}"),
            Self::Socket { path, .. } => write!(f, "{}", path.display()),
        }
    }
}

/// How far TLS is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Never.
    Off,
    /// If the server offers it; nothing is verified.
    Preferred,
    /// Always, but the certificate is not verified: keeps out listeners, not impostors.
    Unverified,
    /// Always; the certificate must come from the CA, whatever name it has.
    VerifyCa,
    /// Always; the certificate must come from the CA and name the host.
    VerifyFull,
}

/// TLS towards the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// How far.
    pub mode: TlsMode,
    /// The CA to trust, PEM; the system's when absent.
    pub ca: Option<PathBuf>,
    /// Client certificate, PEM.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

impl Tls {
    /// Without TLS.
    #[must_use]
    pub fn off() -> Self {
        Self { mode: TlsMode::Off, ca: None, certificate: None, key: None }
    }
}

/// Where a database is and who we are there. Neither `Debug` nor `Display` shows the password.
///
/// PostgreSQL takes `postgres://user:password@host1:5432,host2/database?sslmode=verify-full` and the
/// `host=... user=...` form, with the TLS settings of its own clients; without `sslmode` it is `require`, as in Notary.
/// MySQL takes `user:password@tcp(host1:3306,host2)/database?tls=true` as in Notary, `unix(/path)`, and
/// `mysql://user:password@host1,host2/database`. `tls=skip-verify` encrypts without verifying, as it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    engine: Engine,
    user: String,
    password: Option<Zeroizing<String>>,
    hosts: Vec<Host>,
    database: String,
    tls: Tls,
    connect_limit: Option<Duration>,
    /// Settings of the session to pass on; PostgreSQL only.
    session: BTreeMap<String, String>,
}

impl Url {
    /// Reads what an operator wrote for this kind of database.
    ///
    /// # Errors
    /// Naming the part at fault, and never the password.
    pub fn parse(engine: Engine, text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.len() > MAX_BYTES {
            return Err(UrlError::TooLong { bytes: text.len() });
        }
        let parsed = match engine {
            Engine::Postgres => postgres::parse(text),
            Engine::MySql => mysql::parse(text),
        };
        parsed.map_err(|fault| UrlError::Invalid {
            engine,
            url: display::redacted(text),
            part: fault.part,
            reason: fault.reason,
        })
    }

    /// With this password in place of the one in the text.
    #[must_use]
    pub fn with_password(mut self, password: Zeroizing<String>) -> Self {
        self.password = Some(password);
        self
    }

    /// With the password a file holds; white space at its end is cut off.
    ///
    /// # Errors
    /// If the file cannot be read, is empty, too long or not text.
    pub fn with_password_file(self, file: &Path) -> Result<Self, UrlError> {
        use std::io::Read as _;
        let fault = |reason: String| UrlError::PasswordFile { file: file.to_path_buf(), reason };
        let mut text = Zeroizing::new(String::new());
        let opened = std::fs::File::open(file).map_err(|error| fault(error.to_string()))?;
        opened.take(MAX_PASSWORD_BYTES + 1).read_to_string(&mut text).map_err(|error| fault(error.to_string()))?;
        if text.len() as u64 > MAX_PASSWORD_BYTES {
            return Err(fault(format!("it is longer than {MAX_PASSWORD_BYTES} bytes")));
        }
        let password = text.trim_end();
        if password.is_empty() {
            return Err(fault("it is empty".to_owned()));
        }
        Ok(self.with_password(Zeroizing::new(password.to_owned())))
    }

    /// With these files, where given, in place of those in the text. A CA makes TLS verified: without a mode that already
    /// verifies, it becomes [`TlsMode::VerifyFull`].
    ///
    /// # Errors
    /// If a certificate comes without key, or a key without certificate.
    pub fn with_tls_files(
        mut self,
        ca: Option<PathBuf>,
        certificate: Option<PathBuf>,
        key: Option<PathBuf>,
    ) -> Result<Self, UrlError> {
        if ca.is_some() && !matches!(self.tls.mode, TlsMode::VerifyCa | TlsMode::VerifyFull) {
            self.tls.mode = TlsMode::VerifyFull;
        }
        self.tls.ca = ca.or(self.tls.ca);
        self.tls.certificate = certificate.or(self.tls.certificate);
        self.tls.key = key.or(self.tls.key);
        pair(&self.tls).map_err(|fault| UrlError::Invalid {
            engine: self.engine,
            url: self.to_string(),
            part: fault.part,
            reason: fault.reason,
        })?;
        Ok(self)
    }

    /// Which database it is of.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The hosts, in the order written; at least one.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The database's name.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The same server, another database.
    #[must_use]
    pub fn with_database(mut self, database: &str) -> Self {
        database.clone_into(&mut self.database);
        self
    }

    /// TLS towards the database.
    #[must_use]
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// How long a connection may take to be made, if the text says so.
    #[must_use]
    pub fn connect_limit(&self) -> Option<Duration> {
        self.connect_limit
    }
}

/// A part that is wrong; the caller adds the rest without its password.
#[derive(Debug)]
pub(super) struct Fault {
    part: String,
    reason: String,
}

impl Fault {
    fn new(part: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { part: part.into(), reason: reason.into() }
    }
}

fn pair(tls: &Tls) -> Result<(), Fault> {
    match (&tls.certificate, &tls.key) {
        (Some(_), None) => Err(Fault::new("client certificate", "it comes without its key; give both or neither")),
        (None, Some(_)) => Err(Fault::new("client key", "it comes without its certificate; give both or neither")),
        _ => Ok(()),
    }
}

/// Why a database URL was refused. Never shows a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is longer than any.
    #[error("the database URL has {bytes} bytes, at most {MAX_BYTES} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A part is wrong.
    #[error("{engine} URL {url}: {part}: {reason}")]
    Invalid {
        /// Which database it was read for.
        engine: Engine,
        /// What can be shown of it.
        url: String,
        /// Which part.
        part: String,
        /// What is wrong, and what belongs there.
        reason: String,
    },
    /// The password's file cannot be used.
    #[error("password file {}: {reason}", file.display())]
    PasswordFile {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}
