//! A cache that dies with the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::{Cache, CacheError};
use crate::names::{Gun, RoleName};

/// Keeps files in memory.
#[derive(Debug, Default)]
pub struct MemoryCache(Mutex<BTreeMap<Gun, Entry>>);

#[derive(Debug, Default)]
struct Entry {
    files: BTreeMap<RoleName, Vec<u8>>,
    confirmed: Option<DateTime<Utc>>,
}

impl MemoryCache {
    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<Gun, Entry>> {
        // Every change below is one insertion, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache for MemoryCache {
    fn load(&self, gun: &Gun, role: &RoleName) -> Result<Option<Vec<u8>>, CacheError> {
        Ok(self.entries().get(gun).and_then(|entry| entry.files.get(role)).cloned())
    }

    fn confirmed(&self, gun: &Gun) -> Result<Option<DateTime<Utc>>, CacheError> {
        Ok(self.entries().get(gun).and_then(|entry| entry.confirmed))
    }

    fn commit(
        &self,
        gun: &Gun,
        before: Option<&[u8]>,
        files: &[(&RoleName, &[u8])],
        confirmed: DateTime<Utc>,
    ) -> Result<bool, CacheError> {
        let mut entries = self.entries();
        let entry = entries.entry(gun.clone()).or_default();
        if entry.files.get(&RoleName::Timestamp).map(Vec::as_slice) != before {
            return Ok(false);
        }
        entry.files.extend(files.iter().map(|(role, bytes)| ((*role).clone(), bytes.to_vec())));
        entry.confirmed = Some(confirmed);
        Ok(true)
    }

    fn forget(&self, gun: &Gun) -> Result<(), CacheError> {
        self.entries().remove(gun);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_contract() {
        super::super::contract::holds(&MemoryCache::default());
    }
}
