//! Where a signer listens.

use std::fmt;

use rustls::pki_types::ServerName;

/// Host and port of a signer. The host is also the name its certificate must carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignerAddress {
    host: String,
    port: u16,
}

impl SignerAddress {
    /// Reads `HOST` or `HOST:PORT`; an IPv6 address with a port stands in brackets. Without a port it is `port`.
    ///
    /// # Errors
    /// If the host is neither a DNS name nor an IP address, or there is no port.
    pub fn parse(text: &str, port: Option<u16>) -> Result<Self, InvalidSignerAddress> {
        let (host, own_port) = split(text);
        let invalid = |reason| InvalidSignerAddress { text: text.chars().take(255).collect(), reason };
        if ServerName::try_from(host).is_err() {
            return Err(invalid("the host is neither a DNS name nor an IP address"));
        }
        let port = match own_port {
            None => port.ok_or_else(|| invalid("the port is missing"))?,
            Some(text) => text.parse().map_err(|_| invalid("the port is not a number from 1 to 65535"))?,
        };
        if port == 0 {
            return Err(invalid("port 0 cannot be connected to"));
        }
        Ok(Self { host: host.to_owned(), port })
    }

    /// The host, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

impl fmt::Display for SignerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Host, and port if there is one.
fn split(text: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match text.split_once(':') {
        // More than one colon: a bare IPv6 address.
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

/// A text that names no signer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}: {reason}")]
pub struct InvalidSignerAddress {
    /// What was given, cut to a reasonable length.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, InvalidSignerAddress> {
        SignerAddress::parse(text, Some(7899)).map(|address| address.to_string())
    }

    #[test]
    fn names_and_addresses_are_read_with_and_without_a_port() {
        for (text, address) in [
            ("signer.example.com", "signer.example.com:7899"),
            ("notary_signer:1", "notary_signer:1"),
            ("127.0.0.1", "127.0.0.1:7899"),
            ("::1", "[::1]:7899"),
            ("[::1]", "[::1]:7899"),
            ("[::1]:4444", "[::1]:4444"),
        ] {
            assert_eq!(parse(text).unwrap(), address, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_text() {
        for text in ["", "https://signer", "a b", "signer:", "signer:x", "signer:0", "signer:65536", "[::1", "-"] {
            assert!(parse(text).unwrap_err().to_string().starts_with(&format!("{text}: ")), "{text}");
        }
        assert!(SignerAddress::parse("signer", None).is_err());
    }
}
