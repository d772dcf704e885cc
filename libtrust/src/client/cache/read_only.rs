//! A cache that is looked at and not changed.

use chrono::{DateTime, Utc};

use super::{Cache, CacheError};
use crate::names::{Gun, RoleName};

/// Another cache, of which nothing changes: what is found is held against it and then forgotten. For looking at a server
/// or a bundle before deciding.
#[derive(Debug, Clone)]
pub struct ReadOnlyCache<C>(pub C);

impl<C: Cache> Cache for ReadOnlyCache<C> {
    fn load(&self, gun: &Gun, role: &RoleName) -> Result<Option<Vec<u8>>, CacheError> {
        self.0.load(gun, role)
    }

    fn confirmed(&self, gun: &Gun) -> Result<Option<DateTime<Utc>>, CacheError> {
        self.0.confirmed(gun)
    }

    /// Stores nothing, and says that nothing was stored.
    fn commit(
        &self,
        _: &Gun,
        _: Option<&[u8]>,
        _: &[(&RoleName, &[u8])],
        _: DateTime<Utc>,
    ) -> Result<bool, CacheError> {
        Ok(false)
    }

    /// Keeps everything.
    fn forget(&self, _: &Gun) -> Result<(), CacheError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::MemoryCache;
    use super::*;
    use crate::testing::now;

    #[test]
    fn it_shows_what_is_there_and_changes_nothing() {
        let gun: Gun = "example.com/a".parse().unwrap();
        let (inner, root) = (MemoryCache::default(), RoleName::Root);
        let files: [(&RoleName, &[u8]); 2] = [(&root, b"root"), (&RoleName::Timestamp, b"one")];
        inner.commit(&gun, None, &files, now()).unwrap();
        let cache = ReadOnlyCache(inner);
        let newer: [(&RoleName, &[u8]); 1] = [(&root, b"other")];
        assert!(!cache.commit(&gun, Some(b"one"), &newer, now()).unwrap());
        cache.forget(&gun).unwrap();
        assert_eq!(cache.load(&gun, &root).unwrap().unwrap(), b"root");
        assert_eq!(cache.confirmed(&gun).unwrap(), Some(now()));
    }
}
