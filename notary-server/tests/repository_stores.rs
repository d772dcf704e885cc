//! TUF repositories in a database: several servers on it, and what operators run beside them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use http::{Method, StatusCode};
use libtrust::dialect::Dialect;
use libtrust::names::{Gun, RoleName};
use libtrust::testing::version;
use notary_server::maintenance::check::{Finding, check};
use notary_server::maintenance::each_name;
use notary_server::maintenance::gc::{Collected, Retention, collect_garbage};
use notary_server::signer::OnlineSigner;
use notary_server::signer::local::LocalSigner;
use notary_server::storage::Base;
use notary_server::storage::sqlite::{Sqlite, SqliteOptions};
use notary_server::storage::tables::Tables;
use support::repository::{Key, Online, Publisher, file};
use support::shared_store::Database;
use support::{GUN, Server, Setup};

const OK: StatusCode = StatusCode::OK;

#[tokio::test]
async fn one_file_keeps_both_dialects_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let signer: Arc<dyn OnlineSigner> = Arc::new(LocalSigner::memory());
    let open = async || {
        let store = Sqlite::open(&folder.path().join("trust.db"), &SqliteOptions::default()).await.unwrap();
        let tuf = store.on(Tables::Tuf);
        let setup =
            Setup { storage: Arc::new(store), tuf_storage: Arc::new(tuf), signer: signer.clone(), ..Setup::default() };
        Server::with(setup)
    };
    let server = open().await;
    let mut publisher = Publisher::new(&server, GUN, Online::Server).await;
    let key = Key::new();
    publisher.delegate("å/%", &key);
    assert_eq!(server.put_first(GUN, &publisher).await.status, OK);
    assert_eq!(server.put(GUN, &[("%C3%A5%2F%25", &file(&publisher.role(1, &["t"]), &[&key]))]).await.status, OK);
    let notary = server.server_held(GUN).await;
    assert_eq!(server.publish_server_held(&notary).await.status, OK);
    server.storage.close().await;

    let server = open().await;
    server.verify(GUN).await;
    let reader = server.reader(GUN, &publisher.root_file());
    assert_eq!(reader.refresh(server.now()).await.unwrap(), [1, 2, 2, 1]);
    assert_eq!(reader.find(server.now(), "t").await.unwrap(), "å/%");
}

/// Until the follower has seen what was written.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(60)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_publishes_or_deletes_another_serves() {
    let database = Arc::new(Database::default());
    let signer: Arc<dyn OnlineSigner> = Arc::new(LocalSigner::memory());
    let server = async || {
        let setup = Setup {
            tuf_storage: database.door(),
            signer: signer.clone(),
            max_staleness: Duration::from_millis(20),
            ..Setup::default()
        };
        let server = Server::with(setup);
        server.tuf.keep_coherent().await;
        server
    };
    let (one, other) = (server().await, server().await);
    let mut publisher = Publisher::new(&one, GUN, Online::Server).await;
    assert_eq!(one.put_first(GUN, &publisher).await.status, OK);
    let reader = other.reader(GUN, &publisher.root_file());
    assert_eq!(reader.refresh(other.now()).await.unwrap(), [1, 1, 1, 1]);
    publisher.targets.version = version(2);
    assert_eq!(one.put(GUN, &[("targets", &publisher.targets_file())]).await.status, OK);
    settle().await;
    assert_eq!(reader.refresh(other.now()).await.unwrap(), [1, 2, 2, 2]);

    // Another repository under the name, with the same versions: nothing of the old one is left in memory.
    assert_eq!(one.request(Method::DELETE, &format!("/tuf/{GUN}/")).await.status, OK);
    settle().await;
    assert_eq!(other.metadata(GUN, "1.targets.json").await.status, StatusCode::NOT_FOUND);
    let publisher = Publisher::new(&one, GUN, Online::Server).await;
    assert_eq!(one.put_first(GUN, &publisher).await.status, OK);
    settle().await;
    assert_eq!(other.metadata(GUN, "1.targets.json").await.body, publisher.targets_file());
    other.reader(GUN, &publisher.root_file()).refresh(other.now()).await.unwrap();
}

