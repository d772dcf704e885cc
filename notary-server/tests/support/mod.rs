//! A server without a socket: requests go straight to the router, the clock stands where the test puts it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod repository;
pub mod shared_store;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use libtrust::dialect::{Dialect, Envelope};
use libtrust::keys::{KeyAlgorithm, KeyType, PublicKey};
use libtrust::limits::Limits;
use libtrust::names::{Gun, RoleName};
use libtrust::testing::Publisher;
use libtrust::verify::{CertificateDates, Expiration, Known, TrustedRoot, TrustedTargets, first_root};
use notary_server::auth::TokenAuth;
use notary_server::collection::{Collections, Settings};
use notary_server::config::TokenOptions;
use notary_server::manifests::Manifests;
use notary_server::routes::{App, CacheHeaders, RequestLimits, UploadBudget, trust_api};
use notary_server::signer::OnlineSigner;
use notary_server::signer::local::LocalSigner;
use notary_server::storage::Storage;
use notary_server::storage::memory::Memory;
use notary_server::telemetry::Metrics;
use serde_json::Value;
use tower::ServiceExt as _;

pub const GUN: &str = "registry.example/team/app";

pub struct Server {
    pub router: Router,
    pub collections: Arc<Collections>,
    pub tuf: Arc<Collections>,
    pub storage: Arc<dyn Storage>,
    pub auth: Option<Arc<TokenAuth>>,
    pub metrics: Arc<Metrics>,
    seconds: Arc<AtomicI64>,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn error(&self) -> Value {
        let body: Value = serde_json::from_slice(&self.body).expect("an error body is JSON");
        assert_eq!(body["errors"].as_array().unwrap().len(), 1, "clients read exactly one error");
        body["errors"][0].clone()
    }

    pub fn code(&self) -> String {
        self.error()["code"].as_str().unwrap().to_owned()
    }

    /// `ErrBadRoot: message` of a refused update.
    pub fn refusal(&self) -> String {
        assert_eq!(self.status, StatusCode::BAD_REQUEST);
        let detail = &self.error()["detail"];
        format!("{}: {}", detail["Name"].as_str().unwrap(), detail["Error"]["Msg"].as_str().unwrap())
    }
}

/// Changes to what a server is made of.
pub struct Setup {
    pub storage: Arc<dyn Storage>,
    pub tuf_storage: Arc<dyn Storage>,
    pub manifests: Option<Manifests>,
    pub signer: Arc<dyn OnlineSigner>,
    pub limits: RequestLimits,
    pub prefixes: Vec<String>,
    pub max_age: (u64, u64),
    pub file_limits: Limits,
    pub budget: u64,
    pub max_staleness: Duration,
    pub auth: Option<TokenOptions>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            storage: Arc::new(Memory::new()),
            tuf_storage: Arc::new(Memory::new()),
            manifests: None,
            signer: Arc::new(LocalSigner::memory()),
            limits: RequestLimits { upload_bytes: 4 << 20, upload_parts: 100, changefeed_records: 1000 },
            prefixes: Vec::new(),
            max_age: (300, 2_592_000),
            file_limits: Limits::default(),
            budget: 64 << 20,
            max_staleness: Duration::from_millis(250),
            auth: None,
        }
    }
}

impl Server {
    pub fn new() -> Self {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Self {
        let seconds = Arc::new(AtomicI64::new(0));
        let clock = {
            let seconds = seconds.clone();
            Arc::new(move || libtrust::testing::now() + TimeDelta::seconds(seconds.load(Ordering::SeqCst)))
        };
        let settings = Settings {
            limits: setup.file_limits,
            key_algorithm: KeyAlgorithm::Ecdsa,
            cache_bytes: 16 << 20,
            max_staleness: setup.max_staleness,
            renew_after: TimeDelta::days(7),
            snapshot_margin: TimeDelta::days(270),
        };
        let storage = setup.storage;
        let metrics = Arc::new(Metrics::default());
        let auth =
            setup.auth.map(|options| Arc::new(TokenAuth::open(&options, clock.clone(), metrics.clone()).unwrap()));
        let of = |dialect, storage, metrics| {
            let (signer, clock) = (setup.signer.clone(), clock.clone());
            Arc::new(Collections::new(dialect, storage, signer, clock, settings.clone(), metrics))
        };
        let collections = of(Dialect::Notary, storage.clone(), metrics.notary.clone());
        let tuf = of(Dialect::Tuf, setup.tuf_storage, metrics.tuf.clone());
        let app = App {
            notary: collections.clone(),
            tuf: tuf.clone(),
            manifests: setup.manifests,
            cache_headers: CacheHeaders::new(
                Duration::from_secs(setup.max_age.0),
                Duration::from_secs(setup.max_age.1),
            ),
            limits: setup.limits,
            upload_budget: UploadBudget::new(setup.budget),
            auth: auth.clone(),
            name_bytes: 100,
            gun_prefixes: setup.prefixes,
            metrics: metrics.clone(),
        };
        Self { router: trust_api(Arc::new(app)), collections, tuf, storage, auth, metrics, seconds }
    }

    pub fn now(&self) -> DateTime<Utc> {
        libtrust::testing::now() + TimeDelta::seconds(self.seconds.load(Ordering::SeqCst))
    }

    pub fn pass(&self, time: TimeDelta) {
        self.seconds.fetch_add(time.num_seconds(), Ordering::SeqCst);
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status, headers: head.headers, body }
    }

