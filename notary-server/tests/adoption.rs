//! Collections that another server left behind, and a database that Notary's programs share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use http::StatusCode;
use libtrust::dialect::Dialect;
use libtrust::metadata::{Root, Snapshot, Timestamp};
use libtrust::names::{Gun, RoleName};
use libtrust::testing::{Publisher, file, version};
use notary_server::storage::{Base, NewFile, Storage};
use ring::digest::{SHA256, digest};
use support::shared_store::Database;
use support::{GUN, Server, Setup, parse};

const DAY: TimeDelta = TimeDelta::days(1);

fn on(storage: Arc<dyn Storage>) -> Server {
    Server::with(Setup { storage, ..Setup::default() })
}

fn stored(role: RoleName, number: u64, bytes: Vec<u8>) -> NewFile {
    let sha256 = digest(&SHA256, &bytes).as_ref().try_into().unwrap();
    NewFile { role, version: version(number), bytes: Bytes::from(bytes), sha256 }
}

/// Leaves a file behind that no timestamp names, as a server that died between two writes.
async fn leave(server: &Server, role: RoleName, number: u64, bytes: &[u8]) {
    let gun: Gun = GUN.parse().unwrap();
    let file = stored(role, number, bytes.to_vec());
    server.storage.publish(&gun, Base::Any, vec![file], server.now()).await.unwrap();
}

async fn remove(server: &Server, role: RoleName, number: u64) {
    let gun: Gun = GUN.parse().unwrap();
    assert!(server.storage.remove_versions(&gun, Base::Any, &[(role, version(number))]).await.unwrap());
}

#[tokio::test]
async fn a_snapshot_without_a_timestamp_is_stepped_over() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    let snapshot = server.served(GUN, "snapshot.json").await;
    leave(&server, RoleName::Snapshot, 7, &snapshot).await;
    publisher.targets.version = version(2);
    assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
    assert_eq!(server.version(GUN, "snapshot").await, 8);
    server.verify(GUN).await;
}

#[tokio::test]
async fn renewal_steps_over_it_too() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    let snapshot = server.served(GUN, "snapshot.json").await;
    leave(&server, RoleName::Snapshot, 7, &snapshot).await;
    server.pass(DAY * (3 * 365 - 100));
    let done = server.collections.renew_stale().await;
    assert_eq!((done.renewed, done.failed), (1, 0));
    assert_eq!((server.version(GUN, "snapshot").await, server.version(GUN, "timestamp").await), (8, 2));
    server.verify(GUN).await;
}

