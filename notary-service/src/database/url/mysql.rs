//! MySQL: the form Notary's configuration has (that of Go's driver) and URLs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use zeroize::Zeroizing;

use super::postgres::shown;
use super::text::{count_hosts, decode, name, port, query, socket, split_port, tcp};
use super::{Engine, Fault, Host, Tls, TlsMode, Url, pair};

/// Parameters of Go's driver that change nothing here.
const WITHOUT_EFFECT: [&str; 17] = [
    "allowCleartextPasswords",
    "allowFallbackToPlaintext",
    "allowNativePasswords",
    "allowOldPasswords",
    "charset",
    "checkConnLiveness",
    "clientFoundRows",
    "collation",
    "columnsWithAlias",
    "connectionAttributes",
    "interpolateParams",
    "loc",
    "maxAllowedPacket",
    "multiStatements",
    "parseTime",
    "rejectReadOnly",
    "writeTimeout",
];

pub(super) fn parse(text: &str) -> Result<Url, Fault> {
    match text.strip_prefix("mysql://").or_else(|| text.strip_prefix("mariadb://")) {
        Some(rest) => url(rest),
        None if text.contains("://") && !text.contains('(') => {
            Err(Fault::new("scheme", "expected user:password@tcp(host:3306)/database or mysql://..."))
        }
        None => go(text),
    }
}

fn url(rest: &str) -> Result<Url, Fault> {
    let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = match credentials.split_once(':') {
        Some((user, password)) => (user, Some(Zeroizing::new(decode("password", password)?))),
        None => (credentials, None),
    };
    let parameters = Parameters::read(parameters)?;
    let hosts = match &parameters.socket {
        Some(path) => vec![socket(path, 0)?],
        None => tcp_hosts(hosts)?,
    };
    finish(decode("user", user)?, password, hosts, decode("database", database)?, parameters)
}

/// `user:password@protocol(address)/database?parameters`; user and password as they are, without `%XX`.
fn go(text: &str) -> Result<Url, Fault> {
    let Some((left, right)) = text.rsplit_once('/') else {
        return Err(Fault::new("database", "it is missing: expected user:password@tcp(host:3306)/database"));
    };
    let (database, parameters) = right.split_once('?').unwrap_or((right, ""));
    let (credentials, address) = left.rsplit_once('@').unwrap_or(("", left));
    let (user, password) = match credentials.split_once(':') {
        Some((user, password)) => (user, Some(Zeroizing::new(password.to_owned()))),
        None => (credentials, None),
    };
    if user.contains('=') {
        return Err(Fault::new("form", "expected user:password@tcp(host:3306)/database"));
    }
    let parameters = Parameters::read(parameters)?;
    let (protocol, address) = match address.split_once('(') {
        Some((protocol, rest)) => match rest.strip_suffix(')') {
            Some(address) => (protocol, address),
            None => return Err(Fault::new("host", "( without )")),
        },
        None => (address, ""),
    };
    let hosts = match protocol {
        "tcp" | "" => tcp_hosts(address)?,
        "unix" => vec![socket(if address.is_empty() { "/run/mysqld/mysqld.sock" } else { address }, 0)?],
        _ => return Err(Fault::new("protocol", "expected tcp(host:port) or unix(/path)")),
    };
    finish(user.to_owned(), password, hosts, decode("database", database)?, parameters)
}

fn tcp_hosts(text: &str) -> Result<Vec<Host>, Fault> {
    let default = Engine::MySql.default_port();
    if text.is_empty() {
        return Ok(vec![tcp("127.0.0.1", default)?]);
    }
    text.split(',')
        .map(|host| {
            let (name, written) = split_port(host.trim())?;
            tcp(name, written.map_or(Ok(default), port)?)
        })
        .collect()
}

struct Parameters {
    tls: Tls,
    socket: Option<String>,
    connect_limit: Option<Duration>,
}

impl Parameters {
    fn read(text: &str) -> Result<Self, Fault> {
        let mut read = Self { tls: Tls::off(), socket: None, connect_limit: None };
        for (key, value) in query(text)? {
            read.set(&key, value)?;
        }
        pair(&read.tls)?;
        if read.tls.ca.is_some() && matches!(read.tls.mode, TlsMode::Off | TlsMode::Preferred | TlsMode::Unverified) {
            return Err(Fault::new("tls-ca", "it is never used: add tls=true"));
        }
        Ok(read)
    }

    fn set(&mut self, key: &str, value: String) -> Result<(), Fault> {
        match key {
            "tls" => self.tls.mode = tls_mode(&value)?,
            "tls-ca" => self.tls.ca = Some(PathBuf::from(value)),
            "tls-cert" => self.tls.certificate = Some(PathBuf::from(value)),
            "tls-key" => self.tls.key = Some(PathBuf::from(value)),
            "socket" => self.socket = Some(value),
            "timeout" => self.connect_limit = go_duration("timeout", &value)?,
            "readTimeout" => drop(go_duration("readTimeout", &value)?),
            key if WITHOUT_EFFECT.contains(&key) => {}
            key => return Err(Fault::new(format!("parameter {}", shown(key)), "it is not known; remove it")),
        }
        Ok(())
    }
}

fn finish(
    user: String,
    password: Option<Zeroizing<String>>,
    hosts: Vec<Host>,
    database: String,
    parameters: Parameters,
) -> Result<Url, Fault> {
    count_hosts(&hosts)?;
    Ok(Url {
        engine: Engine::MySql,
        user: name("user", user)?,
        password: password.filter(|password| !password.is_empty()),
        hosts,
        database: name("database", database)?,
        tls: parameters.tls,
        connect_limit: parameters.connect_limit,
        session: BTreeMap::new(),
    })
}

fn tls_mode(text: &str) -> Result<TlsMode, Fault> {
    Ok(match text {
        "false" | "FALSE" | "False" | "0" => TlsMode::Off,
        "true" | "TRUE" | "True" | "1" => TlsMode::VerifyFull,
        "verify-ca" => TlsMode::VerifyCa,
        "skip-verify" => TlsMode::Unverified,
        "preferred" => TlsMode::Preferred,
        _ => return Err(Fault::new("tls", "expected true, verify-ca, skip-verify, preferred or false")),
    })
}

/// Go's form of a time, of the units a time limit has: `500ms`, `5s`, `1.5s`, `1m30s`; zero is none.
fn go_duration(part: &'static str, text: &str) -> Result<Option<Duration>, Fault> {
    let fault = || Fault::new(part, "expected a time such as 500ms or 5s");
    let (mut rest, mut sum) = (text, 0.0_f64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at_checked(digits).ok_or_else(fault)?;
        let units = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(units).ok_or_else(fault)?;
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "" if number == "0" => 0.0,
            _ => return Err(fault()),
        };
        sum += number.parse::<f64>().map_err(|_| fault())? * seconds;
        rest = after;
    }
    match Duration::try_from_secs_f64(sum) {
        Ok(limit) if sum <= 86_400.0 && !text.is_empty() => Ok((!limit.is_zero()).then_some(limit)),
        _ => Err(fault()),
    }
}
