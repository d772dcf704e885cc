//! A publisher of TUF repositories, and a reader over the server's routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use libtrust::client::tuf::{
    ArtifactBytes, MemoryStore, MetadataName, RepositoryClient, RepositoryLimits, Source, SourceError, TargetPath,
    TufError, begin,
};
use libtrust::dialect::{Dialect, Spelled, tuf};
use libtrust::edit::{next_snapshot, next_timestamp};
use libtrust::keys::{KeyAlgorithm, PublicKey, Signature, SigningKey};
use libtrust::metadata::{
    Delegation, Delegations, Digests, FileMeta, Root, Snapshot, SuccinctRoles, Target, Targets, Timestamp, Version,
};
use libtrust::names::{DelegationName, KeyId, RoleName};
use libtrust::testing::{role_keys, version};
use ring::rand::SystemRandom;
use tower::ServiceExt as _;

use super::{Answer, Server, multipart};

/// A key as repositories list it.
pub struct Key {
    signing: SigningKey,
    pub public: PublicKey,
    pub id: KeyId,
}

impl Key {
    pub fn new() -> Self {
        let signing = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
        let public = tuf::key_of(signing.public_key());
        let id = Dialect::Tuf.key_id(&public);
        Self { signing, public, id }
    }

    fn sign(&self, message: &[u8]) -> Signature {
        self.signing.sign(&self.id, message, &SystemRandom::new()).unwrap()
    }
}

/// Signs `metadata` with `keys` and returns the file.
pub fn file<T: Spelled>(metadata: &T, keys: &[&Key]) -> Vec<u8> {
    let unsigned = Dialect::Tuf.encode(metadata).unwrap();
    let signatures: Vec<Signature> = keys.iter().map(|key| key.sign(&unsigned.canonical)).collect();
    unsigned.with_signatures(Dialect::Tuf, &signatures)
}

/// The same file with one more member that is signed, too.
pub fn with_member(file: &[u8], key: &Key, name: &str, value: &str) -> Vec<u8> {
    let mut file: serde_json::Value = serde_json::from_slice(file).unwrap();
    file["signed"][name] = value.into();
    // Sorted and without white space: the canonical form, as long as nothing in it has to be escaped.
    let message = serde_json::to_vec(&file["signed"]).unwrap();
    let sig = hex::encode(key.sign(&message).bytes);
    file["signatures"] = serde_json::json!([{"keyid": key.id.as_str(), "sig": sig}]);
    serde_json::to_vec(&file).unwrap()
}

/// Who signs snapshots and timestamps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Online {
    /// The server both.
    Server,
    /// The server timestamps, the owner snapshots.
    Timestamp,
    /// The owner both.
    Nobody,
}

/// Makes the files of one repository. Fields are public so that a test can spoil them.
pub struct Publisher {
    pub now: DateTime<Utc>,
    pub root_key: Key,
    pub targets_key: Key,
    pub snapshot_key: Key,
    pub timestamp_key: Key,
    pub root: Root,
    pub targets: Targets,
}

impl Publisher {
    pub async fn new(server: &Server, gun: &str, online: Online) -> Self {
        let [root_key, targets_key, snapshot_key, timestamp_key] = [Key::new(), Key::new(), Key::new(), Key::new()];
        let now = server.now();
        let root = Root {
            version: Version::FIRST,
            expires: now + TimeDelta::days(3650),
            consistent_snapshot: true,
            keys: BTreeMap::new(),
            roles: BTreeMap::new(),
        };
        let targets = Targets {
            version: Version::FIRST,
            expires: now + TimeDelta::days(1095),
            targets: BTreeMap::new(),
            delegations: Delegations::default(),
        };
        let mut publisher = Self { now, root_key, targets_key, snapshot_key, timestamp_key, root, targets };
        let (root, targets) = (publisher.root_key.public.clone(), publisher.targets_key.public.clone());
        publisher.rotate(RoleName::Root, &root);
        publisher.rotate(RoleName::Targets, &targets);
        let snapshot = match online {
            Online::Server => tuf::key_of(&server.key(gun, "snapshot").await),
            Online::Timestamp | Online::Nobody => publisher.snapshot_key.public.clone(),
        };
        publisher.rotate(RoleName::Snapshot, &snapshot);
        let timestamp = match online {
            Online::Server | Online::Timestamp => tuf::key_of(&server.key(gun, "timestamp").await),
            Online::Nobody => publisher.timestamp_key.public.clone(),
        };
        publisher.rotate(RoleName::Timestamp, &timestamp);
        publisher
    }

    /// Replaces the keys of a role.
    pub fn rotate(&mut self, role: RoleName, key: &PublicKey) {
        let id = Dialect::Tuf.key_id(key);
        self.root.keys.insert(id.clone(), key.clone());
        self.root.roles.insert(role, role_keys(&[&id], 1));
    }

    pub fn root_file(&self) -> Vec<u8> {
        file(&self.root, &[&self.root_key])
    }

    pub fn targets_file(&self) -> Vec<u8> {
        file(&self.targets, &[&self.targets_key])
    }

    /// Lists a target whose content is its name.
    pub fn target(&mut self, name: &str) {
        self.targets.targets.insert(name.to_owned(), target(name.as_bytes()));
    }

    /// Gives `name` to `key`, all paths of one part.
    pub fn delegate(&mut self, name: &str, key: &Key) {
        delegate(&mut self.targets.delegations, name, key);
    }

