//! Keys that live as long as the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{HeldKey, KeyEntry, KeyStore, KeyStoreError, KeyUse, Signer};
use crate::dialect::notary::key_id;
use crate::keys::SigningKey;
use crate::names::KeyId;

const LOCATION: &str = "memory";

/// Keeps keys in memory, with no passphrase: for tests, and for programs that have their keys from elsewhere.
#[derive(Default)]
pub struct MemoryKeyStore(Mutex<BTreeMap<KeyId, (KeyUse, Arc<HeldKey>)>>);

impl MemoryKeyStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn keys(&self) -> MutexGuard<'_, BTreeMap<KeyId, (KeyUse, Arc<HeldKey>)>> {
        // Nothing panics while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entry(id: KeyId, key_use: KeyUse) -> KeyEntry {
    KeyEntry { id, key_use, location: LOCATION.to_owned() }
}

fn missing(id: &KeyId) -> KeyStoreError {
    KeyStoreError::Missing { id: id.clone(), location: LOCATION.to_owned() }
}

impl KeyStore for MemoryKeyStore {
    fn list(&self) -> Result<Vec<KeyEntry>, KeyStoreError> {
        Ok(self.keys().iter().map(|(id, (key_use, _))| entry(id.clone(), key_use.clone())).collect())
    }

    fn open(&self, id: &KeyId) -> Result<Arc<dyn Signer>, KeyStoreError> {
        let keys = self.keys();
        let (_, key) = keys.get(id).ok_or_else(|| missing(id))?;
        Ok(Arc::<HeldKey>::clone(key))
    }

    fn add(&self, key: SigningKey, key_use: KeyUse) -> Result<KeyEntry, KeyStoreError> {
        let id = key_id(key.public_key());
        let mut keys = self.keys();
        if keys.contains_key(&id) {
            return Err(KeyStoreError::Exists { id, location: LOCATION.to_owned() });
        }
        keys.insert(id.clone(), (key_use.clone(), Arc::new(key.into())));
        Ok(entry(id, key_use))
    }

    fn remove(&self, id: &KeyId) -> Result<(), KeyStoreError> {
        self.keys().remove(id).map(drop).ok_or_else(|| missing(id))
    }
}

impl std::fmt::Debug for MemoryKeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("MemoryKeyStore").field(&self.keys().keys()).finish()
    }
}
