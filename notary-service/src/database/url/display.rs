//! Showing a URL without its password, in a form that reads back as the same.

use std::fmt;

use super::text::encode;
use super::{Engine, Host, TlsMode, Url};

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.engine {
            Engine::Postgres => "postgres",
            Engine::MySql => "mysql",
        };
        write!(f, "{scheme}://{}@", encode(&self.user))?;
        let mut parameters = Vec::new();
        match (self.engine, self.hosts.as_slice()) {
            (Engine::MySql, [Host::Socket { path, .. }, ..]) => {
                parameters.push(("socket", path.display().to_string()));
            }
            (_, hosts) => {
                for (index, host) in hosts.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    match host {
                        Host::Tcp { .. } => write!(f, "{comma}{host}")?,
                        Host::Socket { path, port } => {
                            write!(f, "{comma}{}:{port}", encode(&path.display().to_string()))?;
                        }
                    }
                }
            }
        }
        write!(f, "/{}", encode(&self.database))?;
        let (mode, ca, certificate, key, limit) = match self.engine {
            Engine::Postgres => ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout"),
            Engine::MySql => ("tls", "tls-ca", "tls-cert", "tls-key", "timeout"),
        };
        parameters.push((mode, mode_text(self.engine, self.tls.mode).to_owned()));
        for (name, file) in [(ca, &self.tls.ca), (certificate, &self.tls.certificate), (key, &self.tls.key)] {
            parameters.extend(file.as_ref().map(|file| (name, file.display().to_string())));
        }
        parameters.extend(self.connect_limit.map(|time| match self.engine {
            Engine::Postgres => (limit, time.as_secs().max(1).to_string()),
            Engine::MySql => (limit, format!("{}ms", time.as_millis())),
        }));
        parameters.extend(self.session.iter().map(|(name, value)| (name.as_str(), value.clone())));
        for (index, (name, value)) in parameters.iter().enumerate() {
            write!(f, "{}{name}={}", if index == 0 { "?" } else { "&" }, encode(value))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

fn mode_text(engine: Engine, mode: TlsMode) -> &'static str {
    match (engine, mode) {
        (Engine::Postgres, TlsMode::Off) => "disable",
        (Engine::Postgres, TlsMode::Preferred) => "prefer",
        (Engine::Postgres, TlsMode::Unverified) => "require",
        (_, TlsMode::VerifyCa) => "verify-ca",
        (Engine::Postgres, TlsMode::VerifyFull) => "verify-full",
        (Engine::MySql, TlsMode::Off) => "false",
        (Engine::MySql, TlsMode::Preferred) => "preferred",
        (Engine::MySql, TlsMode::Unverified) => "skip-verify",
        (Engine::MySql, TlsMode::VerifyFull) => "true",
    }
}

/// What can safely be shown of a text that could not be read: its scheme and what follows the last `@`, up to the
/// parameters. Anything else may be a password.
pub(super) fn redacted(text: &str) -> String {
    let scheme = ["postgres://", "postgresql://", "mysql://", "mariadb://"]
        .into_iter()
        .find(|scheme| text.starts_with(scheme))
        .unwrap_or_default();
    let before = text.split_once('?').map_or(text, |(before, _)| before);
    let words = scheme.is_empty() && (before.contains('=') || !before.contains('/'));
    match before.rsplit_once('@') {
        Some((_, after)) if !words && !after.contains(['=', '\'', ' ']) => {
            let after: String = after.chars().filter(|c| !c.is_control()).take(200).collect();
            format!("{scheme}...@{after}")
        }
        _ => format!("{scheme}..."),
    }
}
