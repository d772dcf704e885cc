//! A trust store in memory: for tests, and for `storage.backend: memory`. It dies with the process.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};

use super::{
    Base, Change, ChangeCursor, ChangeKind, ChangePage, NewFile, PublishError, Sha256, Storage, StorageError,
    StoredFile,
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
        after: Option<&Gun>,
        limit: u32,
    ) -> Result<Vec<Gun>, StorageError> {
        let state = self.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let stale = state.collections.range((start, Bound::Unbounded)).filter(|(_, roles)| {
            let newest = roles.get(&RoleName::Timestamp).and_then(Versions::newest);
            newest.is_some_and(|file| file.stored_at < stored_before)
        });
        Ok(stale.map(|(gun, _)| gun.clone()).take(to_usize(limit)).collect())
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

    fn publish(&mut self, gun: &Gun, base: Base, files: Vec<NewFile>, now: DateTime<Utc>) -> Result<(), PublishError> {
        let mut newest: HashMap<&RoleName, Version> = HashMap::new();
        for file in &files {
            let stored = || self.role(gun, &file.role).and_then(Versions::newest).map(|stored| stored.version);
            match newest.get(&file.role).copied().or_else(stored) {
                Some(stored) if file.version <= stored => {
                    let (role, offered) = (file.role.clone(), file.version);
                    return Err(PublishError::Conflict { role, offered, stored });
                }
                _ => newest.insert(&file.role, file.version),
            };
        }
        let timestamp = self.role(gun, &RoleName::Timestamp).and_then(Versions::newest).map(|stored| stored.sha256);
        if !base.holds(timestamp) {
            return Err(PublishError::Moved);
        }
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
    use crate::storage::contract::{Fixture, storage_contract};

    use super::Memory;

    async fn open() -> Fixture {
        Fixture::new(Memory::new())
    }

    storage_contract!(open);
}
