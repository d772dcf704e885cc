//! Real sockets on the loopback: slow clients, drains, limits, protocols, certificates.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};

use axum::body::Body;
use http::header;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::*;
use crate::config::TlsFiles;
use crate::probe::ProbeError;

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(20);

/// Every limit far away.
const PATIENT: Limits =
    Limits { request: LONG, header: LONG, idle: LONG, handshake: LONG, drain: LONG, connections: 64 };

/// Answers `hello`; on `/wait` only once told to.
#[derive(Default)]
struct Hello {
    waiting: Notify,
    go_on: Notify,
}

impl Application for Hello {
    async fn respond(self: Arc<Self>, request: Request<Incoming>, peer: Arc<Peer>) -> Response {
        assert!(peer.address.ip().is_loopback());
        if request.uri().path() == "/wait" {
            self.waiting.notify_one();
            self.go_on.notified().await;
        }
        Response::new(Body::from("hello"))
    }

    fn late(&self) -> Response {
        let mut response = Response::new(Body::from("late"));
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response
    }
}

async fn start(limits: Limits, tls: Option<Tls>) -> (Listening, SocketAddr, Arc<Hello>) {
    let listeners = "127.0.0.1:0".parse::<ListenAddress>().unwrap().bind().await.unwrap();
    let hello = Arc::new(Hello::default());
    let listening = serve(listeners, tls, limits, Arc::clone(&hello));
    let address = listening.addresses()[0];
    (listening, address, hello)
}

async fn send(stream: &mut TcpStream, path: &str) {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
}

/// Reads until the answer's body, or until the connection ends.
async fn answer(stream: &mut (impl AsyncReadExt + Unpin)) -> String {
    let mut text = Vec::new();
    let mut part = [0_u8; 1024];
    while !text.ends_with(b"hello") && !text.ends_with(b"late") {
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => break,
            Ok(n) => text.extend_from_slice(&part[..n]),
        }
    }
    String::from_utf8(text).unwrap()
}

async fn is_cut(stream: &mut TcpStream) -> bool {
    timeout(LONG, answer(stream)).await.is_ok_and(|text| text.is_empty())
}

