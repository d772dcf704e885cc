//! Removing old versions leaves readers and publishers what they need; checking names every fault and nothing else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use http::StatusCode;
use libtrust::dialect::Dialect;
use libtrust::keys::KeyAlgorithm;
use libtrust::names::{Gun, RoleName};
use libtrust::testing::{Key, Publisher, file, version};
use notary_server::maintenance::check::{Finding, Weight, check};
use notary_server::maintenance::gc::{Collected, Retention, Totals, collect_garbage};
use notary_server::signer::local::LocalSigner;
use notary_server::storage::sqlite::{Sqlite, SqliteOptions};
use notary_server::storage::{Base, NewFile, Storage};
use ring::digest::{SHA256, digest};
use support::{GUN, Server, Setup};

const DAY: TimeDelta = TimeDelta::days(1);

fn gun() -> Gun {
    GUN.parse().unwrap()
}

fn new_file(role: RoleName, number: u64, bytes: &[u8]) -> NewFile {
    let sha256 = digest(&SHA256, bytes).as_ref().try_into().unwrap();
    NewFile { role, version: version(number), bytes: Bytes::copy_from_slice(bytes), sha256 }
}

async fn store(server: &Server, role: RoleName, number: u64, bytes: &[u8]) {
    let files = vec![new_file(role, number, bytes)];
    server.storage.publish(&gun(), Base::Any, files, server.now()).await.unwrap();
}

async fn remove(server: &Server, role: RoleName, number: u64) {
    server.storage.remove_versions(&gun(), Base::Any, &[(role, version(number))]).await.unwrap();
}

/// A server that has nothing in memory.
fn restarted(server: &Server) -> Server {
    let after = Server::with(Setup { storage: server.storage.clone(), ..Setup::default() });
    after.pass(server.now() - after.now());
    after
}

async fn gc(server: &Server, days: i64, is_dry_run: bool) -> (Totals, Vec<Collected>) {
    let retention = Retention { older_than: TimeDelta::days(days), is_dry_run };
    let mut told = Vec::new();
    let told_of = |_: &str, collected: &Collected| told.push(collected.clone());
    let totals =
        collect_garbage(Dialect::Notary, server.storage.as_ref(), retention, server.now(), told_of).await.unwrap();
    (totals, told)
}

async fn stored(server: &Server) -> usize {
    server.storage.versions(&gun()).await.unwrap().len()
}

/// Three roots, five targets, a delegation of the first day, ten days apart.
async fn history(server: &Server) -> Publisher {
    let mut publisher = server.server_held(GUN).await;
    let delegate = Key::new(KeyAlgorithm::Ed25519);
    publisher.delegate("targets/a", &[&delegate]);
    let delegation = file(&publisher.empty_targets(1), &[&delegate]);
    let (root, targets) = (publisher.root_file(), publisher.targets_file());
    let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("targets/a", &delegation)];
    assert_eq!(server.post(GUN, &parts).await.status, StatusCode::OK);
    for number in 2..=5 {
        server.pass(DAY * 10);
        publisher.targets.version = version(number);
        let targets = publisher.targets_file();
        let mut parts: Vec<(&str, &[u8])> = vec![("targets", &targets)];
        publisher.root.version = version(number.min(3));
        let root = publisher.root_file();
        if number <= 3 {
            parts.push(("root", &root));
        }
        assert_eq!(server.post(GUN, &parts).await.status, StatusCode::OK);
    }
    publisher
}

#[tokio::test]
async fn old_versions_go_and_nobody_misses_them() {
    let server = Server::new();
    let mut publisher = history(&server).await;
    let before = stored(&server).await;
    // Targets, snapshots and timestamps 1 and 2: the third of each came 20 days ago.
    let (planned, _) = gc(&server, 15, true).await;
    assert_eq!((planned.collections, planned.versions, stored(&server).await), (1, 6, before));
    let (done, told) = gc(&server, 15, false).await;
    assert_eq!((done, stored(&server).await), (planned, before - 6));
    let Collected::Removed(roles) = &told[0] else { panic!("{told:?}") };
    assert_eq!(roles.values().copied().collect::<Vec<_>>(), [2, 2, 2]);
    assert_eq!(gc(&server, 15, false).await.0.versions, 0);
    let after = restarted(&server);
    after.verify(GUN).await;
    for number in 1..=3 {
        after.served(GUN, &format!("{number}.root.json")).await;
    }
    after.served(GUN, "targets/a.json").await;
    assert_eq!(after.file(GUN, "2.targets.json").await.status, StatusCode::NOT_FOUND);
    after.served(GUN, "3.targets.json").await;
    publisher.targets.version = version(2);
    let answer = server.post(GUN, &[("targets", &publisher.targets_file())]).await;
    assert_eq!(answer.code(), "VERSION", "versions never restart");
    publisher.targets.version = version(6);
    assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_was_replaced_lately_stays_however_old_it_is() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    server.pass(DAY * 100);
    publisher.targets.version = version(2);
    assert_eq!(server.post(GUN, &[("targets", &publisher.targets_file())]).await.status, StatusCode::OK);
    server.pass(DAY);
    assert_eq!(gc(&server, 30, false).await.0.versions, 0);
    server.pass(DAY * 30);
    assert_eq!(gc(&server, 30, false).await.0.versions, 3);
    assert!(findings(&server).await.iter().all(|finding| finding.weight == Weight::Warning));
    server.verify(GUN).await;
}

