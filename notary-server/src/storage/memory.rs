//! A trust store in memory: for tests, and for `storage.backend: memory`. It dies with the process.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};

use super::publication::judge;
use super::{
    Base, Change, ChangeCursor, ChangeKind, ChangePage, Head, NewFile, PublishError, Sha256, Storage, StorageError,
    StoredFile, StoredVersion,
};

/// See the module. Cheap reads: the lock is held for a look-up and a reference count, never over an `await`.
#[derive(Debug, Default)]
pub struct Memory {
    state: RwLock<State>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    // A panic cannot leave the state half changed (every change is checked before the first insertion), so a
    // poisoned lock is still good.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Storage for Memory {
    async fn publish(
        &self,
        gun: &Gun,
        base: Base,
        files: Vec<NewFile>,
        now: DateTime<Utc>,
    ) -> Result<(), PublishError> {
        if files.is_empty() { Ok(()) } else { self.write().publish(gun, base, files, now) }
    }

    async fn newest(&self, gun: &Gun, role: &RoleName) -> Result<Option<StoredFile>, StorageError> {
        Ok(self.read().role(gun, role).and_then(Versions::newest).cloned())
    }

    async fn head(&self, gun: &Gun) -> Result<Option<Head>, StorageError> {
        let state = self.read();
        let newest = state.role(gun, &RoleName::Timestamp).and_then(Versions::newest);
        Ok(newest.map(|file| Head { version: file.version, sha256: file.sha256 }))
    }

    async fn by_checksum(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: &Sha256,
    ) -> Result<Option<StoredFile>, StorageError> {
        Ok(self.read().role(gun, role).and_then(|versions| versions.by_checksum(sha256)).cloned())
    }

    async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> Result<Option<StoredFile>, StorageError> {
        Ok(self.read().role(gun, role).and_then(|versions| versions.files.get(&version)).cloned())
    }

    async fn delete(&self, gun: &Gun, now: DateTime<Utc>) -> Result<bool, StorageError> {
        let mut state = self.write();
        let existed = state.collections.remove(gun).is_some();
        if existed {
            state.feed.record(gun, now, ChangeKind::Deletion);
        }
        Ok(existed)
    }

    async fn changes(&self, page: &ChangePage) -> Result<Vec<Change>, StorageError> {
        Ok(self.read().feed.page(page))
    }

