//! The one writer: many callers, one transaction, one wait for the disk.
//!
//! While a commit waits for the disk, the next callers queue; the writer then takes all of them into one transaction.
//! Each is judged in its turn, so a refusal costs the others nothing. If inserting fails, the transaction is undone
//! and each publication is tried again in one of its own: only those that fail by themselves are told so. Nobody is
//! answered before the commit.

use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Row};
use tokio::sync::{mpsc, oneshot};

use super::backend;
use super::batch::{self, Undone};
use crate::storage::publication::{Publication, Verdict};
use crate::storage::tables::Tables;
use crate::storage::{Base, StorageError};

/// A group takes no more callers than this,
const GROUP_JOBS: usize = 128;
/// and stops taking more at this many bytes: files are copied for SQLite, which bounds the memory that takes.
const GROUP_BYTES: u64 = 8 << 20;
/// The log is copied into the database when about this much was added to it.
const CHECKPOINT_BYTES: u64 = 8 << 20;
/// Readers that overlap for ever keep the log from starting over; from this many pages (64 MiB) on, writing pauses
/// until they have moved on.
const LOG_PAGES_MAX: i64 = (64 << 20) / 4096;

/// Some work and who waits for it. A caller who went away is not an obstacle: the work is done all the same.
pub(super) enum Job {
    Publish {
        tables: Tables,
        publication: Publication,
        answer: oneshot::Sender<Verdict>,
    },
    Delete {
        tables: Tables,
        gun: Gun,
        now: DateTime<Utc>,
        answer: oneshot::Sender<Result<bool, StorageError>>,
    },
    Remove {
        tables: Tables,
        gun: Gun,
        base: Base,
        versions: Vec<(RoleName, Version)>,
        answer: oneshot::Sender<Result<bool, StorageError>>,
    },
    /// Any statement outside a transaction, for tests that break things.
    #[cfg(test)]
    Statement {
        sql: &'static str,
        answer: oneshot::Sender<Result<bool, StorageError>>,
    },
}

pub(super) struct Writer {
    pub(super) options: SqliteConnectOptions,
    /// None after a failure that left it in an unknown state.
    pub(super) connection: Option<SqliteConnection>,
    pub(super) jobs: mpsc::Receiver<Job>,
    /// Bytes added to the log since it was last copied into the database.
    pub(super) logged: u64,
}

impl Writer {
    /// Works until every sender is gone and the queue is empty; then copies the log and closes the database.
    pub(super) async fn run(mut self) {
        let mut ahead = None;
        loop {
            let job = match ahead.take() {
                Some(job) => Some(job),
                None => self.jobs.recv().await,
            };
            match job {
                None => break,
                Some(Job::Publish { tables, publication, answer }) => {
                    ahead = self.publish_with_others(tables, publication, answer).await
                }
                // A caller who no longer waits misses nothing, here and below.
                Some(Job::Delete { tables, gun, now, answer }) => {
                    drop(answer.send(self.delete(tables, &gun, now).await));
                }
                Some(Job::Remove { tables, gun, base, versions, answer }) => {
                    drop(answer.send(self.remove(tables, &gun, base, &versions).await));
                }
                #[cfg(test)]
                Some(Job::Statement { sql, answer }) => drop(answer.send(self.statement(sql).await)),
            }
            if self.logged >= CHECKPOINT_BYTES {
                self.checkpoint().await;
            }
        }
        self.finish().await;
    }

