//! Listen addresses as Notary writes them, and the sockets behind them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::net::{TcpListener, TcpSocket, lookup_host};

/// Connections the system may queue for us before we accept them.
const BACKLOG: u32 = 4096;

/// Where to listen: `HOST:PORT`, `[IPv6]:PORT`, or `:PORT` for every address of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenAddress {
    host: Option<String>,
    port: u16,
}

/// A text that is no [`ListenAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an address to listen on: expected HOST:PORT, such as 127.0.0.1:4443, or :PORT for all addresses")]
pub struct InvalidListenAddress;

impl ListenAddress {
    /// The host as written, without brackets; `None` for every address of this machine.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The port as written; 0 for any free one.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Binds every address the host stands for. `:PORT` is one socket for IPv6 and IPv4, or for IPv4 alone where
    /// there is no IPv6.
    ///
    /// # Errors
    /// When the host has no address or one of its addresses cannot be bound.
    pub async fn bind(&self) -> io::Result<Vec<TcpListener>> {
        let Some(host) = &self.host else {
            let all = SocketAddr::from((Ipv6Addr::UNSPECIFIED, self.port));
            let listener = match listen(all) {
                Err(error) if is_without_ipv6(&error) => listen((Ipv4Addr::UNSPECIFIED, self.port).into())?,
                other => other?,
            };
            return Ok(vec![listener]);
        };
        let mut addresses: Vec<SocketAddr> = lookup_host((host.as_str(), self.port)).await?.collect();
        addresses.sort();
        addresses.dedup();
        if self.port == 0 {
            addresses.truncate(1); // Two sockets would get two ports.
        }
        let (mut listeners, mut lack_of_ipv6) = (Vec::new(), None);
        for address in addresses {
            match listen(address) {
                Ok(listener) => listeners.push(listener),
                Err(error) if address.is_ipv6() && is_without_ipv6(&error) => lack_of_ipv6 = Some(error),
                Err(error) => return Err(error),
            }
        }
        if listeners.is_empty() {
            return Err(lack_of_ipv6.unwrap_or_else(|| io::Error::other("the host has no address")));
        }
        Ok(listeners)
    }
}

/// `localhost` often names `::1` on machines that have no IPv6.
fn is_without_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(EAFNOSUPPORT)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    socket.set_reuseaddr(true)?; // Restarts need not wait for old connections to be forgotten.
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl FromStr for ListenAddress {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidListenAddress)?;
        let port = port.parse().map_err(|_| InvalidListenAddress)?;
        let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(inner) => Some(inner.parse::<Ipv6Addr>().map_err(|_| InvalidListenAddress)?.to_string()),
            None if host.is_empty() => None,
            None if host.contains(|c: char| c.is_whitespace() || "[]:/".contains(c)) => {
                return Err(InvalidListenAddress);
            }
            None => Some(host.to_owned()),
        };
        Ok(Self { host, port })
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self { host: Some(address.ip().to_string()), port: address.port() }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.as_deref().map(|host| (host, host.parse::<IpAddr>())) {
            None => write!(f, ":{}", self.port),
            Some((host, Ok(IpAddr::V6(_)))) => write!(f, "[{host}]:{}", self.port),
            Some((host, _)) => write!(f, "{host}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_as_they_are_read() {
        for text in [":4443", "127.0.0.1:4443", "[::1]:4443", "localhost:0", "trust.example:443"] {
            assert_eq!(text.parse::<ListenAddress>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in
            ["", "4443", "localhost", ":", ":https", ":65536", "::1:4443", "[::1]", "[x]:1", "a b:1", "http://a:1"]
        {
            assert_eq!(text.parse::<ListenAddress>(), Err(InvalidListenAddress), "{text}");
        }
    }

    #[tokio::test]
    async fn every_address_of_this_machine_includes_ipv4() {
        let listeners = ":0".parse::<ListenAddress>().unwrap().bind().await.unwrap();
        let port = listeners[0].local_addr().unwrap().port();
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
    }

    #[tokio::test]
    async fn an_address_in_use_is_refused() {
        let first = "127.0.0.1:0".parse::<ListenAddress>().unwrap().bind().await.unwrap();
        let again = ListenAddress::from(first[0].local_addr().unwrap());
        assert_eq!(again.bind().await.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
