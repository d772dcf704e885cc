//! Servers that share a database agree: within the bound, whatever becomes of the follower.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use http::StatusCode;
use libtrust::keys::KeyAlgorithm;
use libtrust::names::RoleName;
use libtrust::testing::{Key, Publisher, file, version};
use notary_server::signer::OnlineSigner;
use notary_server::signer::local::LocalSigner;
use support::shared_store::{Database, Door};
use support::{GUN, Server, Setup};

const BOUND: Duration = Duration::from_millis(100);
/// Longer than any test.
const LONG: Duration = Duration::from_secs(60);

struct Replicas {
    a: Arc<Server>,
    b: Arc<Server>,
    door: Arc<Door>,
}

/// Two servers on one database and one signer; `door` is that of `b`.
async fn replicas(max_staleness: Duration) -> Replicas {
    let database = Arc::new(Database::default());
    let signer: Arc<dyn OnlineSigner> = Arc::new(LocalSigner::memory());
    let door = database.door();
    let mut servers = Vec::new();
    for storage in [database.door(), door.clone()] {
        let server = Server::with(Setup { storage, signer: signer.clone(), max_staleness, ..Setup::default() });
        server.collections.keep_coherent().await.map_or_else(|| assert!(max_staleness.is_zero()), drop);
        servers.push(Arc::new(server));
    }
    let (b, a) = (servers.pop().unwrap(), servers.pop().unwrap());
    Replicas { a, b, door }
}

impl Replicas {
    /// A collection that both have in memory.
    async fn known(&self) -> Publisher {
        let publisher = self.a.server_held(GUN).await;
        assert_eq!(self.a.publish_server_held(&publisher).await.status, StatusCode::OK);
        for server in [&self.a, &self.b] {
            server.verify(GUN).await;
        }
        publisher
    }

    async fn publish_through_a(&self, publisher: &mut Publisher, number: u64) -> Instant {
        publisher.targets.version = version(number);
        let answer = self.a.post(GUN, &[("targets", &publisher.targets_file())]).await;
        assert_eq!(answer.status, StatusCode::OK);
        Instant::now()
    }

