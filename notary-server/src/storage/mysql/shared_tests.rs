//! The contract on Notary's own tables, which compare names without case, and Notary's programs beside us.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use notary_service::database::{MySqlPool, Settings, Url, testing};
use sqlx::{AssertSqlSafe, Executor as _};

use super::MySql;
use super::tests::open_at;
use crate::storage::contract::{
    Fixture, at, file, full_set, gun, newest_version, role, sha256, storage_contract, version,
};
use crate::storage::sql::notary;
use crate::storage::sql::schema::{OpenError, Prepare};
use crate::storage::{Base, ChangeCursor, ChangeKind, ChangePage, PublishError, Storage, StorageError};

async fn open() -> Fixture {
    Fixture::new(open_at(notarys().await).await)
}

storage_contract! { any open }

/// A database as Notary's migrations leave it.
async fn notarys() -> Url {
    let url = testing::mariadb();
    run(&url, notary::MYSQL).await;
    url
}

/// Runs statements on a connection of their own, as another program would.
async fn run(url: &Url, statements: &[&str]) {
    let pool = MySqlPool::new(url.clone(), Settings::default());
    let mut connection = pool.acquire().await.unwrap();
    for statement in statements {
        (*connection).execute(AssertSqlSafe(*statement)).await.unwrap();
    }
    connection.release();
}

/// What Notary's server inserts for a file.
fn insert(gun: &str, role: &str, number: u64) -> String {
    let digest = hex::encode(sha256(format!("{role} {number}").as_bytes()));
    format!(
        "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data) \
         VALUES (now(), now(), '{gun}', '{role}', {number}, '{digest}', '{role} {number}')"
    )
}

/// What is ours alone is not bound by Notary's columns.
mod on_tuf_tables {
    use super::{Fixture, notarys, open_at, storage_contract};

    async fn open() -> Fixture {
        Fixture::new(open_at(notarys().await).await.tuf())
    }

    storage_contract!(open);
}

#[tokio::test]
async fn notarys_tables_are_used_in_place() {
    let url = notarys().await;
    run(&url, &[&insert("ex.test/a", "root", 1), &insert("ex.test/a", "timestamp", 1)]).await;
    let refused = MySql::open(url.clone(), Settings::default(), Prepare::Check).await.err().unwrap();
    assert!(matches!(refused, OpenError::NotMigrated { .. }) && refused.to_string().contains("migrate"), "{refused}");
    let store = open_at(url.clone()).await;
    assert!(store.is_shared_with_notary());
    assert_eq!(newest_version(&store, &gun("ex.test/a"), "root").await, Some(1));
    store.publish(&gun("ex.test/a"), Base::Any, vec![file("timestamp", 2)], at(0)).await.unwrap();
    let again = MySql::open(url, Settings::default(), Prepare::Check).await.unwrap();
    assert!(again.is_shared_with_notary());
    assert_eq!(newest_version(&again, &gun("ex.test/a"), "timestamp").await, Some(2));
}

#[tokio::test]
async fn names_that_differ_only_in_case_are_refused_with_both_named() {
    let store = open_at(notarys().await).await;
    store.publish(&gun("ex.test/app"), Base::Any, full_set(1), at(0)).await.unwrap();
    let other = gun("ex.test/App");
    assert!(store.newest(&other, &role("root")).await.unwrap().is_none(), "another name's file is not this name's");
    assert!(store.head(&other).await.unwrap().is_none());
    for files in [full_set(1), full_set(2)] {
        let refused = store.publish(&other, Base::Any, files, at(0)).await.unwrap_err();
        assert!(matches!(refused, PublishError::NameTaken { .. }), "{refused}");
        assert!(
            refused.to_string().contains("ex.test/App") && refused.to_string().contains("ex.test/app"),
            "{refused}"
        );
    }
    store.delete(&other, at(1)).await.unwrap();
    assert_eq!(newest_version(&store, &gun("ex.test/app"), "root").await, Some(1));
}

#[tokio::test]
async fn versions_that_do_not_fit_are_refused_before_the_database_is_asked() {
    let store = open_at(notarys().await).await;
    let name = gun("ex.test/a");
    store.publish(&name, Base::Any, vec![file("root", 2_147_483_647)], at(0)).await.unwrap();
    let refused = store.publish(&name, Base::Any, vec![file("root", 2_147_483_648)], at(0)).await.unwrap_err();
    assert!(matches!(&refused, PublishError::Unavailable(StorageError::VersionTooLarge { .. })), "{refused}");
    assert_eq!(store.by_version(&name, &role("root"), version(1 << 40)).await.unwrap(), None);
}

