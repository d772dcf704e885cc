//! One store that several servers share, with followers that a test can hold up, break and lose.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use notary_server::storage::memory::Memory;
use notary_server::storage::{
    Base, Change, ChangePage, FollowError, Follower, Head, NewFile, PublishError, Sha256, Storage, StorageError,
    StoredFile, StoredVersion,
};
use tokio::sync::Notify;

/// What the servers have in common.
#[derive(Default)]
pub struct Database {
    memory: Memory,
    written: Mutex<Vec<String>>,
    news: Notify,
}

impl Database {
    /// The door of one server.
    pub fn door(self: &Arc<Self>) -> Arc<Door> {
        Arc::new(Door { database: self.clone(), switches: Arc::default(), heads: AtomicU32::new(0) })
    }

    fn wrote(&self, gun: &Gun) {
        self.written.lock().unwrap().push(gun.as_str().to_owned());
        self.news.notify_waiters();
    }
}

/// A server's own connection to the database.
pub struct Door {
    database: Arc<Database>,
    pub switches: Arc<Switches>,
    /// How often the head was asked for.
    pub heads: AtomicU32,
}

#[derive(Default)]
pub struct Switches {
    /// Nothing answers.
    pub is_away: AtomicBool,
    /// The follower does not come back from catching up.
    pub is_held: AtomicBool,
    /// The follower fails.
    pub fails: AtomicBool,
    /// The follower loses its place, once.
    pub loses: AtomicBool,
    /// Notary's programs write, too.
    pub is_shared_with_notary: AtomicBool,
    /// How often the follower caught up.
    pub caught_up: AtomicU32,
}

impl Switches {
    pub fn set(&self, switch: impl Fn(&Self) -> &AtomicBool, on: bool) {
        switch(self).store(on, Ordering::SeqCst);
    }

    fn works(&self) -> Result<(), StorageError> {
        let away = StorageError::Backend { action: "answer", cause: "away".to_owned() };
        if self.is_away.load(Ordering::SeqCst) { Err(away) } else { Ok(()) }
    }
}

#[async_trait]
impl Storage for Door {
    async fn publish(
        &self,
        gun: &Gun,
        base: Base,
        files: Vec<NewFile>,
        now: DateTime<Utc>,
    ) -> Result<(), PublishError> {
        self.switches.works()?;
        self.database.memory.publish(gun, base, files, now).await?;
        self.database.wrote(gun);
        Ok(())
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError> {
        self.switches.works()?;
        self.database.memory.newest(gun, role).await
    }

    async fn head(&self, gun: &Gun) -> Result<Option<Head>, StorageError> {
        self.switches.works()?;
        self.heads.fetch_add(1, Ordering::SeqCst);
        self.database.memory.head(gun).await
    }

    async fn by_checksum(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: &Sha256,
    ) -> Result<Option<StoredFile>, StorageError> {
        self.switches.works()?;
        self.database.memory.by_checksum(gun, role, sha256).await
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> Result<Option<StoredFile>, StorageError> {
        self.switches.works()?;
        self.database.memory.by_version(gun, role, version).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> Result<bool, StorageError> {
        self.switches.works()?;
        let deleted = self.database.memory.delete(gun, now).await?;
        self.database.wrote(gun);
        Ok(deleted)
    }

    async fn changes(&self, page: &ChangePage) -> Result<Vec<Change>, StorageError> {
        self.switches.works()?;
        self.database.memory.changes(page).await
    }

    async fn stale_timestamps(
        &self,
        stored_before: DateTime<Utc>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StorageError> {
        self.switches.works()?;
        self.database.memory.stale_timestamps(stored_before, after, limit).await
    }

    async fn collections(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StorageError> {
        self.switches.works()?;
        self.database.memory.collections(after, limit).await
    }

    async fn versions(&self, gun: &Gun) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
        self.switches.works()?;
        self.database.memory.versions(gun).await
    }

    async fn remove_versions(
        &self,
        gun: &Gun,
        base: Base,
        versions: &[(RoleName, Version)],
    ) -> Result<bool, StorageError> {
        self.switches.works()?;
        self.database.memory.remove_versions(gun, base, versions).await
    }

    async fn follow(&self) -> Result<Option<Box<dyn Follower>>, StorageError> {
        self.switches.works()?;
        let position = self.database.written.lock().unwrap().len();
        Ok(Some(Box::new(Reader { database: self.database.clone(), switches: self.switches.clone(), position })))
    }

    fn is_shared_with_notary(&self) -> bool {
        self.switches.is_shared_with_notary.load(Ordering::SeqCst)
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.switches.works()
    }
}

struct Reader {
    database: Arc<Database>,
    switches: Arc<Switches>,
    position: usize,
}

#[async_trait]
impl Follower for Reader {
    async fn catch_up(&mut self) -> Result<Vec<String>, FollowError> {
        while self.switches.is_held.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.switches.works()?;
        if self.switches.fails.load(Ordering::SeqCst) {
            return Err(StorageError::Backend { action: "follow", cause: "broken".to_owned() }.into());
        }
        let written = self.database.written.lock().unwrap();
        let news = written[self.position..].to_vec();
        self.position = written.len();
        drop(written);
        if self.switches.loses.swap(false, Ordering::SeqCst) {
            return Err(FollowError::Lost);
        }
        self.switches.caught_up.fetch_add(1, Ordering::SeqCst);
        // In no order, and more often than written.
        Ok(news.iter().rev().chain(&news).cloned().collect())
    }

    async fn wait(&mut self, most: Duration) {
        let _ = tokio::time::timeout(most, self.database.news.notified()).await;
    }
}
