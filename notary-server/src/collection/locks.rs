//! One writer at a time for a collection.

use std::hash::{BuildHasher as _, RandomState};

use libtrust::names::Gun;
use tokio::sync::{Mutex, MutexGuard};

/// How many locks collections share. Two that share one wait for each other; nothing else happens.
const STRIPES: usize = 4096;

/// Locks by collection name.
pub(super) struct Locks {
    stripes: Vec<Mutex<()>>,
    hasher: RandomState,
}

impl Default for Locks {
    fn default() -> Self {
        Self { stripes: (0..STRIPES).map(|_| Mutex::new(())).collect(), hasher: RandomState::new() }
    }
}

impl Locks {
    /// Waits until no other writer works on this collection.
    pub(super) async fn lock(&self, gun: &Gun) -> Option<MutexGuard<'_, ()>> {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits choose a stripe")]
        let stripe = self.hasher.hash_one(gun) as usize % STRIPES;
        Some(self.stripes.get(stripe)?.lock().await)
    }
}