    /// Sixteen hash bins.
    pub fn bins(&mut self, key: &Key) {
        self.targets.delegations.keys.insert(key.id.clone(), key.public.clone());
        let bins = SuccinctRoles::new(role_keys(&[&key.id], 1), 4, "bin".to_owned()).unwrap();
        self.targets.delegations.succinct = Some(bins);
    }

    /// A role without delegations that lists these targets.
    pub fn role(&self, number: u64, names: &[&str]) -> Targets {
        let targets = names.iter().map(|name| ((*name).to_owned(), target(name.as_bytes()))).collect();
        Targets {
            version: version(number),
            expires: self.targets.expires,
            targets,
            delegations: Delegations::default(),
        }
    }

    /// A snapshot of this version that names these roles at these versions.
    pub fn snapshot(&self, number: u64, roles: &[(&str, u64)]) -> Snapshot {
        let mut next = next_snapshot(None, [], self.now);
        next.version = version(number);
        for (role, number) in roles {
            let meta = FileMeta { version: Some(version(*number)), ..FileMeta::default() };
            next.meta.insert((*role).to_owned(), meta);
        }
        next
    }

    pub fn snapshot_file(&self, number: u64, roles: &[(&str, u64)]) -> Vec<u8> {
        file(&self.snapshot(number, roles), &[&self.snapshot_key])
    }

    /// A timestamp that names the snapshot of this version.
    pub fn timestamp(&self, number: u64, snapshot: u64) -> Timestamp {
        let meta = FileMeta { version: Some(version(snapshot)), ..FileMeta::default() };
        Timestamp { version: version(number), ..next_timestamp(None, meta, self.now) }
    }

    pub fn timestamp_file(&self, number: u64, snapshot: u64) -> Vec<u8> {
        file(&self.timestamp(number, snapshot), &[&self.timestamp_key])
    }
}

pub fn delegate(delegations: &mut Delegations, name: &str, key: &Key) {
    delegations.keys.insert(key.id.clone(), key.public.clone());
    let name = DelegationName::in_tuf(name).unwrap();
    let paths = vec!["*".to_owned()];
    delegations.roles.push(Delegation::of_paths(name, role_keys(&[&key.id], 1), paths));
}

fn target(content: &[u8]) -> Target {
    let digests = Digests { sha512: None, ..Digests::of(content) };
    Target { length: content.len() as u64, digests, custom: None }
}

impl Server {
    /// Publishes files by encoded role.
    pub async fn put(&self, gun: &str, parts: &[(&str, &[u8])]) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/tuf/{gun}/metadata/"))
            .header("content-type", "multipart/form-data; boundary=boundary")
            .body(Body::from(multipart(parts)))
            .unwrap();
        self.send(request).await
    }

    pub async fn put_first(&self, gun: &str, publisher: &Publisher) -> Answer {
        let (root, targets) = (publisher.root_file(), publisher.targets_file());
        self.put(gun, &[("root.json", &root), ("targets.json", &targets)]).await
    }

    /// `GET` of a metadata file of a repository.
    pub async fn metadata(&self, gun: &str, name: &str) -> Answer {
        self.get(&format!("/tuf/{gun}/metadata/{name}")).await
    }

    pub async fn says(&self, gun: &str, name: &str) -> serde_json::Value {
        let answer = self.metadata(gun, name).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", String::from_utf8_lossy(&answer.body));
        let mut value: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        value["signed"].take()
    }

    pub async fn signed_version(&self, gun: &str, name: &str) -> u64 {
        self.says(gun, name).await["version"].as_u64().unwrap()
    }

    /// A reader who trusts this root.
    pub fn reader(&self, gun: &str, root: &[u8]) -> Reader {
        let store = Arc::new(MemoryStore::default());
        let limits = RepositoryLimits::default();
        begin(&*store, root, &limits).unwrap();
        let source = Arc::new(Routes { router: self.router.clone(), base: format!("/tuf/{gun}") });
        Reader { client: RepositoryClient::new(source, store, limits) }
    }
}

/// Reads with every check, and remembers.
pub struct Reader {
    client: RepositoryClient,
}

impl Reader {
    /// Versions of root, timestamp, snapshot and targets.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<[u64; 4], TufError> {
        let repository = self.client.refresh(now).await?;
        let chain = repository.trusted();
        let targets = chain.targets().unwrap().version;
        let versions = [chain.root().version, chain.timestamp().version, chain.snapshot().version, targets];
        Ok(versions.map(Version::get))
    }

    /// The role that lists a target.
    pub async fn find(&self, now: DateTime<Utc>, name: &str) -> Result<String, TufError> {
        let found = self.client.refresh(now).await?.target(name).await?;
        Ok(found.file.role().as_str().to_owned())
    }
}

/// The routes of a server as a source.
struct Routes {
    router: Router,
    base: String,
}

#[async_trait]
impl Source for Routes {
    fn name(&self) -> &str {
        &self.base
    }

    async fn metadata(&self, name: &MetadataName, _: u64) -> Result<Option<Bytes>, SourceError> {
        let uri = format!("{}/metadata/{}", self.base, name.encoded());
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.into_body().collect().await.unwrap().to_bytes())),
            StatusCode::NOT_FOUND => Ok(None),
            status => {
                Err(SourceError::Status { origin: self.base.clone(), file: name.to_string(), status: status.as_u16() })
            }
        }
    }

    async fn artifact(&self, _: &TargetPath, _: Option<&str>) -> Result<Option<ArtifactBytes>, SourceError> {
        Ok(None)
    }
}
