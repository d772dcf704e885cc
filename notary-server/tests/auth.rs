//! Token authentication over HTTP: challenges, what each request needs, keys that change while the server runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;
#[path = "support/tokens.rs"]
mod tokens;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use chrono::TimeDelta;
use http::header::{AUTHORIZATION, CACHE_CONTROL, HOST, WWW_AUTHENTICATE};
use http::{Method, Request, StatusCode};
use notary_server::auth::TokenAuth;
use notary_server::config::{JwksLocation, TokenOptions};
use notary_server::telemetry::Metrics;
use notary_service::config::TlsFiles;
use notary_service::listen::{self, Application, Peer, Tls};
use serde_json::json;
use support::{Answer, GUN, Server, Setup, multipart};
use tokens::{ISSUER, NOW, SERVICE, Signer};

const REALM: &str = "https://auth.example/token";

fn options(bundle: Option<&Path>) -> TokenOptions {
    TokenOptions {
        realm: REALM.to_owned(),
        service: SERVICE.to_owned(),
        issuer: ISSUER.to_owned(),
        bundle: bundle.map(Path::to_path_buf),
        jwks: None,
        jwks_ca: None,
        auto_redirect: false,
    }
}

struct World {
    server: Server,
    issuer: Signer,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self::with(Setup::default(), |_| {})
    }

    fn with(setup: Setup, change: impl FnOnce(&mut TokenOptions)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = Signer::alone("issuer", true, NOW);
        let bundle = folder.path().join("bundle.crt");
        std::fs::write(&bundle, issuer.certificate.pem()).unwrap();
        let mut options = options(Some(&bundle));
        change(&mut options);
        let server = Server::with(Setup { auth: Some(options), ..setup });
        Self { server, issuer, folder }
    }

    fn token(&self, access: &[(&str, &str, &[&str])]) -> String {
        self.issuer.grant(access, self.server.now().timestamp() + 300)
    }

    async fn ask(&self, method: Method, path: &str, token: &str) -> Answer {
        let request = Request::builder().method(method).uri(path).header(AUTHORIZATION, format!("Bearer {token}"));
        self.server.send(request.body(Body::empty()).unwrap()).await
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.ask(Method::GET, path, token).await
    }
}

fn challenge(answer: &Answer) -> &str {
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    answer.headers[WWW_AUTHENTICATE].to_str().unwrap()
}

#[tokio::test]
async fn without_a_token_the_challenge_says_what_to_ask_for() {
    let world = World::new();
    for (method, path, scope) in [
        (Method::GET, "/v2/", ""),
        (Method::GET, "/v2/a/b/_trust/tuf/root.json", ",scope=\"repository:a/b:pull\""),
        (Method::HEAD, "/v2/a/b/_trust/tuf/root.json", ",scope=\"repository:a/b:pull\""),
        (Method::POST, "/v2/a/b/_trust/tuf/", ",scope=\"repository:a/b:push,pull\""),
        (Method::GET, "/v2/a/b/_trust/tuf/snapshot.key", ",scope=\"repository:a/b:push,pull\""),
        (Method::POST, "/v2/a/b/_trust/tuf/snapshot.key", ",scope=\"repository:a/b:*\""),
        (Method::DELETE, "/v2/a/b/_trust/tuf/", ",scope=\"repository:a/b:*\""),
        (Method::GET, "/v2/a/b/_trust/changefeed?records=1", ",scope=\"repository:a/b:pull\""),
        (Method::GET, "/v2/_trust/changefeed?records=1", ",scope=\"registry:catalog:*\""),
    ] {
        let answer = world.server.request(method.clone(), path).await;
        let expected = format!("Bearer realm=\"{REALM}\",service=\"{SERVICE}\"{scope}");
        assert_eq!(challenge(&answer), expected, "{method} {path}");
        if method != Method::HEAD {
            assert_eq!(answer.error()["code"], "UNAUTHORIZED");
            assert_eq!(answer.error()["message"], "authentication required");
        }
    }
    let answer = world.server.get("/v2/a/b/_trust/tuf/snapshot.key").await;
    let needed = |action: &str| json!({"Type": "repository", "Class": "", "Name": "a/b", "Action": action});
    assert_eq!(answer.error()["detail"], json!([needed("push"), needed("pull")]));
}