    async fn stale_timestamps(
        &self,
        stored_before: DateTime<Utc>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, StorageError> {
        let state = self.read();
        let stale = state.collections_after(after).filter(|(_, roles)| {
            let newest = roles.get(&RoleName::Timestamp).and_then(Versions::newest);
            newest.is_some_and(|file| file.stored_at < stored_before)
        });
        Ok(stale.map(|(gun, _)| gun.as_str().to_owned()).take(to_usize(limit)).collect())
    }

    async fn collections(&self, after: Option<&str>, limit: u32) -> Result<Vec<String>, StorageError> {
        let state = self.read();
        Ok(state.collections_after(after).map(|(gun, _)| gun.as_str().to_owned()).take(to_usize(limit)).collect())
    }

    async fn versions(&self, gun: &Gun) -> Result<Vec<Result<StoredVersion, StorageError>>, StorageError> {
        let state = self.read();
        let Some(roles) = state.collections.get(gun) else { return Ok(Vec::new()) };
        let listed = roles.iter().flat_map(|(role, versions)| versions.files.values().map(move |file| (role, file)));
        Ok(listed
            .map(|(role, file)| {
                let StoredFile { version, sha256, stored_at, .. } = *file;
                Ok(StoredVersion { role: role.clone(), version, sha256, stored_at })
            })
            .collect())
    }

    async fn remove_versions(
        &self,
        gun: &Gun,
        base: Base,
        versions: &[(RoleName, Version)],
    ) -> Result<bool, StorageError> {
        let mut state = self.write();
        if !base.holds(state.head(gun)) {
            return Ok(false);
        }
        let Some(roles) = state.collections.get_mut(gun) else { return Ok(true) };
        for (role, version) in versions {
            if let Some(stored) = roles.get_mut(role) {
                stored.remove(*version);
            }
        }
        roles.retain(|_, stored| !stored.files.is_empty());
        if roles.is_empty() {
            state.collections.remove(gun);
        }
        Ok(true)
    }

    async fn check(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

#[derive(Debug, Default)]
struct State {
    /// Ordered by GUN for the renewal walk.
    collections: BTreeMap<Gun, HashMap<RoleName, Versions>>,
    feed: Feed,
}

impl State {
    fn role(&self, gun: &Gun, role: &RoleName) -> Option<&Versions> {
        self.collections.get(gun)?.get(role)
    }

    fn collections_after(&self, after: Option<&str>) -> impl Iterator<Item = (&Gun, &HashMap<RoleName, Versions>)> {
        // `Gun` orders as its text does, so the walk may start at a text that is no `Gun`.
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.collections.range::<str, _>((start, Bound::Unbounded))
    }

    /// Digest of the newest timestamp.
    fn head(&self, gun: &Gun) -> Option<Sha256> {
        self.role(gun, &RoleName::Timestamp).and_then(Versions::newest).map(|stored| stored.sha256)
    }

    fn publish(&mut self, gun: &Gun, base: Base, files: Vec<NewFile>, now: DateTime<Utc>) -> Result<(), PublishError> {
        let newest = |role: &RoleName| {
            Ok(self.role(gun, role).and_then(Versions::newest).map(|stored| (stored.version, stored.sha256)))
        };
        judge(base, &files, newest)?;
        let roles = self.collections.entry(gun.clone()).or_default();
        for NewFile { role, version, bytes, sha256 } in files {
            if role == RoleName::Timestamp {
                let kind = ChangeKind::Update { version: version.get(), sha256: hex::encode(sha256) };
                self.feed.record(gun, now, kind);
            }
            roles.entry(role).or_default().insert(StoredFile { version, bytes, sha256, stored_at: now });
        }
        Ok(())
    }
}

/// Every version of one role of one GUN.
#[derive(Debug, Default)]
struct Versions {
    files: BTreeMap<Version, StoredFile>,
    checksums: HashMap<Sha256, Version>,
}

impl Versions {
    fn newest(&self) -> Option<&StoredFile> {
        self.files.last_key_value().map(|(_, file)| file)
    }

    fn by_checksum(&self, sha256: &Sha256) -> Option<&StoredFile> {
        self.files.get(self.checksums.get(sha256)?)
    }

    fn remove(&mut self, version: Version) {
        let Some(removed) = self.files.remove(&version) else { return };
        // Another version may have the same bytes.
        match self.files.values().find(|file| file.sha256 == removed.sha256) {
            Some(same) => self.checksums.insert(removed.sha256, same.version),
            None => self.checksums.remove(&removed.sha256),
        };
    }

    fn insert(&mut self, file: StoredFile) {
        self.checksums.entry(file.sha256).or_insert(file.version);
        self.files.insert(file.version, file);
    }
}

/// Every change, and for each GUN which of them are its own. The id of a change is its position plus one.
#[derive(Debug, Default)]
struct Feed {
    changes: Vec<Change>,
    by_gun: HashMap<Gun, Vec<i64>>,
}

impl Feed {
    fn record(&mut self, gun: &Gun, created_at: DateTime<Utc>, kind: ChangeKind) {
        let id = i64::try_from(self.changes.len()).unwrap_or(i64::MAX).saturating_add(1);
        self.changes.push(Change { id, created_at, gun: gun.as_str().to_owned(), kind });
        self.by_gun.entry(gun.clone()).or_default().push(id);
    }

    fn page(&self, page: &ChangePage) -> Vec<Change> {
        let limit = to_usize(page.limit);
        match &page.gun {
            None => window(&self.changes, |change| change.id, page.from, limit).to_vec(),
            Some(gun) => {
                let ids = self.by_gun.get(gun).map_or(&[][..], Vec::as_slice);
                window(ids, |id| *id, page.from, limit).iter().filter_map(|id| self.by_id(*id)).cloned().collect()
            }
        }
    }

    fn by_id(&self, id: i64) -> Option<&Change> {
        self.changes.get(usize::try_from(id).ok()?.checked_sub(1)?)
    }
}

/// The part of `entries`, ascending by `id`, that a page shows.
fn window<T>(entries: &[T], id: impl Fn(&T) -> i64, from: ChangeCursor, limit: usize) -> &[T] {
    let range = match from {
        ChangeCursor::After(cursor) => {
            let start = entries.partition_point(|entry| id(entry) <= cursor);
            start..start.saturating_add(limit).min(entries.len())
        }
        ChangeCursor::Before(cursor) => {
            let end = entries.partition_point(|entry| id(entry) < cursor);
            end.saturating_sub(limit)..end
        }
        ChangeCursor::Newest => entries.len().saturating_sub(limit)..entries.len(),
    };
    entries.get(range).unwrap_or_default()
}

fn to_usize(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use crate::storage::contract::apart::roles_of_any_name_are_kept_apart;
    use crate::storage::contract::{Fixture, storage_contract};

    use super::Memory;

    async fn open() -> Fixture {
        Fixture::new(Memory::new())
    }

    storage_contract!(open);

    #[tokio::test]
    async fn roles_of_any_name_are_kept() {
        roles_of_any_name_are_kept_apart(open().await.store).await;
    }
}
