//! Targets of repositories about images: manifests from a registry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::Uri;
use axum::response::IntoResponse as _;
use http::{Method, StatusCode};
use libtrust::metadata::{Digests, Target};
use libtrust::testing::version;
use notary_server::config::RegistryOptions;
use notary_server::manifests::Manifests;
use support::repository::{Key, Online, Publisher, file};
use support::{Answer, GUN, Server, Setup};

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]}"#;
const KIND: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry without TLS on this machine that answers everything alike, and what it was asked for.
async fn registry(status: StatusCode, body: &'static str) -> (Manifests, Arc<Mutex<Vec<String>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let answer = move |uri: Uri| async move {
        seen.lock().unwrap().push(uri.path().to_owned());
        (status, [("content-type", KIND)], body).into_response()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    (
        Manifests::open(&RegistryOptions { host, name: "registry.example".to_owned(), login: None, ca_file: None })
            .unwrap(),
        asked,
    )
}

/// A repository that lists `MANIFEST` as `1.2`, and as `team` a delegate.
async fn listing(manifests: Option<Manifests>) -> (Server, Digests) {
    let server = Server::with(Setup { manifests, ..Setup::default() });
    let mut publisher = Publisher::new(&server, GUN, Online::Server).await;
    let digests = Digests::of(MANIFEST.as_bytes());
    let target = Target { length: MANIFEST.len() as u64, digests, custom: None };
    publisher.targets.targets.insert("1.2".to_owned(), target.clone());
    let key = Key::new();
    publisher.delegate("team", &key);
    let mut team = publisher.role(1, &[]);
    team.targets.insert("nightly".to_owned(), target);
    assert_eq!(team.version, version(1));
    let (root, targets, team) = (publisher.root_file(), publisher.targets_file(), file(&team, &[&key]));
    let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("team", &team)];
    assert_eq!(server.put(GUN, &parts).await.status, StatusCode::OK);
    (server, digests)
}

impl Server {
    async fn target(&self, name: &str) -> Answer {
        self.get(&format!("/tuf/{GUN}/targets/{name}")).await
    }
}

#[tokio::test]
async fn a_listed_target_is_the_registrys_manifest() {
    let (manifests, asked) = registry(StatusCode::OK, MANIFEST).await;
    let (server, digests) = listing(Some(manifests)).await;
    let (sha256, sha512) = (hex::encode(digests.sha256.unwrap()), hex::encode(digests.sha512.unwrap()));
    for name in ["1.2".to_owned(), format!("{sha256}.1.2"), format!("{sha512}.1.2"), format!("{sha256}.nightly")] {
        let answer = server.target(&name).await;
        assert_eq!((answer.status, answer.body), (StatusCode::OK, MANIFEST.as_bytes().to_vec()), "{name}");
        assert_eq!(answer.headers["content-type"], KIND);
        assert_eq!(answer.headers["etag"], format!("\"{sha256}\""));
        let lasts = answer.headers["cache-control"].to_str().unwrap().contains("max-age=2592000");
        assert_eq!(lasts, name != "1.2", "{name}");
    }
    let head = server.request(Method::HEAD, &format!("/tuf/{GUN}/targets/1.2")).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.headers["content-length"], MANIFEST.len().to_string());
    let wanted = format!("/v2/team/app/manifests/sha256:{sha256}");
    assert!(asked.lock().unwrap().iter().all(|path| *path == wanted), "{asked:?}");
}

#[tokio::test]
async fn what_is_not_listed_is_not_asked_for() {
    let (manifests, asked) = registry(StatusCode::OK, MANIFEST).await;
    let (server, digests) = listing(Some(manifests)).await;
    let sha256 = hex::encode(digests.sha256.unwrap());
    for name in ["other".to_owned(), format!("{sha256}.other"), format!("{}.1.2", "ab".repeat(32)), "a%2Fb".to_owned()]
    {
        let answer = server.target(&name).await;
        assert_eq!((answer.status, answer.code().as_str()), (StatusCode::NOT_FOUND, "METADATA_NOT_FOUND"), "{name}");
    }
    assert_eq!(
        server.get(&format!("/tuf/registry.example/other/targets/{sha256}.1.2")).await.status,
        StatusCode::NOT_FOUND
    );
    assert!(asked.lock().unwrap().is_empty(), "{asked:?}");
}

#[tokio::test]
async fn other_bytes_are_not_passed_on() {
    let (manifests, _) = registry(StatusCode::OK, "{}").await;
    let (server, _) = listing(Some(manifests)).await;
    let answer = server.target("1.2").await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"));
}

#[tokio::test]
async fn what_the_registry_does_not_have_or_say_is_told_apart() {
    let (manifests, _) = registry(StatusCode::NOT_FOUND, "{}").await;
    let (server, _) = listing(Some(manifests)).await;
    assert_eq!(server.target("1.2").await.error()["detail"], "the registry does not have this manifest");
    let (manifests, _) = registry(StatusCode::INTERNAL_SERVER_ERROR, "{}").await;
    let (server, _) = listing(Some(manifests)).await;
    assert_eq!(server.target("1.2").await.code(), "UNAVAILABLE");
}

#[tokio::test]
async fn without_a_registry_no_targets_are_served() {
    let (server, _) = listing(None).await;
    let answer = server.target("1.2").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.error()["detail"].as_str().unwrap().contains("registry.url"));
}