#[tokio::test]
async fn a_torn_collection_is_repaired_by_a_whole_new_set() {
    for lost in [RoleName::Snapshot, RoleName::Root] {
        let server = Server::new();
        let mut publisher = server.server_held(GUN).await;
        server.publish_server_held(&publisher).await;
        publisher.root.version = version(2);
        publisher.targets.version = version(2);
        let (root, targets) = (publisher.root_file(), publisher.targets_file());
        assert_eq!(server.post(GUN, &[("root", &root), ("targets", &targets)]).await.status, StatusCode::OK);
        remove(&server, lost.clone(), 2).await;
        // A server that has nothing of it in memory.
        let after = Server::with(Setup { storage: server.storage.clone(), ..Setup::default() });
        assert_eq!(after.file(GUN, "timestamp.json").await.status, StatusCode::INTERNAL_SERVER_ERROR, "{lost}");
        publisher.root.version = version(if lost == RoleName::Root { 2 } else { 3 });
        for role in ["timestamp", "snapshot"] {
            let answer = after.request(http::Method::POST, &format!("/v2/{GUN}/_trust/tuf/{role}.key")).await;
            publisher.rotate(role.parse().unwrap(), &support::public_key(&answer.body));
        }
        let root = publisher.root_file();
        let refused = after.post(GUN, &[("root", &root)]).await;
        assert_ne!(refused.status, StatusCode::OK, "without targets it would stay broken");
        publisher.targets.version = version(3);
        let targets = publisher.targets_file();
        let answer = after.post(GUN, &[("root", &root), ("targets", &targets)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{lost}: {}", String::from_utf8_lossy(&answer.body));
        after.verify(GUN).await;
    }
}

#[tokio::test]
async fn a_torn_collection_is_not_taken_over_by_another_root() {
    let server = Server::new();
    let publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    remove(&server, RoleName::Snapshot, 1).await;
    let after = on(server.storage.clone());
    let request = |role: &str| format!("/v2/{GUN}/_trust/tuf/{role}.key");
    let (timestamp, snapshot) = (
        after.request(http::Method::POST, &request("timestamp")).await,
        after.request(http::Method::POST, &request("snapshot")).await,
    );
    let keys = [timestamp, snapshot].map(|answer| support::public_key(&answer.body));
    let mut other = Publisher::new(GUN, after.now(), &keys[0], Some(&keys[1]));
    other.root.version = version(2);
    other.targets.version = version(2);
    let answer = after.post(GUN, &[("root", &other.root_file()), ("targets", &other.targets_file())]).await;
    assert!(answer.refusal().starts_with("ErrBadRoot: could not rotate trust"), "{}", answer.refusal());
}

/// A server on a database that Notary shares.
fn beside_notary() -> Server {
    let door = Arc::new(Database::default()).door();
    door.switches.set(|s| &s.is_shared_with_notary, true);
    on(door)
}

#[tokio::test]
async fn beside_notary_a_file_in_another_form_is_refused_and_says_how_to_go_on() {
    for (role, name) in [("targets", "ErrBadTargets"), ("root", "ErrBadRoot"), ("snapshot", "ErrBadSnapshot")] {
        let server = beside_notary();
        let publisher = server.client_held(GUN).await;
        let mut files =
            [("root", publisher.root_file()), ("targets", publisher.targets_file()), ("snapshot", Vec::new())];
        // White space changes no signature, but every digest.
        let spaced = |bytes: &[u8]| [b"{ ", &bytes[1..]].concat();
        for (_, bytes) in files.iter_mut().filter(|(other, _)| *other == role && role != "snapshot") {
            *bytes = spaced(bytes);
        }
        let named: [(&RoleName, &[u8]); 2] = [(&RoleName::Root, &files[0].1), (&RoleName::Targets, &files[1].1)];
        let snapshot = publisher.snapshot_file(1, &named);
        files[2].1 = if role == "snapshot" { spaced(&snapshot) } else { snapshot };
        let parts: Vec<(&str, &[u8])> = files.iter().map(|(role, bytes)| (*role, bytes.as_slice())).collect();
        let answer = server.post(GUN, &parts).await;
        assert!(answer.refusal().starts_with(name), "{}", answer.refusal());
        assert!(answer.refusal().contains("migrate --leave-notary"), "{}", answer.refusal());
        assert_eq!(server.file(GUN, "root.json").await.status, StatusCode::NOT_FOUND);
        // Elsewhere it is taken.
        let server = Server::new();
        let publisher = server.client_held(GUN).await;
        let targets = spaced(&publisher.targets_file());
        let root = publisher.root_file();
        let named: [(&RoleName, &[u8]); 2] = [(&RoleName::Root, &root), (&RoleName::Targets, &targets)];
        let snapshot = publisher.snapshot_file(1, &named);
        let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("snapshot", &snapshot)];
        assert_eq!(server.post(GUN, &parts).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn beside_notary_what_clients_and_this_server_write_is_in_its_form() {
    let server = beside_notary();
    let mut publisher = server.server_held(GUN).await;
    publisher.tag(20, 1);
    publisher.delegate("targets/a", &[]);
    assert_eq!(server.publish_server_held(&publisher).await.status, StatusCode::OK);
    server.pass(DAY * (3 * 365 - 100));
    assert_eq!(server.collections.renew_stale().await.renewed, 1);
    fn is_in_form<T: libtrust::dialect::Spelled>(role: &RoleName, bytes: &[u8]) {
        let envelope = parse(role, bytes);
        assert!(Dialect::Notary.is_written_so(&envelope, &T::decode(&envelope).unwrap()), "{role}");
    }
    is_in_form::<Root>(&RoleName::Root, &server.served(GUN, "root.json").await);
    is_in_form::<Snapshot>(&RoleName::Snapshot, &server.served(GUN, "snapshot.json").await);
    is_in_form::<Timestamp>(&RoleName::Timestamp, &server.served(GUN, "timestamp.json").await);
}

#[tokio::test]
async fn a_timestamp_in_another_zone_is_read_and_followed() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    let zoned = String::from_utf8(server.served(GUN, "timestamp.json").await).unwrap();
    let (before, rest) = zoned.split_once("\"expires\":\"").unwrap();
    let (date, after) = rest.split_once('"').unwrap();
    let date = chrono::DateTime::parse_from_rfc3339(date).unwrap();
    let date = date.with_timezone(&chrono::FixedOffset::east_opt(9 * 3600).unwrap());
    let zoned = format!("{before}\"expires\":\"{}.614293351+09:00\"{after}", date.format("%Y-%m-%dT%H:%M:%S"));
    let zoned = zoned.replace("\"version\":1}", "\"version\":2}");
    leave(&server, RoleName::Timestamp, 2, zoned.as_bytes()).await;
    let server = Server::with(Setup { storage: server.storage.clone(), ..Setup::default() });
    assert_eq!(server.served(GUN, "timestamp.json").await, zoned.as_bytes());
    publisher.root.version = version(2);
    for role in ["timestamp", "snapshot"] {
        publisher.rotate(role.parse().unwrap(), &server.key(GUN, role).await);
    }
    publisher.targets.version = version(2);
    let root = file(&publisher.root, &[&publisher.root_key]);
    let parts: [(&str, &[u8]); 2] = [("root", &root), ("targets", &publisher.targets_file())];
    assert_eq!(server.post(GUN, &parts).await.status, StatusCode::OK);
    assert_eq!(server.version(GUN, "timestamp").await, 3);
    server.verify(GUN).await;
}
