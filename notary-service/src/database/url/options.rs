//! What the database library is told.

use sqlx::ConnectOptions as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{Host, TlsMode, Url};

impl Url {
    /// Options for one of the hosts. TLS files are read when a connection is made, so that new ones are noticed.
    pub fn postgres_options(&self, host: &Host) -> PgConnectOptions {
        let mut options = PgConnectOptions::new_without_pgpass()
            .username(&self.user)
            .database(&self.database)
            .disable_statement_logging()
            .ssl_mode(match self.tls.mode {
                TlsMode::Off => PgSslMode::Disable,
                TlsMode::Preferred => PgSslMode::Prefer,
                TlsMode::Unverified => PgSslMode::Require,
                TlsMode::VerifyCa => PgSslMode::VerifyCa,
                TlsMode::VerifyFull => PgSslMode::VerifyFull,
            });
        options = match host {
            Host::Tcp { name, port } => options.host(name).port(*port),
            Host::Socket { path, port } => options.socket(path).port(*port),
        };
        if let Some(password) = &self.password {
            options = options.password(password);
        }
        if let Some(ca) = &self.tls.ca {
            options = options.ssl_root_cert(ca);
        }
        if let (Some(certificate), Some(key)) = (&self.tls.certificate, &self.tls.key) {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        if let Some(name) = self.session.get("application_name") {
            options = options.application_name(name);
        }
        if let Some(path) = self.session.get("search_path") {
            options = options.options([("search_path", path)]);
        }
        options
    }

    /// Options for one of the hosts. The session is set up by the pool.
    pub(crate) fn mysql_options(&self, host: &Host) -> MySqlConnectOptions {
        let mut options = MySqlConnectOptions::new()
            .username(&self.user)
            .database(&self.database)
            .disable_statement_logging()
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
            .ssl_mode(match self.tls.mode {
                TlsMode::Off => MySqlSslMode::Disabled,
                TlsMode::Preferred => MySqlSslMode::Preferred,
                TlsMode::Unverified => MySqlSslMode::Required,
                TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
                TlsMode::VerifyFull => MySqlSslMode::VerifyIdentity,
            });
        options = match host {
            Host::Tcp { name, port } => options.host(name).port(*port),
            Host::Socket { path, .. } => options.socket(path),
        };
        if let Some(password) = &self.password {
            options = options.password(password);
        }
        if let Some(ca) = &self.tls.ca {
            options = options.ssl_ca(ca);
        }
        if let (Some(certificate), Some(key)) = (&self.tls.certificate, &self.tls.key) {
            options = options.ssl_client_cert(certificate).ssl_client_key(key);
        }
        options
    }
}