#[tokio::test]
async fn what_the_current_snapshot_names_stays_even_if_a_newer_version_is_stored() {
    let server = Server::new();
    let mut publisher = server.server_held(GUN).await;
    server.publish_server_held(&publisher).await;
    publisher.targets.version = version(9);
    store(&server, RoleName::Targets, 9, &publisher.targets_file()).await;
    server.pass(DAY * 100);
    assert_eq!(gc(&server, 0, false).await.0.versions, 0);
    assert!(findings(&server).await.iter().all(|finding| finding.weight == Weight::Warning));
    server.verify(GUN).await;
}

#[tokio::test]
async fn a_collection_with_a_fault_is_left_as_it_is() {
    let server = Server::new();
    history(&server).await;
    remove(&server, RoleName::Snapshot, 5).await;
    let before = stored(&server).await;
    let (totals, _) = gc(&server, 0, false).await;
    assert_eq!((totals.left, totals.versions, stored(&server).await), (1, 0, before));
}

async fn findings(server: &Server) -> Vec<Finding> {
    let mut found = Vec::new();
    let totals =
        check(Dialect::Notary, server.storage.as_ref(), None, server.now(), |finding| found.push(finding.clone()))
            .await
            .unwrap();
    let of = |weight| found.iter().filter(|finding| finding.weight == weight).count() as u64;
    assert_eq!((totals.faults, totals.warnings), (of(Weight::Fault), of(Weight::Warning)));
    found
}

/// Exactly one finding of this weight about this role, and what it says.
async fn one(server: &Server, weight: Weight, role: &RoleName) -> String {
    let found = findings(server).await;
    let matching: Vec<_> = found.iter().filter(|f| f.weight == weight && f.role.as_ref() == Some(role)).collect();
    assert_eq!(matching.len(), 1, "{found:#?}");
    let text = matching[0].to_string();
    assert!(text.contains(GUN), "{text}");
    text
}

#[tokio::test]
async fn a_sound_collection_has_no_finding() {
    let server = Server::new();
    history(&server).await;
    let publisher = server.client_held("registry.example/other").await;
    server.publish_client_held(&publisher).await;
    assert_eq!(findings(&server).await, []);
    gc(&server, 0, false).await;
    assert_eq!(findings(&server).await, []);
}

#[tokio::test]
async fn a_missing_file_is_a_fault() {
    for role in [RoleName::Snapshot, RoleName::Targets] {
        let server = Server::new();
        history(&server).await;
        remove(&server, role.clone(), 5).await;
        assert!(one(&server, Weight::Fault, &role).await.contains("is not stored"), "{role}");
    }
    let server = Server::new();
    history(&server).await;
    remove(&server, "targets/a".parse().unwrap(), 1).await;
    one(&server, Weight::Fault, &"targets/a".parse().unwrap()).await;
}

#[tokio::test]
async fn a_root_that_does_not_follow_is_a_fault() {
    let server = Server::new();
    history(&server).await;
    let stranger = Publisher::new(GUN, server.now(), &server.key(GUN, "timestamp").await, None);
    let mut root = stranger.root.clone();
    root.version = version(4);
    store(&server, RoleName::Root, 4, &file(&root, &[&stranger.root_key])).await;
    let text = one(&server, Weight::Fault, &RoleName::Root).await;
    assert!(text.contains("root version 4") && text.contains("could not rotate trust"), "{text}");
    remove(&server, RoleName::Root, 4).await;
    remove(&server, RoleName::Root, 2).await;
    let text = one(&server, Weight::Warning, &RoleName::Root).await;
    assert!(text.contains("between this and version 1 are missing"), "{text}");
}

#[tokio::test]
async fn a_file_of_another_version_or_with_other_bytes_is_a_fault() {
    let server = Server::new();
    let publisher = history(&server).await;
    store(&server, RoleName::Targets, 7, &publisher.targets_file()).await;
    assert!(one(&server, Weight::Fault, &RoleName::Targets).await.contains("it says that it is version 5"));
    remove(&server, RoleName::Targets, 7).await;
    let mut spoiled = new_file(RoleName::Targets, 7, &publisher.targets_file());
    spoiled.bytes = Bytes::from_static(b"{}");
    server.storage.publish(&gun(), Base::Any, vec![spoiled], server.now()).await.unwrap();
    assert!(one(&server, Weight::Fault, &RoleName::Targets).await.contains("not those of its digest"));
}

