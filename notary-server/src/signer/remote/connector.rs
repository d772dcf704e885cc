//! One TLS connection to one signer, made when it is needed.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower::{Service, ServiceExt as _};

/// For name resolution, TCP and TLS together.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// A silent connection is looked at after this long, so that one that died while idle is not what the next request meets.
const IDLE: Duration = Duration::from_secs(10);
/// Between looks, of which three must fail.
const LOOK: Duration = Duration::from_secs(2);
const LOOKS: u32 = 3;

/// Connects over TCP and TLS; there is no way without TLS.
#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector,
    tls: TlsConnector,
    name: ServerName<'static>,
}

impl Connector {
    pub(super) fn new(tls: Arc<ClientConfig>, name: ServerName<'static>) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(IDLE));
        tcp.set_keepalive_interval(Some(LOOK));
        tcp.set_keepalive_retries(Some(LOOKS));
        Self { tcp, tls: tls.into(), name }
    }

    async fn connect(self, target: Uri) -> Result<TlsStream<TcpStream>, NotConnected> {
        let tcp = self.tcp.oneshot(target).await.map_err(|error| NotConnected(innermost(&error)))?;
        let tls = self.tls.connect(self.name, tcp.into_inner()).await;
        tls.map_err(|error| NotConnected(format!("TLS: {}", innermost(&error))))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = NotConnected;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NotConnected>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NotConnected>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            match timeout(CONNECT_TIME, this.connect(target)).await {
                Ok(connected) => connected.map(TokioIo::new),
                Err(_) => Err(NotConnected(format!("no connection within {CONNECT_TIME:?}"))),
            }
        })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotConnected(String);

/// What the error farthest down says: the others only say that there was one.
pub(super) fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().unwrap_or(error).to_string()
}

/// Whether an error comes from a connection that was never made.
pub(super) fn is_not_connected(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.is::<NotConnected>())
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
