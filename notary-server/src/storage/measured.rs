//! A store whose calls are counted and timed.

use std::future::Future;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};

use super::{
    Base, Change, ChangePage, Follower, Head, NewFile, PublishError, Sha256, Storage, StorageError, StoredFile,
    StoredVersion,
};
use crate::telemetry::metrics::{CollectionMetrics, StorageAction};

/// Wraps a store; adds figures and nothing else.
pub struct Measured<S> {
    store: S,
    metrics: Arc<CollectionMetrics>,
}

impl<S: Storage> Measured<S> {
    /// Counts the calls to `store`.
    pub const fn new(store: S, metrics: Arc<CollectionMetrics>) -> Self {
        Self { store, metrics }
    }

    async fn measure<T, E>(
        &self,
        action: StorageAction,
        call: impl Future<Output = Result<T, E>>,
        is_failure: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let started = Instant::now();
        let result = call.await;
        let failed = result.as_ref().is_err_and(is_failure);
        self.metrics.storage.observe(action, started.elapsed(), !failed);
        result
    }

    async fn read<T>(
        &self,
        action: StorageAction,
        call: impl Future<Output = Result<T, StorageError>>,
    ) -> Result<T, StorageError> {
        self.measure(action, call, |_| true).await
    }
}

#[async_trait]
impl<S: Storage> Storage for Measured<S> {
    async fn publish(
        &self,
        gun: &Gun,
        base: Base,
        files: Vec<NewFile>,
        now: DateTime<Utc>,
    ) -> Result<(), PublishError> {
        let is_failure = |error: &PublishError| matches!(error, PublishError::Unavailable(_));
        self.measure(StorageAction::Publish, self.store.publish(gun, base, files, now), is_failure).await
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError> {
        self.read(StorageAction::Newest, self.store.newest(gun, role)).await
    }

    async fn head(&self, gun: &Gun) -> Result<Option<Head>, StorageError> {
        self.read(StorageAction::Head, self.store.head(gun)).await
    }

    async fn by_checksum(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: &Sha256,
    ) -> Result<Option<StoredFile>, StorageError> {
        self.read(StorageAction::ByChecksum, self.store.by_checksum(gun, role, sha256)).await
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> Result<Option<StoredFile>, StorageError> {
        self.read(StorageAction::ByVersion, self.store.by_version(gun, role, version)).await
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> Result<bool, StorageError> {
        self.read(StorageAction::Delete, self.store.delete(gun, now)).await
    }

    async fn changes(&self, page: &ChangePage) -> Result<Vec<Change>, StorageError> {
        self.read(StorageAction::Changes, self.store.changes(page)).await
    }

    async fn stale_timestamps(
        &self,
        stored_before: DateTime<Utc>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StorageError> {
        self.read(StorageAction::StaleTimestamps, self.store.stale_timestamps(stored_before, after, limit)).await
    }

    async fn collections(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StorageError> {
        self.read(StorageAction::Collections, self.store.collections(after, limit)).await
    }

    async fn versions(&self, gun: &Gun) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
        self.read(StorageAction::Versions, self.store.versions(gun)).await
    }

    async fn remove_versions(
        &self,
        gun: &Gun,
        base: Base,
        versions: &[(RoleName, Version)],
    ) -> Result<bool, StorageError> {
        self.read(StorageAction::RemoveVersions, self.store.remove_versions(gun, base, versions)).await
    }

    async fn follow(&self) -> Result<Option<Box<dyn Follower>>, StorageError> {
        self.store.follow().await
    }

    fn is_shared_with_notary(&self) -> bool {
        self.store.is_shared_with_notary()
    }

    async fn check(&self) -> Result<(), StorageError> {
        self.store.check().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}
