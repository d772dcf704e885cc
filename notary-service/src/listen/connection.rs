//! One connection: handshake, choice of protocol, its requests, its end.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::response::Response;
use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::pace::{Pace, PaceLimits, Paced, Verdict, Watch};
use super::{Application, Limits, Peer, Tls};

/// Largest request header over HTTP/1.1, in bytes; also the size of a read from a request's body.
const HTTP1_BUFFER: usize = 64 << 10;
/// Largest request header over HTTP/2, in bytes.
const HTTP2_HEADER: u32 = 16 << 10;
/// Requests at once on one HTTP/2 connection.
const HTTP2_STREAMS: u32 = 100;
/// Bytes of one request's body, and of all bodies of a connection, sent ahead of our reading.
const HTTP2_WINDOW: u32 = 512 << 10;

/// What all connections share.
pub(super) struct Shared<A> {
    pub(super) application: Arc<A>,
    pub(super) tls: Option<Tls>,
    pub(super) limits: Limits,
    pub(super) stopping: watch::Receiver<bool>,
}

/// Serves a connection to its end.
pub(super) async fn serve<A: Application>(stream: TcpStream, address: SocketAddr, shared: Arc<Shared<A>>) {
    // Answers are written whole, so waiting for more to send would only delay them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%address, %error, "connection lost before it began");
        return;
    }
    let Some(tls) = &shared.tls else {
        let peer = Peer { address, certificate: None };
        return serve_http1(stream, peer, shared).await;
    };
    let mut stopping = shared.stopping.clone();
    let handshake = timeout(shared.limits.handshake, TlsAcceptor::from(tls.config()).accept(stream));
    let stream = tokio::select! {
        done = handshake => match done {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%address, %error, "TLS handshake failed"),
            Err(_) => return tracing::debug!(%address, "TLS handshake took too long"),
        },
        _ = stopping.wait_for(|stop| *stop) => return,
    };
    let peer = Peer { address, certificate: client_certificate(&stream) };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        serve_http2(stream, peer, shared).await;
    } else {
        serve_http1(stream, peer, shared).await;
    }
}

fn client_certificate(stream: &TlsStream<TcpStream>) -> Option<rustls::pki_types::CertificateDer<'static>> {
    Some(stream.get_ref().1.peer_certificates()?.first()?.clone().into_owned())
}

async fn serve_http1<A, S>(stream: S, peer: Peer, shared: Arc<Shared<A>>)
where
    A: Application,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, requests, pace) = prepare(stream, peer, &shared);
    // `pace` bounds the header's time, without a timer per request. Vectored writes stay on: for small answers they
    // measure the same as flattening, and large files are not copied.
    let connection =
        http1::Builder::new().header_read_timeout(None).max_buf_size(HTTP1_BUFFER).serve_connection(stream, requests);
    drive(connection, &pace, &shared, false).await;
}

async fn serve_http2<A, S>(stream: S, peer: Peer, shared: Arc<Shared<A>>)
where
    A: Application,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (stream, requests, pace) = prepare(stream, peer, &shared);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS)
        .max_header_list_size(HTTP2_HEADER)
        .initial_stream_window_size(HTTP2_WINDOW)
        .initial_connection_window_size(HTTP2_WINDOW)
        .serve_connection(stream, requests);
    drive(connection, &pace, &shared, true).await;
}

/// Wraps a stream so that its pace is known, and makes the service that hands its requests to the application.
fn prepare<A: Application, S>(
    stream: S,
    peer: Peer,
    shared: &Arc<Shared<A>>,
) -> (TokioIo<Paced<S>>, impl Requests<A> + use<A, S>, Arc<Pace>) {
    let pace = Arc::new(Pace::default());
    let stream = TokioIo::new(Paced::new(stream, Arc::clone(&pace)));
    let (peer, application, counter) = (Arc::new(peer), Arc::clone(&shared.application), Arc::clone(&pace));
    let most = shared.limits.request;
    let requests = service_fn(move |request| {
        let running = counter.begin();
        let (peer, application) = (Arc::clone(&peer), Arc::clone(&application));
        async move {
            let answer = timeout(most, Arc::clone(&application).respond(request, peer)).await;
            drop(running);
            Ok(answer.unwrap_or_else(|_| application.late()))
        }
    });
    (stream, requests, pace)
}

/// What hyper wants of a service, said once.
trait Requests<A>:
    Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static> + Send + 'static
{
}

impl<A, S> Requests<A> for S where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static> + Send + 'static
{
}

/// A connection that can be asked to end.
trait Graceful: Future<Output = hyper::Result<()>> {
    /// Finishes the requests under way and takes no more.
    fn end(self: Pin<&mut Self>);
}

impl<S, I> Graceful for http1::Connection<I, S>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<S, I> Graceful for http2::Connection<I, S, TokioExecutor>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    fn end(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Runs a connection until it ends, stands still for too long, or the server stops.
async fn drive<A>(connection: impl Graceful, pace: &Pace, shared: &Shared<A>, is_http2: bool) {
    let Limits { header, idle, request, .. } = shared.limits;
    let limits = PaceLimits { header, idle, write: request };
    let mut watch = Watch::new(limits, is_http2);
    let mut ticks = interval(limits.tick());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stopping = shared.stopping.clone();
    let mut is_ending = false;
    let mut connection = pin!(connection);
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection failed");
                }
                return;
            }
            _ = ticks.tick() => match watch.look(pace) {
                Verdict::Live => {}
                Verdict::Stuck => return,
                Verdict::Rested if is_ending => return,
                Verdict::Rested => {
                    is_ending = true;
                    connection.as_mut().end();
                }
            },
            _ = stopping.wait_for(|stop| *stop), if !is_ending => {
                is_ending = true;
                connection.as_mut().end();
            }
        }
    }
}
