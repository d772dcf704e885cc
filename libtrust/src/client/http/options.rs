//! How servers are spoken to.

use std::time::Duration;

use super::tls::{TlsFileError, TlsOptions};

/// How servers are spoken to. Proxies come from the environment (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`);
/// this machine is never reached through one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Longest time until a connection stands, TLS included. 10 s.
    pub connect_time: Duration,
    /// Longest time a server may be silent in the middle of an answer. 30 s. Stops a server that never ends.
    pub idle_time: Duration,
    /// Longest time for one request with its answer. 5 min. Stops a server that sends a byte now and then.
    pub request_time: Duration,
    /// What programs call themselves: `trust/VERSION`.
    pub user_agent: String,
    /// Whose certificates are believed, and which are shown.
    pub tls: TlsOptions,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(30),
            request_time: Duration::from_secs(300),
            user_agent: concat!("trust/", env!("CARGO_PKG_VERSION")).to_owned(),
            tls: TlsOptions::default(),
        }
    }
}

/// Why a server cannot be spoken to with these options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpOptionsError {
    /// A certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsFileError),
    /// Something else; most likely the user agent or a proxy's address.
    #[error("cannot speak HTTP with these options: {0}")]
    Other(String),
}
