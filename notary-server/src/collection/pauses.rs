//! When a renewal is not tried again: what cannot be renewed must cost its readers nothing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use libtrust::names::Gun;

/// Until when collections are left alone.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    collections: Mutex<HashMap<Gun, DateTime<Utc>>>,
    /// Readers renew nothing before this time, in milliseconds since 1970.
    readers: AtomicI64,
}

impl Pauses {
    /// Leaves a collection alone until `until`.
    pub(super) fn begin(&self, gun: &Gun, until: DateTime<Utc>) {
        self.map().insert(gun.clone(), until);
    }

    /// A collection was written: what was in the way may be gone.
    pub(super) fn end(&self, gun: &Gun) {
        self.map().remove(gun);
    }

    pub(super) fn holds(&self, gun: &Gun, now: DateTime<Utc>) -> bool {
        self.map().get(gun).is_some_and(|until| now < *until)
    }

    /// Keeps readers from renewing anything until `until`.
    pub(super) fn begin_for_readers(&self, until: DateTime<Utc>) {
        self.readers.fetch_max(until.timestamp_millis(), Ordering::Relaxed);
    }

    pub(super) fn holds_readers(&self, gun: &Gun, now: DateTime<Utc>) -> bool {
        now.timestamp_millis() < self.readers.load(Ordering::Relaxed) || self.holds(gun, now)
    }

    /// Forgets what is over.
    pub(super) fn sweep(&self, now: DateTime<Utc>) {
        self.map().retain(|_, until| now < *until);
    }

    // Every change is one insertion or removal, so a poisoned lock is still good.
    fn map(&self) -> MutexGuard<'_, HashMap<Gun, DateTime<Utc>>> {
        self.collections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
