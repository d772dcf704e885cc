//! What the server says when it listens: three lines to paste.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use notary_service::listen::ListenAddress;

/// The lines that make a Docker client use this server.
#[derive(Debug)]
pub struct Greeting<'a> {
    authority: &'a Path,
    host: String,
}

impl<'a> Greeting<'a> {
    /// For the certificate authority in `authority` and a server that was told to listen on `listen` and got `bound`.
    #[must_use]
    pub fn new(authority: &'a Path, listen: &ListenAddress, bound: SocketAddr) -> Self {
        let is_everywhere = bound.ip().is_unspecified();
        let host = match listen.host() {
            Some(host) if !is_everywhere && host.parse::<std::net::IpAddr>().is_err() => {
                format!("{host}:{}", bound.port())
            }
            _ if is_everywhere => format!("localhost:{}", bound.port()),
            _ => bound.to_string(),
        };
        Self { authority, host }
    }
}

impl fmt::Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authority, host } = self;
        let authority = quote(&authority.to_string_lossy());
        let folder =
            if host.contains('[') { format!("~/.docker/tls/'{host}'") } else { format!("~/.docker/tls/{host}") };
        writeln!(f, "export DOCKER_CONTENT_TRUST=1")?;
        writeln!(f, "export DOCKER_CONTENT_TRUST_SERVER=https://{host}")?;
        writeln!(f, "mkdir -p {folder} && cp {authority} {folder}/ca.crt")
    }
}

/// Makes any path one word of a shell.
fn quote(path: &str) -> String {
    if path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-+:@".contains(&b)) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(listen: &str, bound: &str, authority: &str) -> String {
        Greeting::new(Path::new(authority), &listen.parse().unwrap(), bound.parse().unwrap()).to_string()
    }

    #[test]
    fn three_lines_are_ready_to_paste() {
        assert_eq!(
            greeting("127.0.0.1:0", "127.0.0.1:4443", "/home/me/.local/share/notary-server/tls/ca.crt"),
            "export DOCKER_CONTENT_TRUST=1\n\
             export DOCKER_CONTENT_TRUST_SERVER=https://127.0.0.1:4443\n\
             mkdir -p ~/.docker/tls/127.0.0.1:4443 && \
             cp /home/me/.local/share/notary-server/tls/ca.crt ~/.docker/tls/127.0.0.1:4443/ca.crt\n"
        );
    }

    #[test]
    fn a_server_on_all_addresses_is_named_localhost() {
        assert!(greeting(":4443", "[::]:4443", "/a").contains("https://localhost:4443\n"));
        assert!(greeting("trust.example:1", "192.0.2.1:1", "/a").contains("https://trust.example:1\n"));
    }

    #[test]
    fn odd_paths_are_quoted() {
        assert!(greeting(":1", "[::]:1", "/my data/it's").contains(r"cp '/my data/it'\''s' "));
    }
}