#[tokio::test]
async fn a_timestamp_nobody_signed_is_a_fault() {
    let server = Server::new();
    history(&server).await;
    let forged = String::from_utf8(server.served(GUN, "timestamp.json").await).unwrap();
    store(&server, RoleName::Timestamp, 6, forged.replace("\"version\":5}", "\"version\":6}").as_bytes()).await;
    assert!(
        one(&server, Weight::Fault, &RoleName::Timestamp).await.contains("valid signatures did not meet threshold")
    );
}

#[tokio::test]
async fn what_expired_is_a_warning_with_its_date() {
    let server = Server::new();
    history(&server).await;
    server.pass(DAY * 15);
    let text = one(&server, Weight::Warning, &RoleName::Timestamp).await;
    assert!(text.contains("expired on 20"), "{text}");
    assert!(findings(&server).await.iter().all(|finding| finding.weight == Weight::Warning));
    server.pass(DAY * (365 * 11));
    assert!(findings(&server).await.iter().any(|finding| finding.what.contains("no certificate in it is valid")));
}

#[tokio::test]
async fn what_nothing_names_is_a_warning() {
    let server = Server::new();
    let mut publisher = history(&server).await;
    publisher.targets.version = version(9);
    store(&server, RoleName::Targets, 9, &publisher.targets_file()).await;
    assert!(one(&server, Weight::Warning, &RoleName::Targets).await.contains("nothing names it; version 5 is current"));
}

#[tokio::test]
async fn a_signer_without_the_timestamp_key_is_a_fault() {
    let signer = Arc::new(LocalSigner::memory());
    let server = Server::with(Setup { signer: signer.clone(), ..Setup::default() });
    history(&server).await;
    let with = async |signer: &LocalSigner| {
        let mut found = Vec::new();
        let report = |finding: &Finding| found.push(finding.to_string());
        check(Dialect::Notary, server.storage.as_ref(), Some(signer), server.now(), report).await.unwrap();
        found
    };
    assert_eq!(with(&signer).await, [""; 0]);
    let found = with(&LocalSigner::memory()).await;
    assert!(found.len() == 1 && found[0].contains("holds 0 of the 1 keys"), "{found:?}");
}

fn run(arguments: &[&str]) -> (Output, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notary-server"));
    let output = command.args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

/// A configuration over a database with one collection of which only a timestamp is there.
async fn broken_database(folder: &Path) -> String {
    let database = folder.join("trust.db");
    let store = Sqlite::open(&database, &SqliteOptions::default()).await.unwrap();
    let timestamp = new_file(RoleName::Timestamp, 1, b"{}");
    store.publish(&gun(), Base::Any, vec![timestamp], libtrust::testing::now()).await.unwrap();
    store.close().await;
    drop(store);
    let config = folder.join("config.json");
    let text = serde_json::json!({
        "server": {"http_addr": "127.0.0.1:0"},
        "trust_service": {"type": "local"},
        "storage": {"backend": "sqlite3", "db_url": database},
    });
    std::fs::write(&config, text.to_string()).unwrap();
    config.display().to_string()
}

#[tokio::test]
async fn the_command_tells_faults_by_line_and_by_status() {
    let folder = tempfile::tempdir().unwrap();
    let config = broken_database(folder.path()).await;
    let (output, out, err) = run(&["check", "--config", &config]);
    assert_eq!(output.status.code(), Some(1), "{out}{err}");
    assert!(out.contains(&format!("fault: {GUN}, timestamp")), "{out}{err}");
    let (_, out, _) = run(&["check", "--config", &config, "--output", "json"]);
    for line in out.lines() {
        let _: serde_json::Value = serde_json::from_str(line).unwrap();
    }
    let (output, out, err) = run(&["gc", "--config", &config, "--older-than", "1d", "--output", "json"]);
    assert!(output.status.success(), "{err}");
    let last: serde_json::Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(last, serde_json::json!({"collections": 1, "versions": 0, "moved": 0, "left": 1, "dry_run": false}));
}

#[tokio::test]
async fn the_list_of_collections_ends_with_their_number() {
    let folder = tempfile::tempdir().unwrap();
    let config = broken_database(folder.path()).await;
    let (output, out, err) = run(&["collections", "--config", &config]);
    assert!(output.status.success(), "{err}");
    assert!(out.starts_with(&format!("{GUN}\n# 1 collections at 2")) && out.ends_with("Z\n"), "{out}");
}

#[test]
fn the_command_makes_no_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none");
    for command in ["gc", "check", "collections"] {
        let (output, _, err) = run(&[command, "--data-dir", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(err.contains("is no data folder"), "{err}");
        assert!(!path.exists());
    }
}
