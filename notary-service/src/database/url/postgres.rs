//! PostgreSQL: URLs and the `key=value` form of its own clients.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::text::{count_hosts, decode, name, port, query, seconds, socket, split_port, tcp};
use super::{Engine, Fault, Host, Tls, TlsMode, Url, pair};

/// Parameters that change nothing here: what they ask for is so anyway, or only their own drivers know them.
const WITHOUT_EFFECT: [&str; 10] = [
    "binary_parameters",
    "client_encoding",
    "datestyle",
    "fallback_application_name",
    "gssencmode",
    "keepalives",
    "load_balance_hosts",
    "passfile",
    "sslsni",
    "timezone",
];
/// Settings of the session that are passed on.
const SESSION: [&str; 2] = ["application_name", "search_path"];

/// What was written, before it is judged as a whole.
#[derive(Default)]
struct Draft {
    user: Option<String>,
    password: Option<Zeroizing<String>>,
    hosts: Vec<String>,
    ports: Vec<Option<String>>,
    database: Option<String>,
    mode: Option<TlsMode>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    connect_limit: Option<Duration>,
    session: BTreeMap<String, String>,
}

pub(super) fn parse(text: &str) -> Result<Url, Fault> {
    let mut draft = Draft::default();
    match text.strip_prefix("postgres://").or_else(|| text.strip_prefix("postgresql://")) {
        Some(rest) => draft.url(rest)?,
        None if text.contains("://") => {
            return Err(Fault::new("scheme", "expected postgres:// (or host=... user=... dbname=...)"));
        }
        None => draft.words(text)?,
    }
    draft.finish()
}

