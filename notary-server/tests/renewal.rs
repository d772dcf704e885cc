//! Timestamps and server-held snapshots are signed again before anyone needs it, and when somebody does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use chrono::TimeDelta;
use http::StatusCode;
use libtrust::keys::{KeyAlgorithm, PublicKey, Signature};
use libtrust::metadata::Metadata as _;
use libtrust::names::{Gun, KeyId, RoleName};
use libtrust::testing::{file, version};
use notary_server::collection::Renewal;
use notary_server::signer::local::LocalSigner;
use notary_server::signer::{OnlineSigner, SignerError};
use support::{GUN, Server, Setup};

const DAY: TimeDelta = TimeDelta::days(1);

/// Counts signatures and can be switched off.
struct Switch {
    inner: LocalSigner,
    is_off: AtomicBool,
    signatures: AtomicU32,
    refusals: AtomicU32,
}

impl Switch {
    fn new() -> Arc<Self> {
        let is_off = AtomicBool::new(false);
        let (signatures, refusals) = (AtomicU32::new(0), AtomicU32::new(0));
        Arc::new(Self { inner: LocalSigner::memory(), is_off, signatures, refusals })
    }

    fn works(&self) -> Result<(), SignerError> {
        if self.is_off.load(Ordering::SeqCst) {
            self.refusals.fetch_add(1, Ordering::SeqCst);
            return Err(SignerError::Unavailable("off".to_owned()));
        }
        Ok(())
    }
}

#[async_trait]
impl OnlineSigner for Switch {
    async fn create_key(&self, gun: &Gun, role: &RoleName, algorithm: KeyAlgorithm) -> Result<PublicKey, SignerError> {
        self.works()?;
        self.inner.create_key(gun, role, algorithm).await
    }

    async fn public_key(&self, id: &KeyId) -> Result<Option<PublicKey>, SignerError> {
        self.works()?;
        self.inner.public_key(id).await
    }

    async fn sign(&self, id: &KeyId, gun: &Gun, role: &RoleName, message: &[u8]) -> Result<Signature, SignerError> {
        self.works()?;
        self.signatures.fetch_add(1, Ordering::SeqCst);
        self.inner.sign(id, gun, role, message).await
    }

    async fn check(&self) -> Result<(), SignerError> {
        self.works()
    }
}

fn with(signer: &Arc<Switch>) -> Server {
    Server::with(Setup { signer: signer.clone(), ..Setup::default() })
}

#[tokio::test]
async fn timestamps_past_half_their_life_are_renewed_in_the_background() {
    let server = Server::new();
    for n in 0..3 {
        let publisher = server.server_held(&format!("registry.example/{n}")).await;
        server.publish_server_held(&publisher).await;
    }
    server.pass(DAY * 6);
    let publisher = server.server_held("registry.example/young").await;
    server.publish_server_held(&publisher).await;
    assert_eq!(server.collections.renew_stale().await, Renewal::default());
    server.pass(DAY * 2);
    assert_eq!(server.collections.renew_stale().await, Renewal { renewed: 3, skipped: 0, failed: 0 });
    assert_eq!(server.collections.renew_stale().await, Renewal::default());
    assert_eq!(server.version("registry.example/0", "timestamp").await, 2);
    assert_eq!(server.version("registry.example/0", "snapshot").await, 1);
    assert_eq!(server.version("registry.example/young", "timestamp").await, 1);
    server.pass(DAY * 7);
    server.verify("registry.example/0").await;
}

