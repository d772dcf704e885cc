//! Addresses of servers, and which of them may be spoken to without TLS.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use crate::names::Gun;

/// A server's address: `https://notary.example:4443`, perhaps with a path. `http://` only on loopback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    url: Url,
    /// Host and port as they were written: Docker's folders are named so.
    host: String,
}

impl ServerAddress {
    /// Host, and port if one was written.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// True if it is this machine, by its name or address.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// The address of something below: `path` begins with a slash.
    ///
    /// # Errors
    /// If part of the path is `.`, `..` or empty: such an address means another one.
    pub(in crate::client) fn join(&self, path: &str) -> Result<Url, UnaddressableName> {
        let parts = path.strip_prefix('/').unwrap_or(path);
        if parts.trim_end_matches('/').split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(UnaddressableName { name: path.to_owned() });
        }
        let mut url = self.url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{}", escape(path)));
        Ok(url)
    }

    /// The address of a collection's file; an empty `file` is the collection itself.
    pub(in crate::client) fn of_collection(&self, gun: &Gun, file: &str) -> Result<Url, UnaddressableName> {
        self.join(&format!("/v2/{gun}/_trust/tuf/{file}"))
    }
}

impl ServerAddress {
    /// The address of a metadata file of a collection's TUF 1.0 form; `file` is percent-encoded already, and an empty one
    /// is where they are published.
    pub(in crate::client) fn of_repository(&self, gun: &Gun, file: &str) -> Result<Url, UnaddressableName> {
        let mut url = self.join(&format!("/tuf/{gun}/metadata/"))?;
        let path = format!("{}{file}", url.path());
        url.set_path(&path);
        Ok(url)
    }
}

/// Whatever is not plainly allowed in a path becomes `%XX`. Slashes and colons stay: Go's server and ours take a name as it
/// stands once decoded, and proxies in between may not decode a slash.
fn escape(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b'@' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

pub(in crate::client) fn is_loopback(url: &Url) -> bool {
    // Brackets stand around an IPv6 address.
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Host, and the port unless it is the scheme's own.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl FromStr for ServerAddress {
    type Err = InvalidServerAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why| InvalidServerAddress::Malformed { address: without_password(text), why };
        if text.len() > 2048 || text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(invalid("expected at most 2048 characters without spaces"));
        }
        let Some((_, rest)) = text.split_once("://") else { return Err(invalid("expected https://HOST[:PORT]")) };
        let url = Url::parse(text).map_err(|_| invalid("expected https://HOST[:PORT]"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(invalid("expected https://"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("log in instead of putting a password into the address"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("expected no ? and no #"));
        }
        let host = rest.split('/').next().unwrap_or_default().to_owned();
        if host.trim_matches('.').is_empty() {
            return Err(invalid("expected a host"));
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(InvalidServerAddress::Plain { address: text.to_owned() });
        }
        Ok(Self { url, host })
    }
}

fn without_password(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    match (shown.split_once("://"), shown.split_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://..@{rest}"),
        _ => shown,
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

/// Why a text is not a [`ServerAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidServerAddress {
    /// Not an address of the form that is needed.
    #[error("{address:?} is not the address of a server: {why}")]
    Malformed {
        /// What was given, without a password.
        address: String,
        /// What is wrong.
        why: &'static str,
    },
    /// Without TLS everybody in between could change what is read and take tokens.
    #[error("{address} would be spoken to without TLS; http:// is for this machine alone, use https://")]
    Plain {
        /// What was given.
        address: String,
    },
}

/// A name that has no address of its own on a server: a part of it is empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} has an empty part, . or .. in it and can be no address on a server")]
pub struct UnaddressableName {
    /// The name, with what belongs to the address.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ServerAddress {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_collection_has_the_address_notary_gives_it() {
        for (server, gun, url) in [
            ("https://n.example", "docker.io/a/b", "https://n.example/v2/docker.io/a/b/_trust/tuf/root.json"),
            ("https://n.example:4443/", "r:5000/a", "https://n.example:4443/v2/r:5000/a/_trust/tuf/root.json"),
            ("https://n.example/notary/", "a", "https://n.example/notary/v2/a/_trust/tuf/root.json"),
            ("https://n.example", "a b%2f?#é", "https://n.example/v2/a%20b%252f%3F%23%C3%A9/_trust/tuf/root.json"),
            ("http://127.0.0.1:80", "a", "http://127.0.0.1/v2/a/_trust/tuf/root.json"),
        ] {
            let found = address(server).of_collection(&gun.parse().unwrap(), "root.json").unwrap();
            assert_eq!(found.as_str(), url);
        }
        let base = address("https://n.example").of_collection(&"a".parse().unwrap(), "").unwrap();
        assert_eq!(base.as_str(), "https://n.example/v2/a/_trust/tuf/");
    }

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        for gun in ["..", "a/../b", "a//b", "/a", "a/.", "a/", "../../x"] {
            let found = address("https://n.example").of_collection(&gun.parse().unwrap(), "root.json");
            assert!(found.is_err(), "{gun}: {found:?}");
        }
        let encoded = address("https://n.example").of_collection(&"%2e%2e/a".parse().unwrap(), "").unwrap();
        assert_eq!(encoded.path(), "/v2/%252e%252e/a/_trust/tuf/");
    }

    #[test]
    fn only_this_machine_is_spoken_to_without_tls() {
        for text in ["http://127.0.0.1:1", "http://localhost", "http://[::1]:5000", "http://127.9.9.9/x"] {
            assert!(address(text).is_loopback(), "{text}");
        }
        for text in ["http://n.example", "http://localhost.example", "http://127.0.0.1.example", "http://0.0.0.0"] {
            assert!(matches!(text.parse::<ServerAddress>(), Err(InvalidServerAddress::Plain { .. })), "{text}");
        }
        assert!(!address("https://n.example").is_loopback());
    }

    #[test]
    fn what_is_no_server_is_refused_without_showing_a_password() {
        for text in
            ["", "n.example:4443", "ftp://x", "https://", "https://../x", "https://x/?q", "https://x/#f", "https://a b"]
        {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
        let error = "https://me:hunter2@n.example".parse::<ServerAddress>().unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn folders_are_named_by_host_and_port_as_written() {
        assert_eq!(address("https://n.example:443/x").host(), "n.example:443");
        assert_eq!(address("https://[::1]:5000").host(), "[::1]:5000");
        assert_eq!(address("https://n.example/").to_string(), "https://n.example");
    }
}
