use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;

use super::super::{HttpClient, Redirects, Request, TlsFileError, TlsOptions};
use super::*;
use crate::client::http::HttpOptionsError;

/// An authority, and certificates of it in files.
struct Authority {
    pem: String,
    der: rustls::pki_types::CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(rcgen::DnType::CommonName, key.serialize_pem().chars().skip(60).take(20).collect::<String>());
        let certificate = params.self_signed(&key).unwrap();
        Self { pem: certificate.pem(), der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn issue(&self) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn write_pair(&self, folder: &Path, name: &str) {
        let (certificate, key) = self.issue();
        std::fs::write(folder.join(format!("{name}.cert")), certificate.pem()).unwrap();
        std::fs::write(folder.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }

    /// A server with a certificate of this authority; with `clients`, only for clients of that one.
    fn server(&self, clients: Option<&Self>) -> TestServer {
        self.server_with(clients, |_, out| out.write_all(&answer_ok()))
    }

    fn server_with(
        &self,
        clients: Option<&Self>,
        handler: impl Fn(&Seen, &mut dyn std::io::Write) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> TestServer {
        let (certificate, key) = self.issue();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(clients) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(clients.der.clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
        TestServer::start_tls(config, handler)
    }
}

fn open(server: &TestServer, tls: TlsOptions) -> Result<HttpTransport, HttpOptionsError> {
    let address = format!("https://{}", server.host()).parse().unwrap();
    HttpTransport::new(address, &HttpOptions { tls, ..options() }, Arc::new(Anonymous))
}

async fn try_to(server: &TestServer, tls: TlsOptions) -> Result<Vec<u8>, TransportError> {
    fetch(&open(server, tls).unwrap(), 100).await
}

fn host_folder(folder: &Path, server: &TestServer) -> std::path::PathBuf {
    let folder = folder.join(server.host());
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[tokio::test]
async fn nobody_is_believed_without_an_authority_on_loopback_neither() {
    let server = Authority::new().server(None);
    let error = try_to(&server, TlsOptions::default()).await.unwrap_err();
    assert!(matches!(error, TransportError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("UnknownIssuer"), "{error}");
}

#[tokio::test]
async fn an_authority_file_or_dockers_folder_is_believed() {
    let (authority, other, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let server = authority.server(None);
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, format!("{}{}", other.pem, authority.pem)).unwrap();
    let named = TlsOptions { ca_file: Some(ca_file.clone()), ..TlsOptions::default() };
    assert_eq!(try_to(&server, named.clone()).await.unwrap(), b"the file");

    let folders = TlsOptions { host_folders: vec![folder.path().to_owned()], ..TlsOptions::default() };
    assert!(matches!(try_to(&server, folders.clone()).await, Err(TransportError::Tls { .. })));
    std::fs::write(host_folder(folder.path(), &server).join("ca.crt"), &authority.pem).unwrap();
    assert_eq!(try_to(&server, folders).await.unwrap(), b"the file");

    std::fs::write(&ca_file, other.pem).unwrap();
    assert!(matches!(try_to(&server, named).await, Err(TransportError::Tls { .. })));
}

#[tokio::test]
async fn a_client_certificate_is_chosen_by_what_the_server_asks_for() {
    let (authority, clients, folder) = (Authority::new(), Authority::new(), tempfile::tempdir().unwrap());
    let server = authority.server(Some(&clients));
    let host = host_folder(folder.path(), &server);
    std::fs::write(host.join("ca.crt"), &authority.pem).unwrap();
    let folders = TlsOptions { host_folders: vec![folder.path().to_owned()], ..TlsOptions::default() };
    let error = try_to(&server, folders.clone()).await.unwrap_err();
    assert!(matches!(error, TransportError::Tls { .. }), "{error}");

    Authority::new().write_pair(&host, "a-stranger");
    clients.write_pair(&host, "client");
    assert_eq!(try_to(&server, folders.clone()).await.unwrap(), b"the file");

    std::fs::remove_file(host.join("client.key")).unwrap();
    let error = open(&server, folders.clone()).err().unwrap();
    assert!(matches!(error, HttpOptionsError::Tls(TlsFileError::HalfAPair { .. })), "{error}");
    std::fs::remove_file(host.join("client.cert")).unwrap();
    clients.write_pair(folder.path(), "mine");
    let pair = (folder.path().join("mine.cert"), folder.path().join("mine.key"));
    let explicit = TlsOptions { client_certificate: Some(pair), ..folders };
    assert_eq!(try_to(&server, explicit).await.unwrap(), b"the file");
}

/// A server whose certificate is its own authority, as people make them with one command; its PEM text.
fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> (TestServer, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let certificate = params.self_signed(&key).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
    (TestServer::start_tls(config, |_, out| out.write_all(&answer_ok())), certificate.pem())
}

#[tokio::test]
async fn a_servers_own_certificate_is_believed_if_exactly_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let tls = TlsOptions { ca_file: Some(ca_file.clone()), ..TlsOptions::default() };
    let (server, pem) = self_signed(|_| ());
    std::fs::write(&ca_file, &pem).unwrap();
    assert_eq!(try_to(&server, tls.clone()).await.unwrap(), b"the file");
    assert!(matches!(try_to(&server, TlsOptions::default()).await, Err(TransportError::Tls { .. })));

    // Another one of the same look.
    let (twin, _) = self_signed(|_| ());
    assert!(matches!(try_to(&twin, tls.clone()).await, Err(TransportError::Tls { .. })));

    let (expired, pem) = self_signed(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    std::fs::write(&ca_file, &pem).unwrap();
    let error = try_to(&expired, tls.clone()).await.unwrap_err().to_string();
    assert!(error.contains("expired"), "{error}");
    let (future, pem) = self_signed(|params| params.not_before = rcgen::date_time_ymd(2200, 1, 1));
    std::fs::write(&ca_file, &pem).unwrap();
    assert!(matches!(try_to(&future, tls.clone()).await, Err(TransportError::Tls { .. })));
    let (other, pem) = self_signed(|params| params.subject_alt_names.clear());
    std::fs::write(&ca_file, &pem).unwrap();
    let error = try_to(&other, tls).await.unwrap_err().to_string();
    assert!(error.contains("another name"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_believed() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let server = authority.server(None);
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &authority.pem).unwrap();
    let address = format!("https://localhost:{}", server.port).parse().unwrap();
    let tls = TlsOptions { ca_file: Some(ca_file), ..TlsOptions::default() };
    let transport = HttpTransport::new(address, &HttpOptions { tls, ..options() }, Arc::new(Anonymous)).unwrap();
    let error = fetch(&transport, 100).await.unwrap_err();
    assert!(error.to_string().contains("another name"), "{error}");
}

#[tokio::test]
async fn another_server_sees_no_login_and_cannot_ask_for_one() {
    let (authority, folder) = (Authority::new(), tempfile::tempdir().unwrap());
    let elsewhere = authority.server_with(None, |_, out| {
        out.write_all(&answer(401, &["WWW-Authenticate: Bearer realm=\"https://127.0.0.1:1/token\""], ""))
    });
    let target = format!("Location: https://{}/x", elsewhere.host());
    let server = TestServer::start(move |_, out| out.write_all(&answer(307, &[&target], "")));
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, &authority.pem).unwrap();
    let tls = TlsOptions { ca_file: Some(ca_file), ..TlsOptions::default() };
    let client = HttpClient::new(&server.url().parse().unwrap(), &HttpOptions { tls, ..options() }).unwrap();
    let request = Request::new(reqwest::Method::GET, server.url().parse().unwrap(), 100);
    let request = Request { redirects: Redirects::Anywhere, ..request };
    let login = reqwest::header::HeaderValue::from_static("Basic x");
    let got = client.send(&request, Some(&login)).await.unwrap();
    assert_eq!((got.status, got.headers.contains_key("www-authenticate")), (401, false));
    assert_eq!(server.seen()[0].header("authorization"), Some("Basic x"));
    assert_eq!(elsewhere.seen()[0].header("authorization"), None);
    // Never on without TLS, for that matter.
    let plain = TestServer::start(|_, out| out.write_all(&answer_ok()));
    let target = format!("Location: {}", plain.url());
    let server = TestServer::start(move |_, out| out.write_all(&answer(302, &[&target], "")));
    let request = Request { url: server.url().parse().unwrap(), ..request };
    assert_eq!(client.send(&request, None).await.unwrap().status, 302);
    assert_eq!(plain.connections(), 0);
}

fn answer_ok() -> Vec<u8> {
    answer(200, &[], "the file")
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_as_if_it_had() {
    let server = TestServer::start(|_, out| out.write_all(&answer(200, &[], "x")));
    let error = try_to(&server, TlsOptions::default()).await.unwrap_err();
    assert!(matches!(error, TransportError::Tls { .. }), "{error}");
    assert!(server.seen().is_empty());
}

#[test]
fn files_that_are_not_what_they_should_be_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let server = "https://n.example".parse().unwrap();
    let open = |tls| {
        HttpTransport::new(std::clone::Clone::clone(&server), &HttpOptions { tls, ..options() }, Arc::new(Anonymous))
    };
    for content in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&file, content).unwrap();
        let error =
            open(TlsOptions { ca_file: Some(file.clone()), ..TlsOptions::default() }).err().unwrap().to_string();
        assert!(error.contains("ca.pem"), "{error}");
    }
    let missing = TlsOptions { ca_file: Some(folder.path().join("none")), ..TlsOptions::default() };
    assert!(matches!(open(missing).err(), Some(HttpOptionsError::Tls(TlsFileError::Unreadable { .. }))));
}
