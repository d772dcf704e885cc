//! The contract on Notary's own tables, and Notary's programs beside us.

use std::time::{Duration, Instant};

use notary_service::database::{Settings, Url, testing};

use super::Postgres;
use super::tests::{open_at, run};
use crate::storage::contract::{
    Fixture, at, file, file_of, full_set, gun, newest_version, role, sha256, storage_contract, version,
};
use crate::storage::sql::notary;
use crate::storage::sql::schema::{OpenError, Prepare};
use crate::storage::{Base, ChangeCursor, ChangeKind, ChangePage, PublishError, Storage, StorageError};

async fn open() -> Fixture {
    Fixture::new(open_at(notarys().await).await)
}

storage_contract! { any open }
storage_contract! { exact open }

/// A database as Notary's migrations leave it.
async fn notarys() -> Url {
    let url = testing::postgres();
    run(&url, notary::POSTGRES).await;
    url
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
    let refused = Postgres::open(url.clone(), Settings::default(), Prepare::Check).await.err().unwrap();
    assert!(matches!(refused, OpenError::NotMigrated { .. }) && refused.to_string().contains("migrate"), "{refused}");
    let store = open_at(url.clone()).await;
    assert!(store.is_shared_with_notary());
    assert_eq!(newest_version(&store, &gun("ex.test/a"), "root").await, Some(1));
    store.publish(&gun("ex.test/a"), Base::Any, vec![file("timestamp", 2)], at(0)).await.unwrap();
    // Opening again finds it as it was left.
    let again = Postgres::open(url, Settings::default(), Prepare::Check).await.unwrap();
    assert!(again.is_shared_with_notary());
    assert_eq!(newest_version(&again, &gun("ex.test/a"), "timestamp").await, Some(2));
}

#[tokio::test]
async fn versions_that_do_not_fit_are_refused_before_the_database_is_asked() {
    let store = open_at(notarys().await).await;
    let name = gun("ex.test/a");
    store.publish(&name, Base::Any, vec![file("root", 2_147_483_647)], at(0)).await.unwrap();
    let refused = store.publish(&name, Base::Any, vec![file("root", 2_147_483_648)], at(0)).await.unwrap_err();
    assert!(matches!(&refused, PublishError::Unavailable(StorageError::VersionTooLarge { .. })), "{refused}");
    assert!(refused.to_string().contains("root version 2147483648"), "{refused}");
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
async fn notarys_deletions_are_listed() {
    let url = notarys().await;
    let store = open_at(url.clone()).await;
    // Its column pads the empty digest.
    let deletion = "INSERT INTO changefeed (gun, version, sha256, category) VALUES ('ex.test/a', 0, '', 'deletion')";
    run(&url, &[deletion]).await;
    let page = ChangePage { gun: None, from: ChangeCursor::Newest, limit: 10 };
    assert_eq!(store.changes(&page).await.unwrap()[0].kind, ChangeKind::Deletion);
}

#[tokio::test]
async fn a_version_that_notary_is_just_storing_is_a_conflict_and_never_overwritten() {
    let url = notarys().await;
    let store = std::sync::Arc::new(open_at(url.clone()).await);
    let name = gun("ex.test/a");
    store.publish(&name, Base::Any, full_set(1), at(0)).await.unwrap();
    let pool = notary_service::database::PostgresPool::new(url, Settings::default());
    let mut other = pool.acquire().await.unwrap();
    for statement in ["BEGIN".to_owned(), insert("ex.test/a", "targets", 2).replace("'targets 2'", "'theirs'")] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *other).await.unwrap();
    }
    let ours = tokio::spawn({
        let (store, name) = (store.clone(), name.clone());
        async move { store.publish(&name, Base::Any, full_set(2), at(1)).await }
    });
    waiting(&store).await;
    sqlx::raw_sql("COMMIT").execute(&mut *other).await.unwrap();
    let refused = ours.await.unwrap().unwrap_err();
    assert!(matches!(&refused, PublishError::Conflict { role, .. } if role.as_str() == "targets"), "{refused}");
    assert_eq!(newest_version(&*store, &name, "root").await, Some(1));
}

#[tokio::test]
async fn a_collection_that_notary_is_just_deleting_has_moved() {
    let url = notarys().await;
    let store = std::sync::Arc::new(open_at(url.clone()).await);
    let name = gun("ex.test/a");
    store.publish(&name, Base::Any, full_set(1), at(0)).await.unwrap();
    let pool = notary_service::database::PostgresPool::new(url, Settings::default());
    let mut other = pool.acquire().await.unwrap();
    sqlx::raw_sql("BEGIN; DELETE FROM tuf_files WHERE gun = 'ex.test/a'").execute(&mut *other).await.unwrap();
    let base = Base::Timestamp(Some(sha256(b"timestamp 1")));
    let ours = tokio::spawn({
        let (store, name) = (store.clone(), name.clone());
        async move { store.publish(&name, base, vec![file("timestamp", 2)], at(1)).await }
    });
    waiting(&store).await;
    sqlx::raw_sql("COMMIT").execute(&mut *other).await.unwrap();
    let refused = ours.await.unwrap().unwrap_err();
    assert!(matches!(refused, PublishError::Moved), "{refused}");
    assert!(store.versions(&name).await.unwrap().is_empty(), "nothing of a deleted collection came back");
}

/// Until some transaction waits for another's lock.
async fn waiting(store: &Postgres) {
    let begun = Instant::now();
    let mut connection = store.pool.acquire().await.unwrap();
    loop {
        let count: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        )
        .fetch_one(&mut *connection)
        .await
        .unwrap();
        if count > 0 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "nobody waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_hundred_thousand_collections_are_adopted_and_walked_at_once() {
    const COUNT: usize = 100_000;
    let url = notarys().await;
    run(
        &url,
        &["INSERT INTO tuf_files (created_at, updated_at, gun, role, version, sha256, data) \
           SELECT now(), now(), 'ex.test/' || n, role, 1, encode(sha256(role::bytea), 'hex'), role::bytea \
           FROM generate_series(1, 100000) AS n, unnest('{root,timestamp}'::text[]) AS role"],
    )
    .await;
    let begun = Instant::now();
    let store = open_at(url).await;
    assert_eq!(newest_version(&store, &gun("ex.test/77"), "root").await, Some(1));
    let first = begun.elapsed();
    assert!(first < Duration::from_secs(2), "the first answer took {first:?}");
    store.publish(&gun("ex.test/77"), Base::Any, vec![file_of("timestamp", 2, "x")], at(0)).await.unwrap();
    let begun = Instant::now();
    assert_eq!(store.collections(None, u32::MAX).await.unwrap().len(), COUNT);
    assert!(begun.elapsed() < Duration::from_secs(20), "walking took {:?}", begun.elapsed());
    assert_eq!(store.stale_timestamps(at(10_000_000), None, 10).await.unwrap().len(), 10);
}