#[tokio::test]
async fn the_error_of_a_challenge_tells_a_bad_token_from_one_that_is_not_enough() {
    let world = World::new();
    let path = format!("/v2/{GUN}/_trust/tuf/timestamp.key");
    for token in ["", "x", "a.b.c"] {
        let answer = world.get(&path, token).await;
        assert!(challenge(&answer).ends_with(":push,pull\",error=\"invalid_token\""), "{}", challenge(&answer));
    }
    for access in [&[("repository", GUN, &["pull"][..])][..], &[("repository", "other", &["push", "pull"][..])], &[]] {
        let answer = world.get(&path, &world.token(access)).await;
        assert!(challenge(&answer).ends_with(",error=\"insufficient_scope\""), "{}", challenge(&answer));
    }
    let other = Request::builder().uri(&path).header(AUTHORIZATION, "Basic YTpi").body(Body::empty()).unwrap();
    assert!(!challenge(&world.server.send(other).await).contains("error="));
    let good = world.token(&[("repository", GUN, &["*"])]);
    let twice = Request::builder().uri(&path).header(AUTHORIZATION, format!("Bearer {good}"));
    let twice = twice.header(AUTHORIZATION, "Bearer x").body(Body::empty()).unwrap();
    assert_eq!(world.server.send(twice).await.status, StatusCode::UNAUTHORIZED);
    let lower = Request::builder().uri(&path).header(AUTHORIZATION, format!("bearer {good}"));
    assert_eq!(world.server.send(lower.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn any_valid_token_sees_that_this_is_a_trust_server() {
    let world = World::new();
    assert_eq!(world.get("/v2/", &world.token(&[])).await.status, StatusCode::OK);
    assert_eq!(world.get("/v2/", "x").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn paths_that_cannot_be_anything_are_unknown_to_everyone() {
    let world = World::new();
    for path in ["/", "/v3/", "/v2/a/manifests/latest", "/v2/a/_trust/tuf/0.root.json"] {
        assert_eq!(world.server.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(world.server.get("/v2//a/").await.status, StatusCode::MOVED_PERMANENTLY);
    assert_eq!(world.server.request(Method::PATCH, "/v2/").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn which_prefixes_are_served_is_not_told_to_strangers() {
    let setup = Setup { prefixes: vec!["registry.example/".to_owned()], ..Setup::default() };
    let world = World::with(setup, |_| {});
    for gun in [GUN, "elsewhere.example/a"] {
        let file = format!("/v2/{gun}/_trust/tuf/root.json");
        assert_eq!(world.server.get(&file).await.status, StatusCode::UNAUTHORIZED, "{gun}");
        assert_eq!(world.server.post(gun, &[("root", b"{}")]).await.status, StatusCode::UNAUTHORIZED, "{gun}");
        let token = world.token(&[("repository", gun, &["pull"])]);
        assert_eq!(world.get(&file, &token).await.status, StatusCode::NOT_FOUND, "{gun}");
    }
}

#[tokio::test]
async fn who_may_push_publishes_and_who_may_pull_reads() {
    let world = World::new();
    let push = world.token(&[("repository", GUN, &["pull", "push"])]);
    let pull = world.token(&[("repository", GUN, &["pull"])]);
    let all = world.token(&[("repository", GUN, &["*"])]);
    let below = format!("/v2/{GUN}/_trust/tuf/");
    let keys = [
        world.get(&format!("{below}timestamp.key"), &push).await.body,
        world.get(&format!("{below}snapshot.key"), &push).await.body,
    ]
    .map(|body| support::public_key(&body));
    let publisher = libtrust::testing::Publisher::new(GUN, world.server.now(), &keys[0], Some(&keys[1]));
    let body = multipart(&[("root", &publisher.root_file()), ("targets", &publisher.targets_file())]);
    let publish = async |token: &str| {
        let request =
            Request::builder().method(Method::POST).uri(&below).header(AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header("content-type", "multipart/form-data; boundary=boundary");
        world.server.send(request.body(Body::from(body.clone())).unwrap()).await.status
    };
    assert_eq!(publish(&pull).await, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get(&format!("{below}root.json"), &pull).await.status, StatusCode::NOT_FOUND);
    assert_eq!(publish(&push).await, StatusCode::OK);

    let read = world.get(&format!("{below}root.json"), &pull).await;
    assert_eq!(read.status, StatusCode::OK);
    assert!(read.headers[CACHE_CONTROL].to_str().unwrap().starts_with("private"), "no shared cache may keep it");
    for token in [&pull, &push] {
        assert_eq!(world.ask(Method::DELETE, &below, token).await.status, StatusCode::UNAUTHORIZED);
        let rotate = world.ask(Method::POST, &format!("{below}timestamp.key"), token).await;
        assert_eq!(rotate.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.get(&format!("{below}root.json"), &pull).await.status, StatusCode::OK);
    assert_eq!(world.ask(Method::POST, &format!("{below}timestamp.key"), &all).await.status, StatusCode::OK);
    assert_eq!(world.ask(Method::DELETE, &below, &all).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_was_good_a_moment_ago_still_expires() {
    let world = World::new();
    let token = world.token(&[]);
    assert_eq!(world.get("/v2/", &token).await.status, StatusCode::OK);
    world.server.pass(TimeDelta::seconds(360));
    assert_eq!(world.get("/v2/", &token).await.status, StatusCode::OK);
    world.server.pass(TimeDelta::seconds(1));
    assert!(challenge(&world.get("/v2/", &token).await).contains("error=\"invalid_token\""));
}

#[tokio::test]
async fn a_withdrawn_key_ends_its_tokens_and_a_broken_bundle_changes_nothing() {
    let world = World::new();
    let auth = world.server.auth.clone().unwrap();
    let bundle = world.folder.path().join("bundle.crt");
    let old = world.token(&[]);
    let next = Signer::alone("next", true, NOW);
    let new = next.grant(&[], world.server.now().timestamp() + 300);
    assert_eq!(world.get("/v2/", &old).await.status, StatusCode::OK);
    assert_eq!(world.get("/v2/", &new).await.status, StatusCode::UNAUTHORIZED);

    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(&bundle, broken).unwrap();
        auth.reload();
        assert_eq!(world.get("/v2/", &old).await.status, StatusCode::OK);
    }
    std::fs::write(&bundle, next.certificate.pem()).unwrap();
    auth.reload();
    assert_eq!(world.get("/v2/", &old).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.get("/v2/", &new).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_changed_bundle_is_noticed_without_a_signal() {
    let world = World::new();
    let auth = world.server.auth.clone().unwrap();
    let following = tokio::spawn(async move { auth.keep_keys_fresh().await });
    let next = Signer::alone("next", true, NOW);
    let new = next.grant(&[], world.server.now().timestamp() + 300);
    std::fs::write(world.folder.path().join("bundle.crt"), next.certificate.pem()).unwrap();
    let noticed = async {
        while world.get("/v2/", &new).await.status != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), noticed).await.expect("the new bundle is in force");
    following.abort();
}

#[test]
fn a_bundle_that_cannot_be_used_is_refused_with_its_name() {
    let open = |path: &Path| {
        let clock = Arc::new(libtrust::testing::now);
        TokenAuth::open(&options(Some(path)), clock, Arc::new(Metrics::default())).err().unwrap().to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.crt");
    assert!(open(&file).contains("bundle.crt: cannot be read"), "{}", open(&file));
    std::fs::write(&file, "nothing").unwrap();
    assert!(open(&file).contains("bundle.crt: holds no certificate"), "{}", open(&file));
    std::fs::write(&file, vec![b'-'; (1 << 20) + 1]).unwrap();
    assert!(open(&file).contains("bundle.crt: is larger than"), "{}", open(&file));
}

#[tokio::test]
async fn the_realm_can_follow_the_host_that_was_asked() {
    let world = World::with(Setup::default(), |options| options.auto_redirect = true);
    let ask = async |host: &str| {
        let request = Request::builder().uri("/v2/").header(HOST, host).body(Body::empty()).unwrap();
        challenge(&world.server.send(request).await).to_owned()
    };
    assert!(ask("trust.example:4443").await.contains("realm=\"https://trust.example:4443/auth/token\""));
    assert!(ask("evil/x?").await.contains(&format!("realm=\"{REALM}\"")));
}

#[tokio::test]
async fn refusals_are_counted_by_reason_alone() {
    let world = World::new();
    world.server.get("/v2/").await;
    world.get("/v2/", "x").await;
    world.get(&format!("/v2/{GUN}/_trust/tuf/root.json"), &world.token(&[])).await;
    let text = world.server.metrics.render().unwrap();
    for line in [
        "notary_server_auth_refusals_total{reason=\"missing\"} 1\n",
        "notary_server_auth_refusals_total{reason=\"malformed\"} 1\n",
        "notary_server_auth_refusals_total{reason=\"scope\"} 1\n",
        "notary_server_auth_refusals_total{reason=\"expired\"} 0\n",
        "notary_server_auth_keys 1\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    assert!(!text.contains(GUN) && !text.contains("alice"));
}

/// An issuer's address of keys: what it answers is the test's choice.
struct KeyServer {
    answer: Mutex<(StatusCode, Vec<u8>)>,
    asked: AtomicUsize,
}

impl Application for KeyServer {
    async fn respond(self: Arc<Self>, _: Request<hyper::body::Incoming>, _: Arc<Peer>) -> axum::response::Response {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let (status, body) = self.answer.lock().unwrap().clone();
        let location = [(http::header::LOCATION, "https://elsewhere.example/")];
        axum::response::IntoResponse::into_response((status, location, body))
    }

    fn late(&self) -> axum::response::Response {
        axum::response::Response::default()
    }
}

impl KeyServer {
    fn says(&self, status: StatusCode, body: impl Into<Vec<u8>>) {
        *self.answer.lock().unwrap() = (status, body.into());
    }
}

fn set(signers: &[&Signer]) -> Vec<u8> {
    let key = |signer: &&Signer| {
        let mut jwk = signer.jwk();
        jwk["kid"] = json!(signer.id());
        jwk
    };
    json!({"keys": signers.iter().map(key).collect::<Vec<_>>()}).to_string().into_bytes()
}

#[tokio::test]
async fn keys_behind_an_address_are_read_when_needed_and_survive_its_troubles() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let folder = tempfile::tempdir().unwrap();
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&certificate, own.cert.pem()).unwrap();
    std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
    let answer = Mutex::new((StatusCode::SERVICE_UNAVAILABLE, Vec::new()));
    let keys = Arc::new(KeyServer { answer, asked: AtomicUsize::new(0) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let second = Duration::from_secs(5);
    let limits = listen::Limits {
        request: second,
        header: second,
        idle: second,
        handshake: second,
        drain: second,
        connections: 9,
    };
    let tls = Tls::open(TlsFiles { certificate: certificate.clone(), key, client_ca: None }).unwrap();
    let _listening = listen::serve(vec![listener], Some(tls), limits, keys.clone());

    let world = World::with(Setup::default(), |options| {
        options.bundle = None;
        options.jwks = Some(JwksLocation::Url(format!("https://localhost:{port}/keys")));
        options.jwks_ca = Some(certificate);
    });
    let (issuer, next) = (&world.issuer, Signer::alone("next", true, NOW));
    let old = world.token(&[]);
    let new = next.grant(&[], world.server.now().timestamp() + 300);
    let status = async |token: &str| world.get("/v2/", token).await.status;
    let later = || world.server.pass(TimeDelta::seconds(11));

    // Not our client's fault, and not a reason to throw its token away.
    assert_eq!(status(&old).await, StatusCode::SERVICE_UNAVAILABLE);
    keys.says(StatusCode::OK, set(&[issuer]));
    assert_eq!(status(&old).await, StatusCode::SERVICE_UNAVAILABLE, "asked a moment ago");
    later();
    assert_eq!(status(&old).await, StatusCode::OK);

    // However many tokens name a key we do not know, the issuer is asked once in ten seconds.
    later();
    let before = keys.asked.load(Ordering::SeqCst);
    for _ in 0..20 {
        assert_eq!(status(&new).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(keys.asked.load(Ordering::SeqCst), before + 1);

    for (trouble, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, b"".to_vec()),
        (StatusCode::FOUND, set(&[&next])),
        (StatusCode::OK, b"<html>".to_vec()),
        (StatusCode::OK, br#"{"keys":[]}"#.to_vec()),
        (StatusCode::OK, vec![b' '; 2 << 20]),
    ] {
        keys.says(trouble, body);
        later();
        assert_eq!(status(&new).await, StatusCode::UNAUTHORIZED, "{trouble}");
        assert_eq!(status(&old).await, StatusCode::OK, "{trouble}: the keys in force stay");
    }
    keys.says(StatusCode::OK, set(&[&next]));
    later();
    assert_eq!(status(&new).await, StatusCode::OK);
    assert_eq!(status(&old).await, StatusCode::UNAUTHORIZED, "its key was withdrawn");
}
