//! The address of a trust server.

use std::fmt;

use crate::failure::Failure;

/// The variable Docker reads for it.
pub(super) const VARIABLE: &str = "DOCKER_CONTENT_TRUST_SERVER";

/// Docker Hub's names, and the server it had for trust.
const HUB: [&str; 2] = ["docker.io", "index.docker.io"];
const HUB_SERVER: &str = "https://notary.docker.io";

/// `https://HOST[:PORT][/PATH]`, without a slash at the end.
///
/// `http://` is taken too: whether it may be used is for the connection to say, which knows whether the host is loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    url: String,
}

impl ServerUrl {
    /// Reads an address; `source` is the option, variable or file it comes from.
    ///
    /// # Errors
    /// A usage failure that names the source.
    pub fn parse(text: &str, source: &str) -> Result<Self, Failure> {
        let url = text.trim_end_matches('/').to_owned();
        let wrong = |why: &str| {
            Err(Failure::usage(format!("{source}: {why}: {text}")).hint(format!("{source} https://HOST[:PORT]")))
        };
        let Some(rest) = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) else {
            return wrong("a server's address begins with https://");
        };
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || host.starts_with(':') {
            return wrong("there is no host in it");
        }
        if host.contains('@') {
            // Not shown: there may be a password in it.
            return Err(Failure::usage(format!("{source}: credentials do not belong into an address")));
        }
        if rest.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '\\')) {
            return wrong("it must be host, port and path alone");
        }
        Ok(Self { url })
    }

    /// The server Docker asks about images of a registry.
    ///
    /// # Errors
    /// If no address can be made of that host.
    pub fn of_registry(registry: &str) -> Result<Self, Failure> {
        if HUB.contains(&registry) {
            return Ok(Self { url: HUB_SERVER.to_owned() });
        }
        Self::parse(&format!("https://{registry}"), "the image's registry")
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Host, and port if one is named.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_taken() {
        for good in ["https://trust.example", "https://[::1]:4443", "http://127.0.0.1:80/path/below"] {
            assert_eq!(ServerUrl::parse(good, "--server").unwrap().as_str(), good);
        }
        for bad in [
            "",
            "trust.example",
            "ftp://x",
            "https://",
            "https:///x",
            "https://:80",
            "https://a b",
            "https://a?b",
            "https://a\n",
        ] {
            assert!(ServerUrl::parse(bad, "--server").is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let failure = ServerUrl::parse("https://me:secret@trust.example", "--server").unwrap_err();
        assert!(!failure.message().contains("secret"), "{}", failure.message());
    }
}
