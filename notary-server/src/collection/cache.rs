//! Files in memory: bounded, and never older than what was acknowledged.
//!
//! A reader that misses and a writer that commits can cross: the reader would put back what the writer just replaced.
//! So every entry carries the epoch of its collection from *before* it was loaded, and counts only while that epoch
//! stands. A writer moves the epoch after its commit and before it answers.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use moka::notification::RemovalCause;
use moka::sync::Cache as Moka;

use super::{Current, ServedFile};
use crate::storage::Sha256;
use crate::telemetry::Metrics;

/// How many epochs collections share. Sharing costs a needless reload now and then, nothing else.
const EPOCHS: usize = 1 << 16;

/// What names an immutable file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum FileName {
    /// By the digest of its bytes.
    Checksum(Sha256),
    /// By version.
    Version(Version),
}

type FileKey = (Gun, RoleName, FileName);

/// The epochs of one collection at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch {
    /// Moves with every write.
    writes: u64,
    /// Moves with every deletion: also immutable files are gone then.
    deletions: u64,
}

pub(super) struct Cache {
    current: Moka<Gun, (u64, Arc<Current>)>,
    files: Moka<FileKey, (u64, Arc<ServedFile>)>,
    epochs: Vec<[AtomicU64; 2]>,
    hasher: RandomState,
    metrics: Arc<Metrics>,
}

impl Cache {
    /// A cache of at most about `bytes`: half for current sets, half for immutable files.
    pub(super) fn new(bytes: u64, metrics: Arc<Metrics>) -> Self {
        let weigh_current = |gun: &Gun, (_, set): &(u64, Arc<Current>)| {
            set.weight().saturating_add(u32::try_from(gun.as_str().len()).unwrap_or(u32::MAX))
        };
        let weigh_file = |key: &FileKey, (_, file): &(u64, Arc<ServedFile>)| {
            file.weight().saturating_add(u32::try_from(key.0.as_str().len()).unwrap_or(u32::MAX))
        };
        let evictions = metrics.cache.evictions.clone();
        let evicted = move |cause: RemovalCause| {
            if cause == RemovalCause::Size {
                evictions.inc();
            }
        };
        let also = evicted.clone();
        let current = Moka::builder().max_capacity(bytes / 2).weigher(weigh_current);
        let files = Moka::builder().max_capacity(bytes / 2).weigher(weigh_file);
        Self {
            current: current.eviction_listener(move |_, _, cause| evicted(cause)).build(),
            files: files.eviction_listener(move |_, _, cause| also(cause)).build(),
            epochs: (0..EPOCHS).map(|_| [AtomicU64::new(0), AtomicU64::new(0)]).collect(),
            hasher: RandomState::new(),
            metrics,
        }
    }

    /// The epoch to hand to an insertion; taken before loading.
    pub(super) fn epoch(&self, gun: &Gun) -> Epoch {
        let read = |at: usize| self.slot(gun).map_or(0, |slot| slot.get(at).map_or(0, |n| n.load(Ordering::Acquire)));
        Epoch { writes: read(0), deletions: read(1) }
    }

    /// Forgets the current set of a collection: something was, or may have been, written.
    pub(super) fn written(&self, gun: &Gun) {
        self.bump(gun, 0);
    }

    /// Forgets everything about a collection.
    pub(super) fn deleted(&self, gun: &Gun) {
        self.bump(gun, 0);
        self.bump(gun, 1);
        self.current.invalidate(gun);
    }

    pub(super) fn current(&self, gun: &Gun) -> Option<Arc<Current>> {
        let (epoch, set) = self.current.get(gun)?;
        (epoch == self.epoch(gun).writes).then_some(set)
    }

    pub(super) fn insert_current(&self, gun: &Gun, epoch: Epoch, set: Arc<Current>) {
        self.current.insert(gun.clone(), (epoch.writes, set));
        self.measure();
    }

    pub(super) fn file(&self, gun: &Gun, role: &RoleName, name: &FileName) -> Option<Arc<ServedFile>> {
        let (epoch, file) = self.files.get(&(gun.clone(), role.clone(), name.clone()))?;
        (epoch == self.epoch(gun).deletions).then_some(file)
    }

    pub(super) fn insert_file(&self, gun: &Gun, role: &RoleName, name: FileName, epoch: Epoch, file: Arc<ServedFile>) {
        self.files.insert((gun.clone(), role.clone(), name), (epoch.deletions, file));
        self.measure();
    }

    fn measure(&self) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.cache.bytes.set(gauge(self.current.weighted_size() + self.files.weighted_size()));
        self.metrics.cache.entries.set(gauge(self.current.entry_count() + self.files.entry_count()));
    }

    fn bump(&self, gun: &Gun, at: usize) {
        if let Some(epoch) = self.slot(gun).and_then(|slot| slot.get(at)) {
            epoch.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn slot(&self, gun: &Gun) -> Option<&[AtomicU64; 2]> {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits choose a slot")]
        let slot = self.hasher.hash_one(gun) as usize % EPOCHS;
        self.epochs.get(slot)
    }
}
