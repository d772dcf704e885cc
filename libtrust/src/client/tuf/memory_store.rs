//! Stored metadata that goes with the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Store, StoreError, Turn};
use crate::metadata::Version;
use crate::names::RoleName;

/// A store in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    files: Mutex<BTreeMap<RoleName, Vec<u8>>>,
    /// As many references as turns, and this one.
    turns: Mutex<Arc<()>>,
}

impl MemoryStore {
    fn files(&self) -> MutexGuard<'_, BTreeMap<RoleName, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn name(&self) -> &str {
        "memory"
    }

    fn load(&self, role: &RoleName, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.files().get(role).cloned();
        if found.as_ref().is_some_and(|bytes| bytes.len() as u64 > limit) {
            return Err(StoreError::TooLarge { path: role.to_string(), limit });
        }
        Ok(found)
    }

    fn save(&self, role: &RoleName, bytes: &[u8]) -> Result<(), StoreError> {
        self.files().insert(role.clone(), bytes.to_vec());
        Ok(())
    }

    fn save_root(&self, _: Version, bytes: &[u8]) -> Result<(), StoreError> {
        self.save(&RoleName::Root, bytes)
    }

    fn remove(&self, role: &RoleName) -> Result<(), StoreError> {
        self.files().remove(role);
        Ok(())
    }

    fn try_turn(&self) -> Result<Option<Turn>, StoreError> {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Ok((Arc::strong_count(&turns) == 1).then(|| Turn::new(Arc::clone(&turns))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_contract() {
        super::super::store::contract::holds(&MemoryStore::default());
    }
}