    pub async fn request(&self, method: Method, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path).body(Body::empty()).unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.request(Method::GET, path).await
    }

    /// `GET` below the collection.
    pub async fn file(&self, gun: &str, name: &str) -> Answer {
        self.get(&format!("/v2/{gun}/_trust/tuf/{name}")).await
    }

    pub async fn key(&self, gun: &str, role: &str) -> PublicKey {
        public_key(&self.file(gun, &format!("{role}.key")).await.body)
    }

    pub async fn post(&self, gun: &str, parts: &[(&str, &[u8])]) -> Answer {
        self.send(upload(gun, parts)).await
    }

    pub async fn delete(&self, gun: &str) -> Answer {
        self.request(Method::DELETE, &format!("/v2/{gun}/_trust/tuf/")).await
    }

    /// A new collection whose client keeps the snapshot key; not yet published.
    pub async fn client_held(&self, gun: &str) -> Publisher {
        Publisher::new(gun, self.now(), &self.key(gun, "timestamp").await, None)
    }

    /// A new collection whose snapshot key is the server's; not yet published.
    pub async fn server_held(&self, gun: &str) -> Publisher {
        let (timestamp, snapshot) = (self.key(gun, "timestamp").await, self.key(gun, "snapshot").await);
        Publisher::new(gun, self.now(), &timestamp, Some(&snapshot))
    }

    /// Publishes root and targets of a collection whose snapshot is the server's.
    pub async fn publish_server_held(&self, publisher: &Publisher) -> Answer {
        let gun = publisher.gun.as_str();
        self.post(gun, &[("root", &publisher.root_file()), ("targets", &publisher.targets_file())]).await
    }

    /// Publishes root, targets and snapshot version 1.
    pub async fn publish_client_held(&self, publisher: &Publisher) -> Answer {
        let (root, targets) = (publisher.root_file(), publisher.targets_file());
        let snapshot = publisher.snapshot_file(1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets)]);
        let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("snapshot", &snapshot)];
        self.post(publisher.gun.as_str(), &parts).await
    }

    /// Reads the collection as a client does, with every check.
    pub async fn verify(&self, gun: &str) -> TrustedTargets {
        let expiration = Expiration::Enforced(self.now());
        let name: Gun = gun.parse().unwrap();
        let root = self.served(gun, "root.json").await;
        let root =
            first_root(&parse(&RoleName::Root, &root), &name, CertificateDates::Enforced(self.now()), expiration);
        let timestamp = self.served(gun, "timestamp.json").await;
        let chain = TrustedRoot::new(root.unwrap(), expiration)
            .timestamp(&parse(&RoleName::Timestamp, &timestamp), Known::Nothing)
            .unwrap();
        let named = hex::encode(chain.timestamp().snapshot.digests.sha256.unwrap());
        let snapshot = self.served(gun, &format!("snapshot.{named}.json")).await;
        let chain = chain.snapshot(&parse(&RoleName::Snapshot, &snapshot), Known::Nothing).unwrap();
        let named = hex::encode(chain.snapshot().meta["targets"].digests.sha256.unwrap());
        let targets = self.served(gun, &format!("targets.{named}.json")).await;
        chain.targets(&parse(&RoleName::Targets, &targets), None).unwrap()
    }

    pub async fn served(&self, gun: &str, name: &str) -> Vec<u8> {
        let answer = self.file(gun, name).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", String::from_utf8_lossy(&answer.body));
        answer.body
    }

    pub async fn version(&self, gun: &str, role: &str) -> u64 {
        let body: Value = serde_json::from_slice(&self.served(gun, &format!("{role}.json")).await).unwrap();
        body["signed"]["version"].as_u64().unwrap()
    }
}

pub fn parse<'a>(role: &RoleName, bytes: &'a [u8]) -> Envelope<'a> {
    Envelope::parse(Dialect::Notary, role.clone(), bytes, &Limits::default()).unwrap()
}

pub fn public_key(body: &[u8]) -> PublicKey {
    let key: Value = serde_json::from_slice(body).unwrap();
    let public = BASE64_STANDARD.decode(key["keyval"]["public"].as_str().unwrap()).unwrap();
    PublicKey::new(KeyType::from(key["keytype"].as_str().unwrap()), public)
}

/// A body as Notary's client writes it.
pub fn multipart(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head = format!(
            "--boundary\r\nContent-Disposition: form-data; name=\"files\"; filename=\"{name}\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--boundary--\r\n");
    body
}

pub fn post_body(gun: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(Method::POST)
        .uri(format!("/v2/{gun}/_trust/tuf/"))
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

pub fn upload(gun: &str, parts: &[(&str, &[u8])]) -> Request<Body> {
    post_body(gun, "multipart/form-data; boundary=boundary", multipart(parts))
}