#[tokio::test]
async fn rows_without_a_digest_are_read_and_deleted_rows_hold_their_versions() {
    let url = notarys().await;
    let store = open_at(url.clone()).await;
    let name = gun("ex.test/a");
    store.publish(&name, Base::Any, full_set(1), at(0)).await.unwrap();
    store.publish(&name, Base::Any, full_set(2), at(0)).await.unwrap();
    run(&url, &["UPDATE tuf_files SET sha256 = NULL"]).await;
    let head = store.head(&name).await.unwrap().unwrap();
    assert_eq!((head.version, head.sha256), (version(2), sha256(b"timestamp 2")));
    assert_eq!(store.newest(&name, &role("root")).await.unwrap().unwrap().sha256, sha256(b"root 2"));
    assert!(store.versions(&name).await.unwrap().iter().all(Result::is_ok));
    store.publish(&name, Base::Timestamp(Some(head.sha256)), vec![file("timestamp", 3)], at(1)).await.unwrap();
    run(&url, &["UPDATE tuf_files SET deleted_at = now() WHERE role = 'root' AND version = 2"]).await;
    assert_eq!(newest_version(&store, &name, "root").await, Some(1));
    let refused = store.publish(&name, Base::Any, vec![file("root", 2)], at(1)).await.unwrap_err();
    assert!(matches!(refused, PublishError::Conflict { .. }), "{refused}");
}

#[tokio::test]
async fn times_are_utc_in_a_server_of_another_zone_and_the_hour_it_leaves_out_stops_nobody() {
    let url = notarys().await;
    let store = open_at(url.clone()).await;
    let name = gun("ex.test/a");
    let time = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    // As Notary writes it: UTC, as if it were the server's own time.
    let theirs = insert("ex.test/a", "targets", 1).replace("now()", "'2026-07-01 10:00:00'");
    run(&url, &[&theirs]).await;
    let found = store.newest(&name, &role("targets")).await.unwrap().unwrap();
    assert_eq!(found.stored_at, time("2026-07-01T10:00:00Z"));
    // No clock in New York ever says so.
    let (left_out, end) = (time("2026-03-08T02:30:00Z"), time("2026-03-08T03:00:00Z"));
    store.publish(&name, Base::Any, full_set(2), left_out).await.unwrap();
    assert_eq!(store.newest(&name, &role("timestamp")).await.unwrap().unwrap().stored_at, end);
    for written in ["2026-11-01T01:30:00Z", "2026-07-01T23:59:59Z"].map(time) {
        assert!(store.delete(&name, left_out).await.unwrap());
        store.publish(&name, Base::Any, full_set(2), written).await.unwrap();
        assert_eq!(store.newest(&name, &role("timestamp")).await.unwrap().unwrap().stored_at, written);
    }
}

#[tokio::test]
async fn notarys_deletions_are_listed() {
    let url = notarys().await;
    let store = open_at(url.clone()).await;
    let deletion = "INSERT INTO changefeed (gun, version, sha256, category) VALUES ('ex.test/a', 0, '', 'deletion')";
    run(&url, &[deletion]).await;
    let page = ChangePage { gun: None, from: ChangeCursor::Newest, limit: 10 };
    assert_eq!(store.changes(&page).await.unwrap()[0].kind, ChangeKind::Deletion);
}

#[tokio::test]
async fn a_version_that_notary_is_just_storing_is_a_conflict_and_never_overwritten() {
    let url = notarys().await;
    let store = Arc::new(open_at(url.clone()).await);
    let name = gun("ex.test/a");
    store.publish(&name, Base::Any, full_set(1), at(0)).await.unwrap();
    let pool = MySqlPool::new(url, Settings::default());
    let mut other = pool.acquire().await.unwrap();
    for statement in ["BEGIN".to_owned(), insert("ex.test/a", "targets", 2).replace("'targets 2'", "'theirs'")] {
        (*other).execute(AssertSqlSafe(statement)).await.unwrap();
    }
    let ours = tokio::spawn({
        let (store, name) = (store.clone(), name.clone());
        async move { store.publish(&name, Base::Any, full_set(2), at(1)).await }
    });
    // Whether it already waits or comes later, theirs was first.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    (*other).execute("COMMIT").await.unwrap();
    let refused = ours.await.unwrap().unwrap_err();
    assert!(matches!(&refused, PublishError::Conflict { role, .. } if role.as_str() == "targets"), "{refused}");
    assert_eq!(newest_version(&*store, &name, "root").await, Some(1));
}
