//! Keys that die with the process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use libtrust::dialect::notary::key_id;
use libtrust::keys::KeyAlgorithm;
use libtrust::names::{Gun, KeyId, RoleName};

use super::{KeyRecord, KeyStore, KeyStoreError, MakeKey, RowFault};
use crate::policy::HeldKey;

/// Keeps private keys in memory only; for trying things out and for tests. They are wiped when deleted or dropped.
///
/// It grows by one key for each GUN and role, without bound.
#[derive(Default)]
pub struct MemoryKeyStore {
    keys: Mutex<Keys>,
}

type Purpose = (Gun, RoleName, KeyAlgorithm);

#[derive(Default)]
struct Keys {
    /// Each key and whether it was marked used.
    by_id: HashMap<KeyId, (Arc<HeldKey>, bool)>,
    pending: HashMap<Purpose, KeyId>,
}

impl MemoryKeyStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn keys(&self) -> MutexGuard<'_, Keys> {
        // No method leaves the maps half changed, so a panic elsewhere does not matter.
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn record(&self, id: &KeyId) -> Option<KeyRecord> {
        let (key, used) = self.by_id.get(id)?;
        Some(KeyRecord { used: *used, ..key.record().clone() })
    }

    /// Making a key takes some 20 µs, so it is done under the lock: that is what makes it happen once.
    fn pending(&mut self, purpose: Purpose, make: MakeKey) -> Result<KeyRecord, KeyStoreError> {
        if let Some(record) = self.pending.get(&purpose).and_then(|id| self.record(id)) {
            return Ok(record);
        }
        let key = make()?;
        let (gun, role, algorithm) = purpose.clone();
        let public = key.public_key().clone();
        let record = KeyRecord { id: key_id(&public), gun, role, algorithm, public, used: false };
        let held = HeldKey::bind(record.clone(), key).map_err(|mismatch| KeyStoreError::UnreadableRow {
            id: record.id.to_string(),
            alias: String::new(),
            fault: RowFault::Mismatch(mismatch),
        })?;
        self.pending.insert(purpose, record.id.clone());
        self.by_id.insert(record.id.clone(), (Arc::new(held), false));
        Ok(record)
    }

    fn no_longer_pending(&mut self, key: &HeldKey) {
        let KeyRecord { gun, role, algorithm, id, .. } = key.record();
        let purpose = (gun.clone(), role.clone(), *algorithm);
        if self.pending.get(&purpose) == Some(id) {
            self.pending.remove(&purpose);
        }
    }
}

#[async_trait]
impl KeyStore for MemoryKeyStore {
    async fn pending(
        &self,
        gun: &Gun,
        role: &RoleName,
        algorithm: KeyAlgorithm,
        make: MakeKey,
    ) -> Result<KeyRecord, KeyStoreError> {
        self.keys().pending((gun.clone(), role.clone(), algorithm), make)
    }

    async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
        Ok(self.keys().record(id))
    }

    async fn open(&self, id: &KeyId) -> Result<Option<Arc<HeldKey>>, KeyStoreError> {
        Ok(self.keys().by_id.get(id).map(|(key, _)| Arc::clone(key)))
    }

    async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let mut keys = self.keys();
        let Some((key, used)) = keys.by_id.get_mut(id) else { return Ok(false) };
        *used = true;
        let key = Arc::clone(key);
        keys.no_longer_pending(&key);
        Ok(true)
    }

    async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
        let mut keys = self.keys();
        let Some((key, _)) = keys.by_id.remove(id) else { return Ok(false) };
        keys.no_longer_pending(&key);
        Ok(true)
    }

    async fn check(&self) -> Result<(), KeyStoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn store() -> ((), MemoryKeyStore) {
        ((), MemoryKeyStore::new())
    }

    crate::keystore::contract::tests!(store);
}