    /// Reads through `b` until `done`; every read that began later than the bound after `acknowledged` must be done.
    async fn within_the_bound<F: Future<Output = bool>>(&self, acknowledged: Instant, done: impl Fn() -> F) {
        loop {
            let began = Instant::now();
            if done().await {
                return;
            }
            assert!(began <= acknowledged + BOUND, "old {:?} after the write", began - acknowledged);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn sees_within_the_bound(&self, acknowledged: Instant, number: u64) {
        self.within_the_bound(acknowledged, || async { self.b.version(GUN, "targets").await == number }).await;
        assert_eq!(self.b.version(GUN, "timestamp").await, number);
        self.b.verify(GUN).await;
    }

    async fn caught_up(&self) {
        let before = self.door.switches.caught_up.load(Ordering::SeqCst);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.door.switches.caught_up.load(Ordering::SeqCst) < before + 2 {
            // Wakes the follower.
            self.a.delete("registry.example/other").await;
            assert!(Instant::now() < deadline);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_through_one_server_is_seen_through_the_other_within_the_bound() {
    let replicas = replicas(BOUND).await;
    let mut publisher = replicas.known().await;
    for number in 2..12 {
        let acknowledged = replicas.publish_through_a(&mut publisher, number).await;
        replicas.sees_within_the_bound(acknowledged, number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_bound_of_zero_it_is_seen_at_once() {
    let replicas = replicas(Duration::ZERO).await;
    let mut publisher = replicas.known().await;
    for number in 2..12 {
        replicas.publish_through_a(&mut publisher, number).await;
        assert_eq!(replicas.b.version(GUN, "targets").await, number);
        assert_eq!(replicas.b.version(GUN, "timestamp").await, number);
    }
    replicas.a.delete(GUN).await;
    assert_eq!(replicas.b.file(GUN, "timestamp.json").await.status, StatusCode::NOT_FOUND);
    assert_eq!(replicas.b.file(GUN, "1.root.json").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_hangs_does_not_stretch_the_bound() {
    let replicas = replicas(BOUND).await;
    let mut publisher = replicas.known().await;
    replicas.door.switches.set(|s| &s.is_held, true);
    for number in 2..6 {
        let acknowledged = replicas.publish_through_a(&mut publisher, number).await;
        replicas.sees_within_the_bound(acknowledged, number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_fails_does_not_stretch_the_bound() {
    let replicas = replicas(BOUND).await;
    let mut publisher = replicas.known().await;
    replicas.door.switches.set(|s| &s.fails, true);
    for number in 2..6 {
        let acknowledged = replicas.publish_through_a(&mut publisher, number).await;
        replicas.sees_within_the_bound(acknowledged, number).await;
    }
    replicas.door.switches.set(|s| &s.fails, false);
    let acknowledged = replicas.publish_through_a(&mut publisher, 6).await;
    replicas.sees_within_the_bound(acknowledged, 6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_that_lost_its_place_leaves_nothing_old_in_memory() {
    let replicas = replicas(LONG).await;
    let mut publisher = replicas.known().await;
    replicas.caught_up().await;
    // What it would have reported is dropped with its place.
    replicas.door.switches.set(|s| &s.is_held, true);
    replicas.publish_through_a(&mut publisher, 2).await;
    replicas.door.switches.set(|s| &s.loses, true);
    replicas.door.switches.set(|s| &s.is_held, false);
    replicas.caught_up().await;
    assert_eq!(replicas.b.version(GUN, "targets").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_while_nothing_is_written() {
    let replicas = replicas(LONG).await;
    replicas.known().await;
    replicas.caught_up().await;
    replicas.b.verify(GUN).await;
    let before = replicas.door.heads.load(Ordering::SeqCst);
    for _ in 0..100 {
        replicas.b.verify(GUN).await;
    }
    assert_eq!(replicas.door.heads.load(Ordering::SeqCst), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_served_beyond_the_bound_while_the_store_is_away() {
    let replicas = replicas(BOUND).await;
    replicas.known().await;
    replicas.door.switches.set(|s| &s.is_away, true);
    let away = Instant::now();
    replicas
        .within_the_bound(away, || async {
            replicas.b.file(GUN, "timestamp.json").await.status == StatusCode::SERVICE_UNAVAILABLE
        })
        .await;
    assert_eq!(replicas.b.file(GUN, "1.root.json").await.status, StatusCode::SERVICE_UNAVAILABLE);
    replicas.door.switches.set(|s| &s.is_away, false);
    replicas.b.verify(GUN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_away_at_start_is_followed_once_it_is_back() {
    let database = Arc::new(Database::default());
    let door = database.door();
    door.switches.set(|s| &s.is_away, true);
    let b = Server::with(Setup { storage: door.clone(), max_staleness: LONG, ..Setup::default() });
    assert!(b.collections.keep_coherent().await.is_some());
    door.switches.set(|s| &s.is_away, false);
    let deadline = Instant::now() + Duration::from_secs(20);
    while door.switches.caught_up.load(Ordering::SeqCst) == 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_deleted_and_published_anew_elsewhere_keeps_no_old_file() {
    for is_held in [false, true] {
        let replicas = replicas(BOUND).await;
        let mut publisher = replicas.known().await;
        publisher.tag(3, 7);
        replicas.publish_through_a(&mut publisher, 2).await;
        let old = replicas.b.verify(GUN).await;
        let name = format!("targets.{}.json", hex::encode(old.snapshot().meta["targets"].digests.sha256.unwrap()));
        let root = replicas.b.served(GUN, "1.root.json").await;
        assert_eq!(replicas.b.file(GUN, &name).await.status, StatusCode::OK);
        replicas.door.switches.set(|s| &s.is_held, is_held);
        replicas.a.delete(GUN).await;
        let publisher = replicas.a.server_held(GUN).await;
        assert_eq!(replicas.a.publish_server_held(&publisher).await.status, StatusCode::OK);
        let acknowledged = Instant::now();
        let gone = || async { replicas.b.file(GUN, &name).await.status == StatusCode::NOT_FOUND };
        replicas.within_the_bound(acknowledged, gone).await;
        let replaced = || async { replicas.b.served(GUN, "1.root.json").await != root };
        replicas.within_the_bound(acknowledged, replaced).await;
        replicas.b.verify(GUN).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_is_that_of_the_stored_root_even_if_memory_is_older() {
    let replicas = replicas(LONG).await;
    let mut publisher = replicas.known().await;
    let old = replicas.b.key(GUN, "timestamp").await;
    replicas.door.switches.set(|s| &s.is_held, true);
    let answer = replicas.a.request(http::Method::POST, &format!("/v2/{GUN}/_trust/tuf/timestamp.key")).await;
    let new = support::public_key(&answer.body);
    assert_ne!(old, new);
    publisher.root.version = version(2);
    publisher.rotate(RoleName::Timestamp, &new);
    let root = file(&publisher.root, &[&publisher.root_key]);
    assert_eq!(replicas.a.post(GUN, &[("root", &root)]).await.status, StatusCode::OK);
    assert_eq!(replicas.b.key(GUN, "timestamp").await, new);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_judged_by_what_is_stored_even_if_memory_is_older() {
    let replicas = replicas(LONG).await;
    let mut publisher = replicas.known().await;
    replicas.door.switches.set(|s| &s.is_held, true);
    publisher.root.version = version(2);
    let key = Key::new(KeyAlgorithm::Ed25519);
    publisher.rotate(RoleName::Targets, &key.public);
    publisher.targets.version = version(2);
    let (root, targets) = (file(&publisher.root, &[&publisher.root_key]), file(&publisher.targets, &[&key]));
    assert_eq!(replicas.a.post(GUN, &[("root", &root), ("targets", &targets)]).await.status, StatusCode::OK);
    // Its memory still has the first root, by which this would be signed with a strange key.
    publisher.targets.version = version(3);
    let targets = file(&publisher.targets, &[&key]);
    assert_eq!(replicas.b.post(GUN, &[("targets", &targets)]).await.status, StatusCode::OK);
    replicas.b.verify(GUN).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_on_several_servers_lose_nothing() {
    let replicas = Arc::new(replicas(BOUND).await);
    let publisher = Arc::new(replicas.known().await);
    let mut rounds = Vec::new();
    for number in 2..22 {
        let targets = file(&publisher.empty_targets(number), &[&publisher.targets_key]);
        for server in [replicas.a.clone(), replicas.b.clone()] {
            let targets = targets.clone();
            rounds.push(tokio::spawn(async move { (number, server.post(GUN, &[("targets", &targets)]).await) }));
        }
    }
    let mut won = Vec::new();
    for round in rounds {
        let (number, answer) = round.await.unwrap();
        match answer.status {
            StatusCode::OK => won.push(number),
            _ => assert_eq!(answer.code(), "VERSION"),
        }
    }
    let count = won.len();
    won.sort_unstable();
    won.dedup();
    assert_eq!(won.len(), count, "a version was acknowledged twice");
    let newest = *won.last().unwrap();
    for server in [&replicas.a, &replicas.b] {
        for number in &won {
            server.served(GUN, &format!("{number}.targets.json")).await;
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while server.version(GUN, "targets").await != newest {
            assert!(Instant::now() < deadline);
        }
        server.verify(GUN).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_renew_together_share_the_work() {
    let replicas = replicas(BOUND).await;
    for number in 0..40 {
        let publisher = replicas.a.server_held(&format!("registry.example/{number}")).await;
        replicas.a.publish_server_held(&publisher).await;
    }
    for server in [&replicas.a, &replicas.b] {
        server.pass(chrono::TimeDelta::days(8));
    }
    let (a, b) = tokio::join!(replicas.a.collections.renew_stale(), replicas.b.collections.renew_stale());
    assert_eq!((a.failed, b.failed), (0, 0));
    assert_eq!((a.skipped, b.skipped), (0, 0));
    assert_eq!(a.renewed + b.renewed, 40, "{a:?} {b:?}");
    for number in 0..40 {
        assert_eq!(replicas.a.version(&format!("registry.example/{number}"), "timestamp").await, 2);
    }
}