#[tokio::test]
async fn a_client_that_sends_its_header_a_byte_at_a_time_is_cut() {
    let (_server, address, _) = start(Limits { header: SHORT, ..PATIENT }, None).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    let begun = Instant::now();
    while slow.write_all(b"G").await.is_ok() && begun.elapsed() < LONG {
        sleep(Duration::from_millis(20)).await;
    }
    assert!(begun.elapsed() < LONG);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut() {
    let (_server, address, _) = start(Limits { header: SHORT, ..PATIENT }, None).await;
    assert!(is_cut(&mut TcpStream::connect(address).await.unwrap()).await);
}

#[tokio::test]
async fn rest_between_requests_may_last_longer_than_a_header() {
    let (_server, address, _) = start(Limits { header: SHORT, ..PATIENT }, None).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    send(&mut client, "/").await;
    assert!(answer(&mut client).await.ends_with("hello"));
    sleep(SHORT * 3).await;
    send(&mut client, "/").await;
    assert!(answer(&mut client).await.ends_with("hello"));
}

#[tokio::test]
async fn a_client_at_rest_for_too_long_is_cut() {
    let (_server, address, _) = start(Limits { idle: SHORT, ..PATIENT }, None).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    send(&mut client, "/").await;
    assert!(answer(&mut client).await.ends_with("hello"));
    assert!(is_cut(&mut client).await);
}

#[tokio::test]
async fn an_unfinished_handshake_is_cut() {
    let folder = Authority::new();
    let tls = folder.tls("localhost", None).unwrap();
    let (_server, address, _) = start(Limits { handshake: SHORT, ..PATIENT }, Some(tls)).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(&[22, 3, 1]).await.unwrap();
    assert!(is_cut(&mut client).await);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_as_late() {
    let (_server, address, _) = start(Limits { request: SHORT, ..PATIENT }, None).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    send(&mut client, "/wait").await;
    let text = answer(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 503") && text.ends_with("late"), "{text}");
}

#[tokio::test]
async fn a_request_under_way_finishes_during_the_drain() {
    let (server, address, hello) = start(PATIENT, None).await;
    let mut idle = TcpStream::connect(address).await.unwrap();
    send(&mut idle, "/").await;
    answer(&mut idle).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    send(&mut client, "/wait").await;
    hello.waiting.notified().await;

    let drained = tokio::spawn(server.drain());
    assert!(is_cut(&mut idle).await, "a connection at rest ends at once");
    assert!(!drained.is_finished());
    hello.go_on.notify_one();
    let text = answer(&mut client).await;
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("connection: close"), "{text}");
    assert_eq!(drained.await.unwrap(), Drained::Complete);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn a_drain_ends_when_its_time_is_up() {
    let (server, address, hello) = start(Limits { drain: SHORT, ..PATIENT }, None).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    send(&mut client, "/wait").await;
    hello.waiting.notified().await;
    assert_eq!(server.drain().await, Drained::Cut { connections: 1 });
}

#[tokio::test]
async fn one_connection_too_many_waits_for_another_to_end() {
    let (_server, address, _) = start(Limits { connections: 2, ..PATIENT }, None).await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        let mut client = TcpStream::connect(address).await.unwrap();
        send(&mut client, "/").await;
        assert!(answer(&mut client).await.ends_with("hello"));
        clients.push(client);
    }
    let mut third = TcpStream::connect(address).await.unwrap();
    send(&mut third, "/").await;
    assert!(timeout(SHORT, answer(&mut third)).await.is_err(), "it is queued, not served");
    clients.pop();
    assert!(timeout(LONG, answer(&mut third)).await.unwrap().ends_with("hello"));
}

#[tokio::test]
async fn tls_serves_http_1_and_http_2_as_the_client_prefers() {
    let folder = Authority::new();
    let tls = folder.tls("localhost", None).unwrap();
    let (_server, address, _) = start(PATIENT, Some(tls)).await;
    for (protocol, version) in [("h2", http::Version::HTTP_2), ("http/1.1", http::Version::HTTP_11)] {
        let stream = connect(address, folder.client(None, protocol)).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(protocol.as_bytes()));
        assert_eq!(ask(stream, protocol == "h2").await.unwrap().version(), version);
    }
}

#[tokio::test]
async fn only_clients_with_a_certificate_of_the_authority_are_served() {
    let (folder, stranger) = (Authority::new(), Authority::new());
    let tls = folder.tls("localhost", Some("ca.crt")).unwrap();
    let (_server, address, _) = start(PATIENT, Some(tls)).await;
    let known = connect(address, folder.client(Some(&folder), "http/1.1")).await.unwrap();
    assert_eq!(ask(known, false).await.unwrap().status(), 200);
    for identity in [None, Some(&stranger)] {
        // With TLS 1.3 a client only learns of the refusal when it reads.
        let refused = match connect(address, folder.client(identity, "http/1.1")).await {
            Err(_) => true,
            Ok(stream) => ask(stream, false).await.is_err(),
        };
        assert!(refused, "with a certificate: {}", identity.is_some());
    }
}

#[tokio::test]
async fn a_new_certificate_serves_new_connections_and_keeps_the_old_ones() {
    let folder = Authority::new();
    let tls = folder.tls("localhost", None).unwrap();
    let (_server, address, _) = start(PATIENT, Some(tls.clone())).await;
    let mut old = connect(address, folder.client(None, "http/1.1")).await.unwrap();
    let first = server_certificate(&old);

    folder.issue("localhost");
    tls.reload().unwrap();
    let new = connect(address, folder.client(None, "http/1.1")).await.unwrap();
    assert_ne!(server_certificate(&new), first);
    old.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(answer(&mut old).await.ends_with("hello"));
}

#[tokio::test]
async fn files_that_change_are_taken_without_being_asked() {
    let folder = Authority::new();
    let tls = folder.tls("localhost", None).unwrap();
    let (_server, address, _) = start(PATIENT, Some(tls.clone())).await;
    let first = server_certificate(&connect(address, folder.client(None, "http/1.1")).await.unwrap());
    let _following = tokio::spawn({
        let tls = tls.clone();
        async move { tls.follow().await }
    });
    folder.issue("localhost");
    let begun = Instant::now();
    while server_certificate(&connect(address, folder.client(None, "http/1.1")).await.unwrap()) == first {
        assert!(begun.elapsed() < LONG, "the new certificate never served");
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((tls.reloads(), tls.failures()), (1, 0), "taken once");
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_old_ones_in_force_and_are_counted_once() {
    let folder = Authority::new();
    let tls = folder.tls("localhost", None).unwrap();
    let (_server, address, _) = start(PATIENT, Some(tls.clone())).await;
    let first = server_certificate(&connect(address, folder.client(None, "http/1.1")).await.unwrap());
    let following = tokio::spawn({
        let tls = tls.clone();
        async move { tls.follow().await }
    });
    // A key of another certificate, as when only half of a pair was copied.
    folder.issue("other");
    std::fs::copy(folder.path("other.key"), folder.path("localhost.key")).unwrap();
    let begun = Instant::now();
    while tls.failures() == 0 {
        assert!(begun.elapsed() < LONG, "the change was never looked at");
        sleep(Duration::from_millis(20)).await;
    }
    assert!(timeout(Duration::from_millis(2500), following).await.is_err(), "it goes on to look");
    assert_eq!(tls.failures(), 1, "the same files are not tried again");
    let now = connect(address, folder.client(None, "http/1.1")).await.unwrap();
    assert_eq!(server_certificate(&now), first);
    // The other half makes it good.
    std::fs::copy(folder.path("other.crt"), folder.path("localhost.crt")).unwrap();
    tls.reload().unwrap();
}

#[tokio::test]
async fn a_new_client_authority_refuses_who_the_old_one_let_in() {
    let (folder, other) = (Authority::new(), Authority::new());
    let tls = folder.tls("localhost", Some("ca.crt")).unwrap();
    let (_server, address, _) = start(PATIENT, Some(tls.clone())).await;
    // One configuration for both connections, so that the second could resume the first one's session.
    let client = folder.client(Some(&folder), "http/1.1");
    let mut old = connect(address, client.clone()).await.unwrap();
    old.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(answer(&mut old).await.ends_with("hello"));

    let kept = std::fs::read(folder.path("ca.crt")).unwrap();
    std::fs::copy(other.path("ca.crt"), folder.path("ca.crt")).unwrap();
    tls.reload().unwrap();
    std::fs::write(folder.path("ca.crt"), kept).unwrap(); // For the client, which trusts the server by it.
    let refused = match connect(address, client).await {
        Err(_) => true,
        Ok(stream) => ask(stream, false).await.is_err(),
    };
    assert!(refused, "the old authority's client came in");
    let known = connect(address, folder.client(Some(&other), "http/1.1")).await.unwrap();
    assert_eq!(ask(known, false).await.unwrap().status(), 200);
    old.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert!(answer(&mut old).await.ends_with("hello"), "established connections go on");
}

#[tokio::test]
async fn a_service_can_be_asked_from_its_own_machine() {
    let folder = Authority::new();
    for (tls, client_ca) in [(false, None), (true, None), (true, Some("ca.crt"))] {
        folder.issue("localhost");
        let files = folder.files("localhost", client_ca);
        let tls = tls.then(|| Tls::open(files.clone()).unwrap());
        let asked_with = tls.as_ref().map(|_| &files);
        let (server, address, _) = start(PATIENT, tls.clone()).await;
        assert_eq!(ask_for(address, asked_with, "/").await.unwrap(), Some("hello".to_owned()), "{client_ca:?}");
        drop(server);
    }
    // Clients of another authority: it listens, and that is all that can be known.
    let other = Authority::new();
    let files = TlsFiles { client_ca: Some(other.path("ca.crt")), ..folder.files("localhost", None) };
    let (_server, address, _) = start(PATIENT, Some(Tls::open(files.clone()).unwrap())).await;
    assert_eq!(ask_for(address, Some(&files), "/").await.unwrap(), None);
    let nobody = "127.0.0.1:1".parse().unwrap();
    assert!(ask_for(nobody, None, "/").await.unwrap_err().to_string().contains("127.0.0.1:1: does not answer"));
}

async fn ask_for(address: SocketAddr, tls: Option<&TlsFiles>, path: &str) -> Result<Option<String>, ProbeError> {
    crate::probe::ask(&address.into(), tls, path).await
}

#[test]
fn the_end_of_a_certificate_is_known_before_it_comes() {
    let folder = Authority::new();
    // rcgen's certificates begin in 1975.
    let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(5 * 365 * 24 * 3600 + 24 * 3600);
    let since_begin = SystemTime::now().duration_since(begin).unwrap();
    let day = Duration::from_secs(24 * 3600);
    for (life, validity) in [
        (since_begin + day * 30, Validity::Good),
        (since_begin + day * 3, Validity::EndsSoon),
        (since_begin - day * 3, Validity::Ended),
    ] {
        folder.issue_for("localhost", life);
        let tls = Tls::open(folder.files("localhost", Some("ca.crt"))).unwrap();
        assert_eq!(tls.validity(SystemTime::now()), validity);
        assert!(tls.expiry() < tls.client_ca_expiry());
    }
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let folder = Authority::new();
    folder.issue("a");
    folder.issue("b");
    let files =
        |certificate, key| TlsFiles { certificate: folder.path(certificate), key: folder.path(key), client_ca: None };
    let error = Tls::open(files("a.crt", "b.key")).unwrap_err();
    assert!(matches!(error, TlsError::Pair { .. }), "{error}");
    let error = Tls::open(files("a.key", "a.key")).unwrap_err();
    assert!(error.to_string().contains("a.key"), "{error}");
}

type Stream = tokio_rustls::client::TlsStream<TcpStream>;

async fn connect(address: SocketAddr, config: ClientConfig) -> std::io::Result<Stream> {
    let stream = TcpStream::connect(address).await?;
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), stream).await
}

async fn ask(stream: Stream, is_http2: bool) -> hyper::Result<Response<Incoming>> {
    let request = Request::get("https://localhost/").header(header::HOST, "localhost");
    let request = request.body(http_body_util::Full::<bytes::Bytes>::default()).unwrap();
    let stream = TokioIo::new(stream);
    if is_http2 {
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream).await?;
        tokio::spawn(connection);
        return sender.send_request(request).await;
    }
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

fn server_certificate(stream: &Stream) -> Vec<u8> {
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

/// A folder with an authority in it.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(folder.path().join("ca.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder, issuer: Issuer::new(params, key) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn issue(&self, name: &str) {
        self.issue_for(name, Duration::from_secs(200 * 365 * 24 * 3600));
    }

    /// As [`Authority::issue`], with the validity that begins where rcgen's default does, in 1975.
    fn issue_for(&self, name: &str, life: Duration) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_after = params.not_before + life;
        std::fs::write(self.path(&format!("{name}.crt")), params.signed_by(&key, &self.issuer).unwrap().pem()).unwrap();
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    fn files(&self, name: &str, client_ca: Option<&str>) -> TlsFiles {
        let (certificate, key) = (self.path(&format!("{name}.crt")), self.path(&format!("{name}.key")));
        TlsFiles { certificate, key, client_ca: client_ca.map(|name| self.path(name)) }
    }

    /// A listener's TLS with a new certificate for `name`.
    fn tls(&self, name: &str, client_ca: Option<&str>) -> Result<Tls, TlsError> {
        self.issue(name);
        Tls::open(self.files(name, client_ca))
    }

    /// A client that trusts this authority and shows a certificate of `identity`.
    fn client(&self, identity: Option<&Self>, protocol: &str) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(read_certificate(&self.path("ca.crt"))).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(roots);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                authority.issue("client");
                let key = PrivateKeyDer::from_pem_file(authority.path("client.key")).unwrap();
                builder.with_client_auth_cert(vec![read_certificate(&authority.path("client.crt"))], key).unwrap()
            }
        };
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        config
    }
}

fn read_certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}
