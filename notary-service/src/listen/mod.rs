//! Sockets: TLS, HTTP/1.1 and 2, time limits, the bound on connections, and the drain at the end.
//!
//! ```text
//! accept.rs  a permit, then a connection; errors back off
//!   └ connection.rs  handshake, protocol, one task per connection
//!       └ pace.rs  is it moving?
//! ```

mod accept;
mod address;
mod connection;
mod open_files;
mod pace;
mod reload;
mod signals;
mod tls;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use rustls::pki_types::CertificateDer;
use tokio::net::TcpListener;

pub use accept::{Drained, Listening};
pub use address::{InvalidListenAddress, ListenAddress};
pub use open_files::affordable;
pub use reload::{Tls, Validity};
pub use signals::{Stop, hangups, stop_signals};
pub use tls::TlsError;

/// Answers requests. One value serves all connections.
pub trait Application: Send + Sync + 'static {
    /// Answers one request. Errors are answers too.
    fn respond(self: Arc<Self>, request: Request<Incoming>, peer: Arc<Peer>) -> impl Future<Output = Response> + Send;

    /// The answer to a request that took longer than `request_time`.
    fn late(&self) -> Response;
}

/// Who is at the other end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The address the connection came from.
    pub address: SocketAddr,
    /// The certificate the client proved to own, if client certificates are asked for; leaf only.
    pub certificate: Option<CertificateDer<'static>>,
}

/// Bounds on connections and the time they take. Defaults and reasons are in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From a request's header to its answer; also how long a client may take none of its answer.
    pub request: Duration,
    /// For a request's header to arrive.
    pub header: Duration,
    /// Between requests.
    pub idle: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For requests under way when the server stops.
    pub drain: Duration,
    /// Connections at once.
    pub connections: u32,
}

/// Starts to serve `application` on bound sockets: over TLS with `tls`, else plain HTTP/1.1.
///
/// Must be called within a Tokio runtime. Dropping the result stops accepting and ends connections after the request
/// they serve, without waiting for them; [`Listening::drain`] waits.
#[must_use]
pub fn serve<A: Application>(
    listeners: Vec<TcpListener>,
    tls: Option<Tls>,
    limits: Limits,
    application: Arc<A>,
) -> Listening {
    accept::start(listeners, tls, limits, application)
}