/// A repository with a delegation, published three times.
async fn grown() -> (Server, Publisher) {
    let server = Server::new();
    let mut publisher = Publisher::new(&server, GUN, Online::Server).await;
    let key = Key::new();
    publisher.delegate("a/b", &key);
    let role = |number| file(&publisher.role(number, &["t"]), &[&key]);
    let (root, targets, roles) = (publisher.root_file(), publisher.targets_file(), [role(1), role(2), role(3)]);
    let parts: [(&str, &[u8]); 3] = [("root", &root), ("targets", &targets), ("a%2Fb", &roles[0])];
    assert_eq!(server.put(GUN, &parts).await.status, OK);
    for role in &roles[1..] {
        assert_eq!(server.put(GUN, &[("a%2Fb", role)]).await.status, OK);
    }
    publisher.root.version = version(2);
    assert_eq!(server.put(GUN, &[("root", &publisher.root_file())]).await.status, OK);
    (server, publisher)
}

#[tokio::test]
async fn garbage_is_what_no_reader_is_led_to() {
    let (server, publisher) = grown().await;
    server.pass(TimeDelta::days(1));
    let retention = Retention { older_than: TimeDelta::hours(1), is_dry_run: false };
    let mut removed = Vec::new();
    let report = |_: &str, collected: &Collected| removed.push(collected.clone());
    let storage = server.tuf.storage();
    let totals = collect_garbage(Dialect::Tuf, storage, retention, server.now(), report).await.unwrap();
    // Of a/b two, of snapshot two, of timestamp three; both roots stay, though nothing names them.
    assert_eq!(totals.versions, 7, "{removed:?}");
    let first = server.metadata(GUN, "1.root.json").await.body;
    assert_eq!(server.reader(GUN, &first).refresh(server.now()).await.unwrap(), [2, 4, 3, 1]);
    assert_eq!(server.reader(GUN, &publisher.root_file()).find(server.now(), "t").await.unwrap(), "a/b");
}

async fn findings(server: &Server, signer: Option<&dyn OnlineSigner>) -> Vec<String> {
    let mut found = Vec::new();
    let report = |finding: &Finding| found.push(finding.to_string());
    check(Dialect::Tuf, server.tuf.storage(), signer, server.now(), report).await.unwrap();
    found
}

#[tokio::test]
async fn a_check_walks_as_readers_do() {
    let (server, _) = grown().await;
    assert_eq!(findings(&server, Some(server.tuf.signer())).await, Vec::<String>::new());
    let elsewhere = LocalSigner::memory();
    assert_eq!(findings(&server, Some(&elsewhere)).await, Vec::<String>::new(), "its owner may sign timestamps");

    let gun: Gun = GUN.parse().unwrap();
    let lost = [(RoleName::in_tuf("a/b").unwrap(), version(3)), (RoleName::Root, version(1))];
    server.tuf.storage().remove_versions(&gun, Base::Any, &lost).await.unwrap();
    let found = findings(&server, None).await;
    assert!(found[0].starts_with(&format!("fault: {GUN} (TUF), a/b: the file that is named, version 3")), "{found:?}");
    assert_eq!(found.len(), 1, "{found:?}");
}

#[tokio::test]
async fn a_name_in_both_dialects_is_listed_once() {
    let (server, _) = grown().await;
    let notary = server.server_held(GUN).await;
    server.publish_server_held(&notary).await;
    let other = server.server_held("registry.example/other").await;
    server.publish_server_held(&other).await;
    let mut names = Vec::new();
    let stores = [server.collections.storage(), server.tuf.storage()];
    let listed = each_name::<()>(&stores, |name| {
        names.push(name.to_owned());
        Ok(())
    });
    listed.await.unwrap().unwrap();
    assert_eq!(names, ["registry.example/other", GUN]);
}