impl Draft {
    fn url(&mut self, rest: &str) -> Result<(), Fault> {
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (credentials, hosts),
            None => ("", authority),
        };
        let (user, password) = match credentials.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (credentials, None),
        };
        if !user.is_empty() {
            self.user = Some(decode("user", user)?);
        }
        if let Some(password) = password {
            self.password = Some(Zeroizing::new(decode("password", password)?));
        }
        if !hosts.is_empty() {
            for host in hosts.split(',') {
                let (name, port) = split_port(host)?;
                self.hosts.push(decode("host", name)?);
                self.ports.push(port.map(ToOwned::to_owned));
            }
        }
        if !database.is_empty() {
            self.database = Some(decode("database", database)?);
        }
        query(parameters)?.into_iter().try_for_each(|(key, value)| self.set(&key, value))
    }

    /// `key=value key='value with \' quote'`.
    fn words(&mut self, text: &str) -> Result<(), Fault> {
        let mut rest = text.chars().peekable();
        loop {
            while rest.next_if(|c| c.is_whitespace()).is_some() {}
            if rest.peek().is_none() {
                return Ok(());
            }
            let mut key = String::new();
            while let Some(c) = rest.next_if(|&c| c != '=' && !c.is_whitespace()) {
                key.push(c);
            }
            while rest.next_if(|c| c.is_whitespace()).is_some() {}
            if rest.next() != Some('=') {
                return Err(Fault::new("form", "expected postgres://... or words of the form key=value"));
            }
            while rest.next_if(|c| c.is_whitespace()).is_some() {}
            let quoted = rest.next_if_eq(&'\'').is_some();
            let mut value = Zeroizing::new(String::new());
            loop {
                match rest.next() {
                    Some('\\') => value.extend(rest.next()),
                    Some('\'') if quoted => break,
                    None if quoted => return Err(Fault::new("form", "a quote ' is not closed")),
                    Some(c) if !quoted && c.is_whitespace() => break,
                    Some(c) => value.push(c),
                    None => break,
                }
            }
            self.set(&key, std::mem::take(&mut *value))?;
        }
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), Fault> {
        let file = |value: String| (!value.is_empty()).then(|| PathBuf::from(value));
        match key {
            "user" => self.user = Some(value),
            "password" => self.password = Some(Zeroizing::new(value)),
            "dbname" | "database" => self.database = Some(value),
            "host" | "hostaddr" => self.hosts = value.split(',').map(ToOwned::to_owned).collect(),
            "port" => self.ports = value.split(',').map(|port| Some(port.to_owned())).collect(),
            "sslmode" => self.mode = Some(tls_mode(&value)?),
            "sslrootcert" if value == "system" => self.ca = None,
            "sslrootcert" => self.ca = file(value),
            "sslcert" => self.certificate = file(value),
            "sslkey" => self.key = file(value),
            "connect_timeout" => self.connect_limit = seconds("connect_timeout", &value)?,
            "target_session_attrs" if ["any", "read-write", "primary"].contains(&value.as_str()) => {}
            "target_session_attrs" => {
                return Err(Fault::new("target_session_attrs", "expected read-write: only such a host can serve"));
            }
            key if SESSION.contains(&key) => drop(self.session.insert(key.to_owned(), value)),
            key if WITHOUT_EFFECT.contains(&key.to_lowercase().as_str()) => {}
            key => return Err(Fault::new(format!("parameter {}", shown(key)), "it is not known; remove it")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Url, Fault> {
        let mut mode = self.mode.unwrap_or(TlsMode::Unverified);
        // As PostgreSQL's own clients do: whoever names a CA means it.
        if self.ca.is_some() && mode == TlsMode::Unverified {
            mode = TlsMode::VerifyCa;
        }
        let tls = Tls { mode, ca: self.ca, certificate: self.certificate, key: self.key };
        pair(&tls)?;
        let hosts = hosts(self.hosts, self.ports)?;
        count_hosts(&hosts)?;
        let user = name("user", self.user.unwrap_or_default())?;
        let database = name("database", self.database.unwrap_or_else(|| user.clone()))?;
        if self.session.values().any(|value| value.chars().any(char::is_control)) {
            return Err(Fault::new("parameters", "a value has control characters"));
        }
        Ok(Url {
            engine: Engine::Postgres,
            user,
            password: self.password,
            hosts,
            database,
            tls,
            connect_limit: self.connect_limit,
            session: self.session,
        })
    }
}

/// One port serves all hosts, or each has its own.
fn hosts(names: Vec<String>, ports: Vec<Option<String>>) -> Result<Vec<Host>, Fault> {
    let names = if names.is_empty() { vec!["localhost".to_owned()] } else { names };
    if ports.len() > 1 && ports.len() != names.len() {
        return Err(Fault::new("port", "give one for all hosts, or as many as hosts"));
    }
    let of = |index: usize| {
        let port = if ports.len() == 1 { ports.first() } else { ports.get(index) };
        match port {
            Some(Some(text)) if !text.is_empty() => port_of(text),
            _ => Ok(Engine::Postgres.default_port()),
        }
    };
    let host = |(index, name): (usize, String)| match name.starts_with('/') {
        true => socket(&name, of(index)?),
        false => tcp(&name, of(index)?),
    };
    names.into_iter().enumerate().map(host).collect()
}

fn port_of(text: &str) -> Result<u16, Fault> {
    port(text)
}

fn tls_mode(text: &str) -> Result<TlsMode, Fault> {
    Ok(match text {
        "disable" => TlsMode::Off,
        "allow" | "prefer" => TlsMode::Preferred,
        "require" => TlsMode::Unverified,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-full" => TlsMode::VerifyFull,
        _ => {
            return Err(Fault::new("sslmode", "expected disable, prefer, require, verify-ca or verify-full"));
        }
    })
}

/// A key that can be shown: with a quote forgotten, what looks like one could be a secret.
pub(super) fn shown(key: &str) -> &str {
    let plain = key.len() <= 40 && key.chars().all(|c| c.is_ascii_alphabetic() || c == '_');
    if plain { key } else { "(not shown)" }
}