#[tokio::test]
async fn a_server_held_snapshot_is_renewed_long_before_it_expires() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    server.pass(DAY * (3 * 365 - 200));
    assert_eq!(server.collections.renew_stale().await.renewed, 1);
    assert_eq!((server.version(GUN, "snapshot").await, server.version(GUN, "timestamp").await), (2, 2));
    let chain = server.verify(GUN).await;
    assert!(chain.snapshot().expires() > server.now() + DAY * 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expired_timestamp_is_renewed_once_however_many_read_it() {
    let signer = Switch::new();
    let server = Arc::new(with(&signer));
    let publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    server.pass(DAY * 15);
    let before = signer.signatures.load(Ordering::SeqCst);
    let readers: Vec<_> = (0..32)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move { server.file(GUN, "timestamp.json").await })
        })
        .collect();
    for reader in readers {
        assert_eq!(reader.await.unwrap().status, StatusCode::OK);
    }
    assert_eq!(signer.signatures.load(Ordering::SeqCst), before + 1);
    assert_eq!(server.version(GUN, "timestamp").await, 2);
    server.verify(GUN).await;
}

#[tokio::test]
async fn what_only_a_client_can_renew_is_served_as_it_is() {
    let server = Server::new();
    let publisher = server.client_held(GUN).await;
    assert_eq!(server.publish_client_held(&publisher).await.status, StatusCode::OK);
    server.pass(DAY * (3 * 365 + 1));
    // The snapshot is the client's and has expired; readers get it all the same, under a fresh timestamp.
    assert_eq!(server.file(GUN, "snapshot.json").await.status, StatusCode::OK);
    assert_eq!((server.version(GUN, "snapshot").await, server.version(GUN, "timestamp").await), (1, 2));
    for _ in 0..3 {
        server.file(GUN, "timestamp.json").await;
    }
    assert_eq!(server.version(GUN, "timestamp").await, 2, "reading must not mint versions");
}

#[tokio::test]
async fn an_expired_root_does_not_stop_timestamps() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    publisher.root.expires = server.now() + DAY;
    server.publish_server_held(&publisher).await;
    server.pass(DAY * 15);
    assert_eq!(server.file(GUN, "timestamp.json").await.status, StatusCode::OK);
    assert_eq!(server.version(GUN, "timestamp").await, 2);
    publisher.root.version = version(2);
    publisher.root.expires = server.now() + DAY * 100;
    assert_eq!(server.post(GUN, &[("root", &publisher.root_file())]).await.status, StatusCode::OK);
    server.verify(GUN).await;
}

