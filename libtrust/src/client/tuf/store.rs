//! What was trusted before: metadata as it was received.

use std::any::Any;
use std::time::Duration;

use crate::metadata::Version;
use crate::names::RoleName;

/// The metadata of one repository that was trusted before, byte for byte as received. It is verified again when it is read,
/// but it decides what a rollback is, so nobody else may be able to write it.
///
/// Whoever saves or removes has [`turn`].
pub trait Store: Send + Sync {
    /// Its name for messages.
    fn name(&self) -> &str;

    /// A role's file of at most `limit` bytes; nothing if there is none.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] beyond the limit, else why it cannot be read.
    fn load(&self, role: &RoleName, limit: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// Replaces the file of a role other than root; whoever reads meanwhile sees the old or the new one. Timestamp and
    /// snapshot, which decide what a rollback is, are on the disk before they take their names; of others a power failure may
    /// leave less, which costs a download.
    ///
    /// # Errors
    /// Why it could not be written; the old file stays.
    fn save(&self, role: &RoleName, bytes: &[u8]) -> Result<(), StoreError>;

    /// Replaces the root, and keeps this one beside its predecessors. Once this returns it is on the disk, and so is that
    /// others were removed before.
    ///
    /// # Errors
    /// Why it could not be written; the old root stays.
    fn save_root(&self, version: Version, bytes: &[u8]) -> Result<(), StoreError>;

    /// Removes the file of a role, if there is one.
    ///
    /// # Errors
    /// Why it could not be removed.
    fn remove(&self, role: &RoleName) -> Result<(), StoreError>;

    /// Takes the turn, unless somebody has it.
    ///
    /// # Errors
    /// If that cannot be found out.
    fn try_turn(&self) -> Result<Option<Turn>, StoreError>;
}

/// The right to change a store. Over when it is dropped, also by a crash.
pub struct Turn(#[expect(dead_code, reason = "only its end matters")] Box<dyn Any + Send + Sync>);

impl Turn {
    /// The turn that ends when `guard` is dropped.
    #[must_use]
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

/// Waits for the turn with a store, as long as `patience`.
///
/// # Errors
/// [`StoreError::Busy`] if somebody else keeps it longer, else why it cannot be had.
pub async fn turn(store: &dyn Store, patience: Duration) -> Result<Turn, StoreError> {
    const FIRST_PAUSE: Duration = Duration::from_millis(2);
    const LONGEST_PAUSE: Duration = Duration::from_millis(100);
    let (mut waited, mut pause) = (Duration::ZERO, FIRST_PAUSE);
    loop {
        if let Some(turn) = store.try_turn()? {
            return Ok(turn);
        }
        if waited >= patience {
            return Err(StoreError::Busy { store: store.name().to_owned(), seconds: patience.as_secs() });
        }
        tokio::time::sleep(pause).await;
        waited += pause;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Why stored metadata cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder.
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        cause: std::io::Error,
    },
    /// More bytes than allowed.
    #[error("{path} has more than {limit} bytes")]
    TooLarge {
        /// The file.
        path: String,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Another process is at it.
    #[error("another process has been using {store} for {seconds} s; try again when it is done")]
    Busy {
        /// The store.
        store: String,
        /// How long this one waited, in seconds.
        seconds: u64,
    },
}

#[cfg(test)]
pub(super) mod contract {
    //! What every store promises.

    use futures_util::FutureExt as _;

    use super::*;

    /// Checks all promises on an empty store.
    pub fn holds(store: &dyn Store) {
        let role: RoleName = "targets/a".parse().unwrap();
        assert_eq!(store.load(&role, 9).unwrap(), None);
        store.remove(&role).unwrap();

        let held = store.try_turn().unwrap().unwrap();
        assert!(store.try_turn().unwrap().is_none());
        let late = turn(store, Duration::ZERO).now_or_never().unwrap();
        assert!(matches!(late, Err(StoreError::Busy { .. })));

        store.save(&role, b"one").unwrap();
        store.save(&role, b"three").unwrap();
        assert_eq!(store.load(&role, 5).unwrap().unwrap(), b"three");
        assert!(matches!(store.load(&role, 4), Err(StoreError::TooLarge { limit: 4, .. })));
        assert_eq!(store.load(&RoleName::Targets, 9).unwrap(), None);

        store.save_root(Version::FIRST, b"first").unwrap();
        store.save_root(Version::FIRST, b"again").unwrap();
        store.save_root(Version::FIRST.next(), b"second").unwrap();
        assert_eq!(store.load(&RoleName::Root, 9).unwrap().unwrap(), b"second");

        store.remove(&role).unwrap();
        assert_eq!(store.load(&role, 9).unwrap(), None);
        drop(held);
        assert!(store.try_turn().unwrap().is_some());
    }
}
