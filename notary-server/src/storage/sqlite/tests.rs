//! What is special to SQLite: the file, its mode, its settings, opening and closing.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::task::JoinSet;

use super::{OpenError, SchemaError, Sqlite, SqliteOptions};
use crate::storage::contract::apart::{a_name_lives_twice, roles_of_any_name_are_kept_apart};
use crate::storage::contract::{Fixture, at, file, file_of, full_set, gun, newest_version, role, storage_contract};
use crate::storage::tables::Tables;
use crate::storage::{Base, PublishError, Storage, StorageError};

async fn open() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = open_at(&directory.path().join("trust.db")).await;
    Fixture::in_directory(store, directory)
}

storage_contract!(open);

mod on_tuf_tables {
    use super::{Fixture, Tables, open_at, storage_contract};

    async fn open() -> Fixture {
        let directory = tempfile::tempdir().unwrap();
        let store = open_at(&directory.path().join("trust.db")).await;
        Fixture::in_directory(store.on(Tables::Tuf), directory)
    }

    storage_contract!(open);
}

#[tokio::test]
async fn the_dialects_are_apart() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_at(&directory.path().join("trust.db")).await;
    let tuf = store.on(Tables::Tuf);
    a_name_lives_twice(Arc::new(store), Arc::new(tuf)).await;
}

#[tokio::test]
async fn roles_of_any_name_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_at(&directory.path().join("trust.db")).await;
    roles_of_any_name_are_kept_apart(Arc::new(store.on(Tables::Tuf))).await;
}

#[tokio::test]
async fn a_database_of_the_release_before_gets_the_new_tables() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let store = open_at(&path).await;
    store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
    store.close().await;
    let before = "DROP TABLE tuf1_files; DROP TABLE tuf1_changes; UPDATE schema_migrations SET version = 1";
    let mut connection = intruder(&path).await;
    sqlx::raw_sql(before).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let store = open_at(&path).await;
    assert_eq!(newest_version(&store, &gun("ex.test/a"), "root").await, Some(1));
    store.on(Tables::Tuf).publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
}

pub(super) async fn open_at(path: &Path) -> Sqlite {
    Sqlite::open(path, &SqliteOptions::default()).await.unwrap()
}

/// A connection of our own, to look at or break what is stored.
pub(super) async fn intruder(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn the_database_and_its_log_are_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let store = open_at(&path).await;
    store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
    for name in ["trust.db", "trust.db-wal", "trust.db-shm"] {
        assert_eq!(mode(&directory.path().join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_commit_waits_for_the_disk_and_readers_cannot_write() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let store = open_at(&path).await;
    let options = SqliteOptions::default();
    let mut writer = options.writer(&path).connect().await.unwrap();
    for (pragma, expected) in [
        ("PRAGMA synchronous", "2"),
        ("PRAGMA journal_mode", "wal"),
        ("PRAGMA foreign_keys", "1"),
        ("PRAGMA cache_size", "-2048"),
        ("PRAGMA wal_autocheckpoint", "0"),
    ] {
        let text: String = match sqlx::query_scalar::<_, i64>(pragma).fetch_one(&mut writer).await {
            Ok(number) => number.to_string(),
            Err(_) => sqlx::query_scalar(pragma).fetch_one(&mut writer).await.unwrap(),
        };
        assert_eq!(text, expected, "{pragma}");
    }
    let refused = sqlx::query("DELETE FROM changefeed").execute(&store.file.readers).await.unwrap_err();
    assert!(refused.to_string().contains("readonly"), "{refused}");
    let refused =
        sqlx::query("INSERT INTO changefeed (created_at, gun, version, category) VALUES ('', '', 1, 'other')");
    assert!(refused.execute(&mut writer).await.unwrap_err().to_string().contains("FOREIGN KEY"));
}

#[tokio::test]
async fn a_closed_store_is_one_file_and_opens_with_everything_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    for number in 1..=3 {
        let store = open_at(&path).await;
        store.publish(&gun("ex.test/a"), Base::Any, full_set(number), at(0)).await.unwrap();
        assert_eq!(newest_version(&store, &gun("ex.test/a"), "timestamp").await, Some(number));
        store.close().await;
        let mut names: Vec<_> = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.retain(|name| name != "trust.db.lock");
        assert_eq!(names, ["trust.db"]);
    }
}

#[tokio::test]
async fn closing_finishes_what_came_and_refuses_what_comes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let store = Arc::new(open_at(&path).await);
    let mut publishers = JoinSet::new();
    for publisher in 0..40 {
        let store = store.clone();
        publishers.spawn(async move {
            let gun = gun(&format!("ex.test/{publisher}"));
            (publisher, store.publish(&gun, Base::Any, full_set(1), at(0)).await)
        });
    }
    tokio::task::yield_now().await;
    store.close().await;
    store.close().await;
    let published = publishers.join_all().await;
    let refused = store.publish(&gun("ex.test/late"), Base::Any, full_set(1), at(0)).await.unwrap_err();
    assert!(matches!(&refused, PublishError::Unavailable(StorageError::Backend { .. })), "{refused}");
    assert!(refused.to_string().contains("closed"), "{refused}");
    assert!(store.delete(&gun("ex.test/0"), at(0)).await.is_err());
    assert!(store.check().await.is_err());

    let store = open_at(&path).await;
    for (publisher, result) in published {
        let expected = result.is_ok().then_some(1);
        assert_eq!(newest_version(&store, &gun(&format!("ex.test/{publisher}")), "root").await, expected);
    }
}

#[tokio::test]
async fn the_log_does_not_grow_without_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let store = open_at(&path).await;
    for number in 1..=12 {
        let files = vec![file_of("targets", number, vec![b'x'; 3 << 20]), file("timestamp", number)];
        store.publish(&gun("ex.test/a"), Base::Any, files, at(0)).await.unwrap();
    }
    let log = directory.path().join("trust.db-wal").metadata().unwrap().len();
    assert!(log < 20 << 20, "36 MiB were published, the log has {} MiB", log >> 20);
}