    /// Publishes this and what else is queued, within the limits of a group. Returns a job that was taken from the
    /// queue but is no publication on these tables.
    async fn publish_with_others(
        &mut self,
        tables: Tables,
        first: Publication,
        answer: oneshot::Sender<Verdict>,
    ) -> Option<Job> {
        let mut ahead = None;
        let mut weight = batch::weight(&first);
        let (mut publications, mut answers) = (vec![first], vec![answer]);
        while publications.len() < GROUP_JOBS && weight < GROUP_BYTES {
            match self.jobs.try_recv() {
                Ok(Job::Publish { tables: same, publication, answer }) if same == tables => {
                    weight = weight.saturating_add(batch::weight(&publication));
                    publications.push(publication);
                    answers.push(answer);
                }
                Ok(other) => {
                    ahead = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        self.logged = self.logged.saturating_add(weight);
        let publications: Vec<_> = publications.iter().collect();
        for (answer, verdict) in answers.into_iter().zip(self.publish(tables, &publications).await) {
            drop(answer.send(verdict));
        }
        ahead
    }

    async fn publish(&mut self, tables: Tables, publications: &[&Publication]) -> Vec<Verdict> {
        match self.transaction(tables, publications).await {
            Ok(verdicts) => verdicts,
            Err(Undone::Inserting(_)) if publications.len() > 1 => {
                let mut verdicts = Vec::with_capacity(publications.len());
                for publication in publications {
                    match self.transaction(tables, &[*publication]).await {
                        Ok(verdict) => verdicts.extend(verdict),
                        Err(Undone::Together(error) | Undone::Inserting(error)) => verdicts.push(Err(error.into())),
                    }
                }
                verdicts
            }
            Err(Undone::Together(error) | Undone::Inserting(error)) => {
                publications.iter().map(|_| Err(error.clone().into())).collect()
            }
        }
    }

    async fn transaction(&mut self, tables: Tables, publications: &[&Publication]) -> Result<Vec<Verdict>, Undone> {
        let connection = self.connection().await.map_err(Undone::Together)?;
        let done = batch::store(tables, connection, publications).await;
        if done.is_err() {
            self.undo().await;
        }
        done
    }

    async fn delete(&mut self, tables: Tables, gun: &Gun, now: DateTime<Utc>) -> Result<bool, StorageError> {
        let done = batch::delete(tables, self.connection().await?, gun, now).await;
        if done.is_err() {
            self.undo().await;
        }
        done.map_err(backend("delete a collection"))
    }

    async fn remove(
        &mut self,
        tables: Tables,
        gun: &Gun,
        base: Base,
        versions: &[(RoleName, Version)],
    ) -> Result<bool, StorageError> {
        let done = batch::remove(tables, self.connection().await?, gun, base, versions).await;
        if done.is_err() {
            self.undo().await;
        }
        done.map_err(backend("remove superseded versions"))
    }

    #[cfg(test)]
    async fn statement(&mut self, sql: &'static str) -> Result<bool, StorageError> {
        let done = sqlx::query(sql).execute(self.connection().await?).await;
        done.map(|_| true).map_err(backend("run a statement"))
    }

    async fn connection(&mut self) -> Result<&mut SqliteConnection, StorageError> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(backend("open the database again"))?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Leaves no transaction behind. After some failures SQLite has ended it already, and after others it cannot:
    /// then the connection goes, and its transaction with it.
    async fn undo(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match sqlx::query("ROLLBACK").execute(&mut connection).await {
            Ok(_) => self.connection = Some(connection),
            Err(_) => drop(connection.close().await),
        }
    }

    /// Copies the log into the database. Callers have their answers already; a failure costs only space.
    async fn checkpoint(&mut self) {
        self.logged = 0;
        let Some(connection) = &mut self.connection else { return };
        let passive = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *connection).await;
        let done = match passive.and_then(|row| row.try_get::<i64, _>(1)) {
            Ok(pages) if pages > LOG_PAGES_MAX => {
                sqlx::query("PRAGMA wal_checkpoint(RESTART)").fetch_one(connection).await.map(drop)
            }
            other => other.map(drop),
        };
        if let Err(error) = done {
            tracing::warn!(%error, "the database's log could not be copied into it; will be tried again");
        }
    }

    async fn finish(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let copied = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await;
        if let Err(error) = copied.map(drop).and(connection.close().await) {
            tracing::warn!(%error, "the database was not closed in order; nothing is lost");
        }
    }
}
