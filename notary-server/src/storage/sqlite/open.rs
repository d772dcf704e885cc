//! Opening a database file: created by us with its mode, then handed to SQLite.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::schema::{self, SchemaError};

/// Why a database cannot be used. Every message names the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The file is not there and cannot be made, or cannot be opened for writing.
    #[error("cannot open or create the database file {}: {cause}", path.display())]
    File {
        /// The database file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// Another server uses it.
    #[error(
        "the database {} is in use by another server, which would not see what this one stores; stop it, or give this \
         one a database of its own",
        path.display()
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// SQLite refuses it.
    #[error("cannot use the database {}: {cause}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// SQLite's words: `file is not a database`.
        cause: String,
    },
    /// The file system cannot do what durability and concurrent reads need.
    #[error(
        "cannot use the database {}: SQLite's write-ahead log does not work there (journal mode is {mode}); put it on \
         a local file system",
        path.display()
    )]
    NoWriteAheadLog {
        /// The database file.
        path: PathBuf,
        /// The journal mode SQLite chose instead.
        mode: String,
    },
    /// Its tables are not ones we can use.
    #[error("cannot use the database {}: {cause}", path.display())]
    Schema {
        /// The database file.
        path: PathBuf,
        /// What is wrong and what to do.
        cause: SchemaError,
    },
}

/// Makes the file if there is none, readable by its owner alone. SQLite gives the same mode to its log and index.
pub(super) fn create_file(path: &Path) -> io::Result<()> {
    let new = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
    match new {
        Ok(file) => {
            file.sync_all()?;
            // The name must be as durable as what will be stored under it.
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            OpenOptions::new().read(true).write(true).open(path).map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Takes the lock beside the file, which the system gives back however the process ends. Not on the file itself: closing
/// it would release SQLite's own locks.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let failed = |cause| OpenError::File { path: PathBuf::from(&name), cause };
    let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Connects the writer for the first time: proves the journal mode and brings the tables up to date.
pub(super) async fn first_connection(
    path: &Path,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, OpenError> {
    let database = |error: sqlx::Error| OpenError::Database { path: path.to_owned(), cause: error.to_string() };
    let mut connection = options.connect().await.map_err(database)?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.map_err(database)?;
    let prepared = if mode == "wal" {
        schema::upgrade(&mut connection).await.map_err(|cause| OpenError::Schema { path: path.to_owned(), cause })
    } else {
        Err(OpenError::NoWriteAheadLog { path: path.to_owned(), mode })
    };
    match prepared {
        Ok(()) => Ok(connection),
        Err(error) => {
            // Closing undoes an unfinished upgrade; the first error says more than one from closing.
            drop(connection.close().await);
            Err(error)
        }
    }
}