#[tokio::test]
async fn without_a_signer_reads_go_on_and_publishing_says_so() {
    let signer = Switch::new();
    let server = with(&signer);
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    signer.is_off.store(true, Ordering::SeqCst);
    server.pass(DAY * 15);
    assert_eq!(server.file(GUN, "timestamp.json").await.status, StatusCode::OK);
    publisher.targets.version = version(2);
    let answer = server.post(GUN, &[("targets", &publisher.targets_file())]).await;
    assert_eq!((answer.status, answer.code().as_str()), (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"));
    assert!(answer.error()["detail"].as_str().unwrap().contains("signer"));
    assert_eq!(server.file("registry.example/new", "timestamp.key").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(server.collections.renew_stale().await.failed, 1);
    signer.is_off.store(false, Ordering::SeqCst);
    assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
    server.verify(GUN).await;
}

#[tokio::test]
async fn a_signer_that_lost_its_keys_is_no_reason_to_fail_reads() {
    let storage: Arc<dyn notary_server::storage::Storage> = Arc::new(notary_server::storage::memory::Memory::new());
    let server = Server::with(Setup { storage: storage.clone(), ..Setup::default() });
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    // The same collections behind a signer that never saw them.
    let server = Server::with(Setup { storage, ..Setup::default() });
    server.pass(DAY * 15);
    assert_eq!(server.file(GUN, "timestamp.json").await.status, StatusCode::OK);
    assert_eq!(server.collections.renew_stale().await, Renewal { renewed: 0, skipped: 1, failed: 0 });
    publisher.targets.version = version(2);
    let answer = server.post(GUN, &[("targets", &publisher.targets_file())]).await;
    assert!(answer.refusal().starts_with("ErrBadHierarchy"), "{}", answer.refusal());
    // The client takes both roles back with new keys.
    publisher.root.version = version(2);
    let (timestamp, snapshot) = (server.key(GUN, "timestamp").await, server.key(GUN, "snapshot").await);
    publisher.rotate(RoleName::Timestamp, &timestamp);
    publisher.rotate(RoleName::Snapshot, &snapshot);
    let root = file(&publisher.root, &[&publisher.root_key]);
    assert_eq!(
        server.post(GUN, &[("root", &root), ("targets", &publisher.targets_file())]).await.status,
        StatusCode::OK
    );
    server.verify(GUN).await;
}

#[tokio::test]
async fn one_collection_that_cannot_be_renewed_stops_no_other() {
    let server = Server::new();
    // Sorts first: its snapshot is the client's, near its end, and its root names server keys that do not suffice.
    let mut odd = server.client_held("registry.example/0").await;
    let mine = odd.snapshot_key.id.clone();
    let foreign = server.key("registry.example/foreign", "snapshot").await;
    let own = server.key("registry.example/0", "snapshot").await;
    let ids: Vec<KeyId> = [&own, &foreign].map(|key| libtrust::dialect::Dialect::Notary.key_id(key)).into();
    odd.root.keys.insert(ids[0].clone(), own);
    odd.root.keys.insert(ids[1].clone(), foreign);
    let listed = libtrust::testing::role_keys(&[&mine, &ids[0], &ids[0], &ids[1]], 2);
    odd.root.roles.insert(RoleName::Snapshot, listed);
    let second = libtrust::testing::Key::new(KeyAlgorithm::Ed25519);
    odd.root.keys.insert(second.id.clone(), second.public.clone());
    odd.root.roles.get_mut(&RoleName::Snapshot).unwrap().key_ids.push(second.id.clone());
    let (root, targets) = (odd.root_file(), odd.targets_file());
    let snapshot = odd.snapshot(1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets)]);
    let snapshot = file(&snapshot, &[&odd.snapshot_key, &second]);
    let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("snapshot", &snapshot)];
    assert_eq!(server.post("registry.example/0", &parts).await.status, StatusCode::OK);
    server.pass(DAY * (3 * 365 - 100));
    let publisher = server.server_held("registry.example/1").await;
    server.publish_server_held(&publisher).await;
    server.pass(DAY * 8);
    let done = server.collections.renew_stale().await;
    assert_eq!(done, Renewal { renewed: 2, skipped: 0, failed: 0 });
    assert_eq!(server.version("registry.example/1", "timestamp").await, 2);
    // Its snapshot stays the client's; its timestamp is renewed all the same.
    assert_eq!(server.version("registry.example/0", "snapshot").await, 1);
}

#[tokio::test]
async fn what_cannot_be_renewed_is_not_tried_at_every_read() {
    let signer = Switch::new();
    let server = with(&signer);
    let publisher = server.client_held(GUN).await;
    server.publish_client_held(&publisher).await;
    server.pass(DAY * (3 * 365 + 1));
    server.file(GUN, "timestamp.json").await;
    let before = signer.signatures.load(Ordering::SeqCst);
    for _ in 0..10 {
        assert_eq!(server.file(GUN, "snapshot.json").await.status, StatusCode::OK);
    }
    assert!(signer.signatures.load(Ordering::SeqCst) <= before + 1);
}

#[tokio::test]
async fn a_signer_that_is_away_is_not_asked_by_every_reader() {
    let signer = Switch::new();
    let server = with(&signer);
    for name in ["registry.example/0", "registry.example/1"] {
        let publisher = server.server_held(name).await;
        server.publish_server_held(&publisher).await;
    }
    server.pass(DAY * 15);
    signer.is_off.store(true, Ordering::SeqCst);
    let before = signer.refusals.load(Ordering::SeqCst);
    for _ in 0..20 {
        for name in ["registry.example/0", "registry.example/1"] {
            assert_eq!(server.version(name, "timestamp").await, 1);
        }
    }
    assert_eq!(signer.refusals.load(Ordering::SeqCst), before + 1);
    // Some seconds after it is back, readers renew again.
    signer.is_off.store(false, Ordering::SeqCst);
    server.pass(TimeDelta::seconds(6));
    assert_eq!(server.version("registry.example/1", "timestamp").await, 2);
}
