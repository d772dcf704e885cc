//! A trust store in PostgreSQL, in tables of its own or in Notary's; TUF repositories in
//! tables of its own.

mod follow;
mod read;
mod wake;
mod write;

#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use notary_service::database::{PostgresPool, Settings, Url};

use self::follow::PostgresFeed;
use self::read::Place;
use self::wake::{Listening, Notifier};
use self::write::Writer;
use super::publication::Publication;
use super::sql::follow::Polling;
use super::sql::group::Group;
use super::sql::schema::{OpenError, Prepare};
use super::sql::{self, undone};
use super::tables::Tables;
use super::{
    Base, Change, ChangePage, FollowError, Follower, Head, NewFile, PublishError, Sha256, Storage, StorageError,
    StoredFile, StoredVersion,
};

/// See the module.
pub struct Postgres {
    pool: PostgresPool,
    writer: Arc<Writer>,
    group: Group,
    notifier: Notifier,
}

impl Postgres {
    /// Opens the database, with its tables made or adopted first if `prepare` says so. Must run within Tokio.
    ///
    /// # Errors
    /// If it cannot be reached, or its tables cannot be used.
    pub async fn open(url: Url, settings: Settings, prepare: Prepare) -> Result<Self, OpenError> {
        let pool = PostgresPool::new(url, settings);
        let is_shared = sql::schema::prepare(&pool, prepare).await?;
        let writer = Arc::new(Writer { pool: pool.clone(), tables: Tables::Notary, is_shared });
        let group = Group::start(&writer);
        Ok(Self { notifier: Notifier::start(pool.clone()), pool, writer, group })
    }

    /// The TUF repositories of the same database, over the same connections. Closing one closes both.
    #[must_use]
    pub fn tuf(&self) -> Self {
        let pool = self.pool.clone();
        let writer = Arc::new(Writer { pool: pool.clone(), tables: Tables::Tuf, is_shared: false });
        let group = Group::start(&writer);
        Self { notifier: Notifier::start(pool.clone()), pool, writer, group }
    }

    fn place(&self) -> Place<'_> {
        (self.writer.tables, &self.pool)
    }
}

#[async_trait]
impl Storage for Postgres {
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
        if self.writer.is_shared {
            sql::refuse_large_versions(&files)?;
        }
        self.group.publish(Publication { gun: gun.clone(), base, files, now }).await?;
        self.notifier.notify();
        Ok(())
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
        let (writer, gun) = (self.writer.clone(), gun.clone());
        let deletion = async move { undone::retried(|| writer.delete(&gun, now)).await };
        let deleted = sql::to_its_end("delete a collection", deletion).await?;
        if deleted {
            self.notifier.notify();
        }
        Ok(deleted)
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
        let (writer, gun, versions) = (self.writer.clone(), gun.clone(), versions.to_vec());
        let removal = async move { undone::retried(|| writer.remove(&gun, base, &versions)).await };
        sql::to_its_end("remove superseded versions", removal).await
    }

    async fn follow(&self) -> Result<Option<Box<dyn Follower>>, StorageError> {
        let listening = Listening::start(self.pool.url().clone());
        let polling =
            Polling::start(PostgresFeed { pool: self.pool.clone(), tables: self.writer.tables }, listening.wake())
                .await?;
        Ok(Some(Box::new(Woken { polling, _listening: listening })))
    }

    fn is_shared_with_notary(&self) -> bool {
        self.writer.is_shared
    }

    async fn check(&self) -> Result<(), StorageError> {
        read::check(self.place()).await
    }

    async fn close(&self) {
        self.group.close().await;
        self.pool.close().await;
    }
}

/// A follower and what wakes it.
struct Woken {
    polling: Polling<PostgresFeed>,
    _listening: Listening,
}

#[async_trait]
impl Follower for Woken {
    async fn catch_up(&mut self) -> Result<Vec<String>, FollowError> {
        self.polling.catch_up().await
    }

    async fn wait(&mut self, most: Duration) {
        self.polling.wait(most).await;
    }
}
