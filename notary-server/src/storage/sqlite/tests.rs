//! What is special to SQLite: the file, its mode, its tables, its settings.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};

use super::{Sqlite, SqliteOptions};
use crate::storage::Storage;
use crate::storage::contract::{Fixture, at, full_set, gun, newest_version, storage_contract};

async fn open() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&directory.path().join("trust.db"), &SqliteOptions::default()).await.unwrap();
    Fixture::in_directory(store, directory)
}

storage_contract!(open);

pub(super) async fn open_at(path: &Path) -> Sqlite {
    Sqlite::open(path, &SqliteOptions::default()).await.unwrap()
}

/// A connection of our own, to look at or break what is stored.
pub(super) async fn intruder(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}
