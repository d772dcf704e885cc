//! A trust store in one SQLite file.
//!
//! One connection writes, for many callers at once (`writer.rs`); a few others read, each statement from a snapshot of
//! its own. The file is created with mode 0600; SQLite gives its log (`-wal`) and index (`-shm`) the same. WAL mode
//! and `synchronous=FULL` are not up for choice: what is acknowledged is on disk.

mod batch;
mod open;
mod options;
mod read;
mod row;
mod schema;
mod time;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use sqlx::sqlite::SqlitePool;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

pub use self::open::OpenError;
pub use self::options::SqliteOptions;
pub use self::schema::SchemaError;

use self::read::Place;
use self::writer::{Job, Writer};
use super::publication::Publication;
use super::tables::Tables;
use super::{
    Base, Change, ChangePage, Head, NewFile, PublishError, Sha256, Storage, StorageError, StoredFile, StoredVersion,
};

const WRITER_GONE: &str = "the writer has stopped";

/// See the module. Both sets of tables are in one file, with one writer.
#[derive(Debug)]
pub struct Sqlite {
    file: Arc<DatabaseFile>,
    tables: Tables,
}

/// An open database.
#[derive(Debug)]
struct DatabaseFile {
    readers: SqlitePool,
    /// None once closed.
    jobs: RwLock<Option<mpsc::Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held until closed: caches in front of a store know only their own process.
    lock: RwLock<Option<File>>,
}

impl Sqlite {
    /// Opens the database at `path`; makes the file and its tables if there are none. Must run within Tokio.
    ///
    /// # Errors
    /// If the file cannot be created or opened, is used by another server, is no database, has tables of another program or a newer release, or
    /// lies where write-ahead logging does not work.
    pub async fn open(path: &Path, options: &SqliteOptions) -> Result<Self, OpenError> {
        let file_error = |cause| OpenError::File { path: path.to_owned(), cause };
        open::create_file(path).map_err(file_error)?;
        // Absolute, so that no spelling of it is a URI to SQLite; without links, so that there is one lock.
        let path = &path.canonicalize().map_err(file_error)?;
        let lock = open::lock(path)?;
        let writer_options = options.writer(path);
        let connection = open::first_connection(path, &writer_options).await?;
        let (jobs, queue) = mpsc::channel(options.queue.max(1));
        let writer = Writer { options: writer_options, connection: Some(connection), jobs: queue, logged: 0 };
        let file = DatabaseFile {
            readers: options.readers(path),
            jobs: RwLock::new(Some(jobs)),
            writer: Mutex::new(Some(tokio::spawn(writer.run()))),
            lock: RwLock::new(Some(lock)),
        };
        Ok(Self { file: Arc::new(file), tables: Tables::Notary })
    }

    /// The other dialect's tables in the same file. Closing one closes both.
    #[must_use]
    pub fn on(&self, tables: Tables) -> Self {
        Self { file: self.file.clone(), tables }
    }

    fn place(&self) -> Place<'_> {
        (self.tables, &self.file.readers)
    }
}

impl DatabaseFile {
    /// Refuses what comes, finishes what came, copies the log into the database and closes it. What was acknowledged
    /// is safe without this; it only leaves a tidier folder and a faster start.
    async fn close(&self) {
        self.jobs.write().unwrap_or_else(PoisonError::into_inner).take();
        self.readers.close().await;
        if let Some(writer) = self.writer.lock().await.take() {
            // A writer that panicked has nothing left to close.
            drop(writer.await);
        }
        self.lock.write().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The way to the writer.
    fn jobs(&self, action: &'static str) -> Result<mpsc::Sender<Job>, StorageError> {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner).clone();
        let unavailable = |cause: &str| StorageError::Backend { action, cause: cause.to_owned() };
        let jobs = jobs.ok_or_else(|| unavailable("the store is closed"))?;
        if jobs.is_closed() { Err(unavailable(WRITER_GONE)) } else { Ok(jobs) }
    }

    /// Hands a job to the writer and waits for its answer.
    async fn ask<T>(
        &self,
        action: &'static str,
        job: impl FnOnce(oneshot::Sender<T>) -> Job,
    ) -> Result<T, StorageError> {
        let gone = || StorageError::Backend { action, cause: WRITER_GONE.to_owned() };
        let jobs = self.jobs(action)?;
        let (answer, verdict) = oneshot::channel();
        let sent = jobs.send(job(answer)).await;
        // A writer that is to stop waits for every sender to go.
        drop(jobs);
        sent.map_err(|_| gone())?;
        verdict.await.map_err(|_| gone())
    }
}

#[async_trait]
impl Storage for Sqlite {
    async fn publish(
        &self,
        gun: &Gun,
        base: Base,
        files: Vec<NewFile>,
        now: DateTime<Utc>,
    ) -> Result<(), PublishError> {
        if files.is_empty() {
            return Ok(());
        }
        let publication = Publication { gun: gun.clone(), base, files, now };
        self.file.ask("publish", |answer| Job::Publish { tables: self.tables, publication, answer }).await?
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError> {
        read::newest(self.place(), gun, role).await
    }

    async fn head(&self, gun: &Gun) -> Result<Option<Head>, StorageError> {
        read::head(self.place(), gun).await
    }

    async fn by_checksum(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: &Sha256,
    ) -> Result<Option<StoredFile>, StorageError> {
        read::by_checksum(self.place(), gun, role, sha256).await
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> Result<Option<StoredFile>, StorageError> {
        read::by_version(self.place(), gun, role, version).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> Result<bool, StorageError> {
        self.file.ask("delete", |answer| Job::Delete { tables: self.tables, gun: gun.clone(), now, answer }).await?
    }

    async fn changes(&self, page: &ChangePage) -> Result<Vec<Change>, StorageError> {
        read::changes(self.place(), page).await
    }

    async fn stale_timestamps(
        &self,
        stored_before: DateTime<Utc>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StorageError> {
        read::stale_timestamps(self.place(), stored_before, after, limit).await
    }

    async fn collections(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StorageError> {
        read::collections(self.place(), after, limit).await
    }

    async fn versions(&self, gun: &Gun) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
        read::versions(self.place(), gun).await
    }

    async fn remove_versions(
        &self,
        gun: &Gun,
        base: Base,
        versions: &[(RoleName, Version)],
    ) -> Result<bool, StorageError> {
        let (gun, versions) = (gun.clone(), versions.to_vec());
        self.file
            .ask("remove superseded versions", |answer| Job::Remove {
                tables: self.tables,
                gun,
                base,
                versions,
                answer,
            })
            .await?
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.file.jobs("reach the writer")?;
        read::check(self.place()).await
    }

    async fn close(&self) {
        self.file.close().await;
    }
}

/// Puts a failure of SQLite into our words.
fn backend(action: &'static str) -> impl FnOnce(sqlx::Error) -> StorageError {
    move |error| StorageError::Backend { action, cause: error.to_string() }
}