#[tokio::test]
async fn relative_and_odd_paths_name_files() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["file:a?mode=memory", "a b%20c#d.db", ":memory:", "é.db"] {
        let path = directory.path().join(name);
        let store = open_at(&path).await;
        store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
        store.close().await;
        assert!(path.metadata().unwrap().len() > 0, "{name}");
    }
}

#[tokio::test]
async fn schemas_of_others_are_refused_and_left_alone() {
    let cases = [
        ("CREATE TABLE recipes (id INTEGER)", "recipes"),
        (
            "CREATE TABLE schema_migrations (version uint64, dirty bool); INSERT INTO schema_migrations VALUES (99, 0)",
            "newer",
        ),
        (
            "CREATE TABLE schema_migrations (version uint64, dirty bool); INSERT INTO schema_migrations VALUES (1, 1)",
            "interrupted",
        ),
    ];
    for (sql, words) in cases {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("trust.db");
        let mut connection = intruder(&path).await;
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let error = Sqlite::open(&path, &SqliteOptions::default()).await.unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, OpenError::Schema { .. }), "{message}");
        assert!(message.contains(words) && message.contains("trust.db"), "{message}");
        let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE type = 'table'")
            .fetch_one(&mut intruder(&path).await)
            .await
            .unwrap();
        assert_eq!(tables, 1);
    }
}

#[tokio::test]
async fn an_interrupted_creation_is_done_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    // What a crash between making the file and making the tables leaves.
    std::fs::write(&path, []).unwrap();
    let store = open_at(&path).await;
    store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
    let row: (i64, bool) = sqlx::query_as("SELECT version, dirty FROM schema_migrations")
        .fetch_one(&mut intruder(&path).await)
        .await
        .unwrap();
    assert_eq!(row, (super::schema::CURRENT, false));
}

#[tokio::test]
async fn a_lock_held_by_another_program_is_waited_for_then_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let options = SqliteOptions { busy_timeout: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = Sqlite::open(&path, &options).await.unwrap();
    let mut other = intruder(&path).await;
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let refused = store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap_err();
    assert!(matches!(refused, PublishError::Unavailable(_)) && refused.to_string().contains("locked"), "{refused}");
    assert!(store.delete(&gun("ex.test/a"), at(0)).await.is_err());
    assert_eq!(store.newest(&gun("ex.test/a"), &role("root")).await.unwrap(), None);
    sqlx::raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
}

#[test]
fn schema_errors_say_what_to_do() {
    assert!(SchemaError::Dirty { version: 3 }.to_string().contains("restore a backup"));
    assert!(SchemaError::Newer { found: 9, known: 1 }.to_string().contains("use a newer release"));
}

#[tokio::test]
async fn a_database_in_use_is_refused_and_given_back_when_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.db");
    let first = open_at(&path).await;
    let second = Sqlite::open(&path, &SqliteOptions::default()).await.unwrap_err().to_string();
    assert!(second.contains("trust.db is in use by another server"), "{second}");
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let linked = Sqlite::open(&link, &SqliteOptions::default()).await.unwrap_err().to_string();
    assert!(linked.contains("is in use by another server"), "{linked}");
    first.close().await;
    open_at(&path).await.close().await;
}
