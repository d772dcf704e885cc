//! Disks that fill up, files that rot, rows that make no sense.

use std::path::Path;
use std::sync::Arc;

use sqlx::Connection;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::tests::{intruder, open_at};
use super::writer::Job;
use super::{OpenError, Sqlite, SqliteOptions};
use crate::storage::contract::{at, file, file_of, full_set, gun, newest_version, role, version};
use crate::storage::{Base, ChangeCursor, ChangePage, PublishError, Storage, StorageError};

async fn fresh() -> (TempDir, Arc<Sqlite>) {
    let directory = tempfile::tempdir().unwrap();
    let store = open_at(&directory.path().join("trust.db")).await;
    (directory, Arc::new(store))
}

/// Runs a statement on the writer's own connection.
async fn on_writer(store: &Sqlite, sql: &'static str) {
    store.file.ask("test", |answer: oneshot::Sender<_>| Job::Statement { sql, answer }).await.unwrap().unwrap();
}

async fn break_rows(directory: &TempDir, sql: &'static str) {
    let mut connection = intruder(&directory.path().join("trust.db")).await;
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn changes(store: &Sqlite) -> usize {
    let page = ChangePage { gun: None, from: ChangeCursor::After(0), limit: 1000 };
    store.changes(&page).await.unwrap().len()
}

#[tokio::test]
async fn garbage_is_refused_by_name_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let garbage = vec![0xA5; 20_000];
    std::fs::write(&path, &garbage).unwrap();
    let error = Sqlite::open(&path, &SqliteOptions::default()).await.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, OpenError::Database { .. }), "{message}");
    assert!(message.contains("trust.db") && message.contains("not a database"), "{message}");
    assert!(std::fs::read(&path).unwrap() == garbage);
}

