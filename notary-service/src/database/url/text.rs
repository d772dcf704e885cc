//! Pieces of text that both forms share.

use std::path::PathBuf;
use std::time::Duration;

use super::{Fault, Host, MAX_HOSTS};

/// Undoes `%XX`.
pub(super) fn decode(part: &'static str, text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or_default()),
            _ => return Err(Fault::new(part, "after % come two hexadecimal digits; write % itself as %25")),
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| Fault::new(part, "it is not UTF-8"))?;
    match text.contains('\0') {
        true => Err(Fault::new(part, "it holds a zero byte")),
        false => Ok(text),
    }
}

/// Writes everything that is not plainly harmless as `%XX`.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The pairs of a query string, decoded.
pub(super) fn query(text: &str) -> Result<Vec<(String, String)>, Fault> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode("parameters", key)?, decode("parameters", &value.replace('+', " "))?))
        })
        .collect()
}

/// One host of a URL: `name`, `name:port`, `[v6]:port`; the port is the text as written.
pub(super) fn split_port(host: &str) -> Result<(&str, Option<&str>), Fault> {
    if let Some(rest) = host.strip_prefix('[') {
        let Some((name, after)) = rest.split_once(']') else {
            return Err(Fault::new("host", "[ without ]"));
        };
        return match after {
            "" => Ok((name, None)),
            _ => match after.strip_prefix(':') {
                Some(port) => Ok((name, Some(port))),
                None => Err(Fault::new("host", "after ] comes : and a port, or nothing")),
            },
        };
    }
    Ok(match host.rsplit_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    })
}

// The text is not shown: with a forgotten @ it would be the password.
pub(super) fn port(text: &str) -> Result<u16, Fault> {
    match text.parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(Fault::new("port", "expected a number from 1 to 65535 (in a password, write : / ? # [ ] @ as %XX)")),
    }
}

pub(super) fn tcp(name: &str, port: u16) -> Result<Host, Fault> {
    if name.is_empty() {
        return Err(Fault::new("host", "it is empty"));
    }
    let bad = |c: char| c.is_whitespace() || c.is_control() || "/@?#[]()%,\\'\"".contains(c);
    if name.contains(bad) {
        return Err(Fault::new("host", "it has characters that no host name has (in a password, write them as %XX)"));
    }
    Ok(Host::Tcp { name: name.to_owned(), port })
}

pub(super) fn socket(path: &str, port: u16) -> Result<Host, Fault> {
    match path.starts_with('/') && !path.contains('\0') {
        true => Ok(Host::Socket { path: PathBuf::from(path), port }),
        false => Err(Fault::new("socket", "expected an absolute path")),
    }
}

pub(super) fn count_hosts(hosts: &[Host]) -> Result<(), Fault> {
    match hosts.len() {
        0 => Err(Fault::new("host", "it is missing")),
        1..=MAX_HOSTS => Ok(()),
        _ => Err(Fault::new("host", format!("at most {MAX_HOSTS} are taken"))),
    }
}

/// A name of a user or database: any text without control characters.
pub(super) fn name(part: &'static str, text: String) -> Result<String, Fault> {
    match text {
        text if text.is_empty() => Err(Fault::new(part, "it is missing")),
        text if text.chars().any(char::is_control) => Err(Fault::new(part, "it has control characters")),
        text => Ok(text),
    }
}

/// Whole seconds, as PostgreSQL writes a time limit; 0 is none.
pub(super) fn seconds(part: &str, text: &str) -> Result<Option<Duration>, Fault> {
    match text.parse::<u32>() {
        Ok(0) => Ok(None),
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds.into()))),
        Err(_) => Err(Fault::new(part, "expected a number of seconds")),
    }
}
