//! What was trusted before: the files of the last update, by collection.

mod file;
mod memory;
mod read_only;

use chrono::{DateTime, Utc};

pub use file::FileCache;
pub use memory::MemoryCache;
pub use read_only::ReadOnlyCache;

use crate::names::{Gun, RoleName};

/// The last trusted files of each collection. What comes from here is verified again, but it decides what a rollback is
/// and which root is the next one, so nobody else may be able to write it.
pub trait Cache: Send + Sync {
    /// A file, if it is there; at most 100 MiB.
    ///
    /// # Errors
    /// If it cannot be read.
    fn load(&self, gun: &Gun, role: &RoleName) -> Result<Option<Vec<u8>>, CacheError>;

    /// When a server last confirmed what is here.
    ///
    /// # Errors
    /// If that cannot be read.
    fn confirmed(&self, gun: &Gun) -> Result<Option<DateTime<Utc>>, CacheError>;

    /// Stores what an update found, all or nothing, and that a server confirmed it at `confirmed`. Roles that are not in
    /// `files` stay. Nothing is stored, and false returned, if the timestamp here is no longer `before`: another update was
    /// quicker, and this one may be the older.
    ///
    /// # Errors
    /// If it cannot be written; nothing has changed then.
    fn commit(
        &self,
        gun: &Gun,
        before: Option<&[u8]>,
        files: &[(&RoleName, &[u8])],
        confirmed: DateTime<Utc>,
    ) -> Result<bool, CacheError>;

    /// Forgets a collection: the next update is a first use.
    ///
    /// # Errors
    /// If it cannot be removed.
    fn forget(&self, gun: &Gun) -> Result<(), CacheError>;
}

/// Why a cache cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// A name that would leave the cache's folder, or collide in it.
    #[error("{gun} cannot be the name of a folder: empty segments and those that begin with a dot are refused")]
    Name {
        /// The name.
        gun: Gun,
    },
    /// Larger than any file read.
    #[error("{path} has more than {limit} bytes; remove it")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit, in bytes.
        limit: u64,
    },
}

#[cfg(test)]
pub(super) mod contract {
    //! What every cache promises.

    use super::*;
    use crate::testing::now;

    fn gun() -> Gun {
        "example.com/a".parse().unwrap()
    }

    const RELEASES: &str = "targets/releases";

    /// Checks all promises on an empty cache.
    pub fn holds(cache: &dyn Cache) {
        let releases: RoleName = RELEASES.parse().unwrap();
        assert_eq!(cache.load(&gun(), &RoleName::Root).unwrap(), None);
        assert_eq!(cache.confirmed(&gun()).unwrap(), None);

        let first: [(&RoleName, &[u8]); 3] =
            [(&RoleName::Root, b"root"), (&RoleName::Timestamp, b"one"), (&releases, b"released")];
        assert!(cache.commit(&gun(), None, &first, now()).unwrap());
        assert_eq!(cache.load(&gun(), &releases).unwrap().as_deref(), Some(&b"released"[..]));
        assert_eq!(cache.confirmed(&gun()).unwrap(), Some(now()));

        // An update that began before that one is not stored, nor half of it.
        let late: [(&RoleName, &[u8]); 2] = [(&RoleName::Timestamp, b"late"), (&RoleName::Targets, b"late")];
        assert!(!cache.commit(&gun(), None, &late, now()).unwrap());
        assert_eq!(cache.load(&gun(), &RoleName::Targets).unwrap(), None);

        // Confirming alone changes no file.
        let later = now() + chrono::TimeDelta::hours(1);
        assert!(cache.commit(&gun(), Some(b"one"), &[], later).unwrap());
        assert_eq!(cache.confirmed(&gun()).unwrap(), Some(later));
        assert_eq!(cache.load(&gun(), &RoleName::Root).unwrap().as_deref(), Some(&b"root"[..]));

        cache.forget(&gun()).unwrap();
        cache.forget(&gun()).unwrap();
        assert_eq!(cache.load(&gun(), &RoleName::Root).unwrap(), None);
        assert!(cache.commit(&gun(), None, &first, now()).unwrap());
    }
}