#[tokio::test]
async fn places_where_no_file_can_be_made_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    // /proc refuses new files to everybody, a directory without write permission not to root.
    let places = [
        Path::new("/proc/trust.db"),
        &directory.path().join("missing/trust.db"),
        &directory.path().join("file/trust.db"),
        directory.path(),
    ];
    for path in places {
        let error = Sqlite::open(path, &SqliteOptions::default()).await.unwrap_err();
        assert!(matches!(error, OpenError::File { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_tears_nothing_and_is_survived() {
    let (_directory, store) = fresh().await;
    let gun = gun("ex.test/a");
    store.publish(&gun, Base::Any, full_set(1), at(0)).await.unwrap();
    on_writer(&store, "PRAGMA max_page_count = 1").await;
    for _ in 0..3 {
        let large = vec![file("timestamp", 2), file_of("targets", 2, vec![b'x'; 1 << 20]), file("snapshot", 2)];
        // The limit is the connection's; set it again should the failure have cost the connection.
        on_writer(&store, "PRAGMA max_page_count = 1").await;
        let refused = store.publish(&gun, Base::Any, large, at(1)).await.unwrap_err();
        assert!(matches!(refused, PublishError::Unavailable(_)) && refused.to_string().contains("full"), "{refused}");
        for name in ["root", "targets", "snapshot", "timestamp"] {
            assert_eq!(newest_version(&*store, &gun, name).await, Some(1), "{name}");
        }
        assert_eq!(changes(&store).await, 1);
    }
    on_writer(&store, "PRAGMA max_page_count = 1000000").await;
    store.publish(&gun, Base::Any, full_set(2), at(2)).await.unwrap();
    assert_eq!(newest_version(&*store, &gun, "targets").await, Some(2));
    assert_eq!(changes(&store).await, 2);
}

/// Publishes for `ex.test/bad` and for others at once; returns who succeeded.
async fn publish_with_a_bad_neighbour(store: &Arc<Sqlite>) -> Vec<(String, bool)> {
    let mut publishers = JoinSet::new();
    for name in ["ex.test/1", "ex.test/bad", "ex.test/2", "ex.test/3", "ex.test/4"] {
        let store = store.clone();
        publishers.spawn(async move {
            (name.to_owned(), store.publish(&gun(name), Base::Any, full_set(1), at(0)).await.is_ok())
        });
    }
    publishers.join_all().await
}

#[tokio::test]
async fn only_the_publication_that_fails_by_itself_is_refused() {
    for raise in [
        "CREATE TRIGGER bad BEFORE INSERT ON tuf_files WHEN NEW.gun = 'ex.test/bad' AND NEW.role = 'snapshot' \
         BEGIN SELECT RAISE(ABORT, 'bad'); END",
        // Takes the whole transaction with it, and with it the writer's idea of being in one.
        "CREATE TRIGGER bad BEFORE INSERT ON tuf_files WHEN NEW.gun = 'ex.test/bad' AND NEW.role = 'snapshot' \
         BEGIN SELECT RAISE(ROLLBACK, 'bad'); END",
    ] {
        let (directory, store) = fresh().await;
        break_rows(&directory, raise).await;
        for (name, stored) in publish_with_a_bad_neighbour(&store).await {
            assert_eq!(stored, name != "ex.test/bad");
            for role in ["root", "timestamp"] {
                assert_eq!(newest_version(&*store, &gun(&name), role).await, stored.then_some(1), "{name}");
            }
        }
        assert_eq!(changes(&store).await, 4);
    }
}

#[tokio::test]
async fn without_its_change_nothing_is_stored() {
    let (directory, store) = fresh().await;
    break_rows(&directory, "CREATE TRIGGER bad BEFORE INSERT ON changefeed BEGIN SELECT RAISE(ABORT, 'bad'); END")
        .await;
    let refused = store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap_err();
    assert!(matches!(refused, PublishError::Unavailable(_)), "{refused}");
    assert_eq!(newest_version(&*store, &gun("ex.test/a"), "root").await, None);
    break_rows(&directory, "DROP TRIGGER bad").await;
    store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
    break_rows(&directory, "CREATE TRIGGER bad BEFORE INSERT ON changefeed BEGIN SELECT RAISE(ABORT, 'bad'); END")
        .await;
    store.delete(&gun("ex.test/a"), at(1)).await.unwrap_err();
    assert_eq!(newest_version(&*store, &gun("ex.test/a"), "root").await, Some(1));
}

#[tokio::test]
async fn rows_that_make_no_sense_are_named() {
    for (sql, expected) in [
        ("UPDATE tuf_files SET version = -4 WHERE id = 2", "table tuf_files, row 2: column version is -4"),
        ("UPDATE tuf_files SET version = 'new' WHERE id = 2", "table tuf_files, row 2: column version cannot be read"),
        ("UPDATE tuf_files SET sha256 = 'abc' WHERE id = 2", "table tuf_files, row 2: column sha256 is not 64 hex"),
        ("UPDATE tuf_files SET data = x'00' WHERE id = 2", "table tuf_files, row 2: column sha256 is not the digest"),
        ("UPDATE tuf_files SET created_at = 'now' WHERE id = 2", "table tuf_files, row 2: column created_at \"now\""),
    ] {
        let (directory, store) = fresh().await;
        store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
        break_rows(&directory, sql).await;
        let error = store.newest(&gun("ex.test/a"), &role("targets")).await.unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { table: "tuf_files", row: 2, .. }), "{error}");
        assert!(error.to_string().starts_with(expected), "{error}");
        // The rest is as good as before.
        assert_eq!(newest_version(&*store, &gun("ex.test/a"), "root").await, Some(1));
        if sql.contains("version") {
            let refused = store.publish(&gun("ex.test/a"), Base::Any, full_set(2), at(1)).await.unwrap_err();
            assert!(matches!(refused, PublishError::Unavailable(StorageError::Corrupt { row: 2, .. })), "{refused}");
            assert_eq!(newest_version(&*store, &gun("ex.test/a"), "root").await, Some(1));
        }
        store.publish(&gun("ex.test/b"), Base::Any, full_set(1), at(1)).await.unwrap();
    }
}

#[tokio::test]
async fn changes_that_make_no_sense_are_named() {
    for (sql, column) in [
        ("UPDATE changefeed SET version = 0", "version"),
        ("UPDATE changefeed SET sha256 = NULL", "sha256"),
        ("UPDATE changefeed SET created_at = ''", "created_at"),
    ] {
        let (directory, store) = fresh().await;
        store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
        break_rows(&directory, sql).await;
        let page = ChangePage { gun: None, from: ChangeCursor::Newest, limit: 10 };
        let error = store.changes(&page).await.unwrap_err();
        let named =
            matches!(error, StorageError::Corrupt { table: "changefeed", row: 1, column: c, .. } if c == column);
        assert!(named, "{error}");
    }
}

#[tokio::test]
async fn a_damaged_file_is_an_error_and_never_wrong_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("trust.db");
    let store = open_at(&path).await;
    let name = gun("ex.test/a");
    for number in 1..=40 {
        store
            .publish(&name, Base::Any, vec![file_of("targets", number, vec![number as u8; 9_000])], at(0))
            .await
            .unwrap();
    }
    store.close().await;
    let sound = std::fs::read(&path).unwrap();
    let mut errors = 0;
    for damage in 0..8 {
        let mut bytes = sound.clone();
        let start = 8_192 + damage * (sound.len() - 8_192) / 8;
        let end = (start + 6_000).min(bytes.len());
        bytes[start..end].fill(0x5A);
        std::fs::write(&path, &bytes).unwrap();
        let Ok(store) = Sqlite::open(&path, &SqliteOptions::default()).await else {
            errors += 1;
            continue;
        };
        for number in 1..=40 {
            match store.by_version(&name, &role("targets"), version(number)).await {
                Ok(Some(found)) => assert!(found.bytes == vec![number as u8; 9_000]),
                Ok(None) => {}
                Err(_) => errors += 1,
            }
        }
        store.close().await;
    }
    assert!(errors > 0, "the damage went unnoticed");
}
