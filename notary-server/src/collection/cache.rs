//! Files in memory: bounded, and never older than what this process acknowledged.
//!
//! A reader that misses and a writer that commits can cross: the reader would put back what the writer just replaced.
//! So every entry carries the epoch of its collection from *before* it was loaded, and is there only while that epoch
//! stands. A writer moves the epoch after its commit and before it answers. What other processes write only casts doubt:
//! an entry then is [`Kept`] without counting until the store confirms it; see [`super::coherence`].

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};
use moka::notification::RemovalCause;
use moka::sync::Cache as Moka;

use super::coherence::{Coherence, Moment};
use super::{Current, ServedFile};
use crate::storage::Sha256;
use crate::telemetry::metrics::CollectionMetrics;

/// How many epochs collections share. Sharing costs a needless reload now and then, nothing else.
const EPOCHS: usize = 1 << 16;

/// What names an immutable file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum FileName {
    /// By the digest of its bytes.
    Checksum(Sha256),
    /// By version.
    Version(Version),
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum(sha256) => write!(f, "digest {}", hex::encode(sha256)),
            Self::Version(version) => write!(f, "version {version}"),
        }
    }
}

type FileKey = (Gun, RoleName, FileName);

/// What was known of a collection at one moment: its epochs, and what had been reported of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// Moves with every write of this process, and when another's is found.
    writes: u64,
    /// Moves with every deletion, and when another's write is found: also immutable files may be gone then.
    deletions: u64,
    /// Moves with every report of a write, by whichever process.
    reports: u64,
    as_of: Moment,
}

impl Mark {
    /// This mark, with no more known of other processes than `earlier` did.
    pub(super) const fn seen(self, earlier: Self) -> Self {
        Self { reports: earlier.reports, as_of: earlier.as_of, ..self }
    }
}

/// Something in memory that no known write has replaced.
#[derive(Debug)]
pub(super) struct Kept<T> {
    pub(super) value: Arc<T>,
    /// Whether it may be served without asking the store.
    pub(super) counts: bool,
}

pub(super) struct Cache {
    current: Moka<Gun, (Mark, Arc<Current>)>,
    files: Moka<FileKey, (Mark, Arc<ServedFile>)>,
    epochs: Vec<Epochs>,
    /// Moves when everything in memory may be old.
    doubts: AtomicU64,
    coherence: Coherence,
    hasher: RandomState,
    metrics: Arc<CollectionMetrics>,
}

#[derive(Debug, Default)]
struct Epochs {
    writes: AtomicU64,
    deletions: AtomicU64,
    reports: AtomicU64,
}

impl Cache {
    /// A cache of at most about `bytes`: half for current sets, half for immutable files.
    pub(super) fn new(bytes: u64, coherence: Coherence, metrics: Arc<CollectionMetrics>) -> Self {
        let weigh_current = |gun: &Gun, (_, set): &(Mark, Arc<Current>)| {
            set.weight().saturating_add(u32::try_from(gun.as_str().len()).unwrap_or(u32::MAX))
        };
        let weigh_file = |key: &FileKey, (_, file): &(Mark, Arc<ServedFile>)| {
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
            epochs: (0..EPOCHS).map(|_| Epochs::default()).collect(),
            doubts: AtomicU64::new(0),
            coherence,
            hasher: RandomState::new(),
            metrics,
        }
    }

    /// Decides what counts.
    pub(super) const fn coherence(&self) -> &Coherence {
        &self.coherence
    }

    /// What to hand to an insertion; taken before loading.
    pub(super) fn mark(&self, gun: &Gun) -> Mark {
        let as_of = self.coherence.now();
        let read = |epoch: Option<&AtomicU64>| epoch.map_or(0, |epoch| epoch.load(Ordering::Acquire));
        let slot = self.slot(gun);
        Mark {
            writes: read(slot.map(|slot| &slot.writes)),
            deletions: read(slot.map(|slot| &slot.deletions)),
            // Both only grow, so equal sums mean that neither moved.
            reports: read(slot.map(|slot| &slot.reports)).wrapping_add(read(Some(&self.doubts))),
            as_of,
        }
    }

    /// Forgets the current set of a collection: something was, or may have been, written.
    pub(super) fn written(&self, gun: &Gun) {
        self.slot(gun).map(|slot| slot.writes.fetch_add(1, Ordering::AcqRel));
    }

    /// Forgets everything about a collection.
    pub(super) fn deleted(&self, gun: &Gun) {
        self.written(gun);
        self.slot(gun).map(|slot| slot.deletions.fetch_add(1, Ordering::AcqRel));
        self.current.invalidate(gun);
    }

    /// A collection was written or deleted, perhaps by another process: the store must confirm what is in memory.
    pub(super) fn reported(&self, gun: &Gun) {
        self.slot(gun).map(|slot| slot.reports.fetch_add(1, Ordering::AcqRel));
    }

    /// Any collection may have been written by another process.
    pub(super) fn distrust(&self) {
        self.doubts.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn current(&self, gun: &Gun) -> Option<Kept<Current>> {
        let (mark, value) = self.current.get(gun)?;
        let (counts, now) = self.judge(gun, &mark);
        (mark.writes == now.writes).then_some(Kept { value, counts })
    }

    pub(super) fn insert_current(&self, gun: &Gun, mark: Mark, set: Arc<Current>) {
        self.current.insert(gun.clone(), (mark, set));
        self.measure();
    }

    pub(super) fn file(&self, gun: &Gun, role: &RoleName, name: &FileName) -> Option<Kept<ServedFile>> {
        let (mark, value) = self.files.get(&(gun.clone(), role.clone(), *name))?;
        let (counts, now) = self.judge(gun, &mark);
        (mark.deletions == now.deletions).then_some(Kept { value, counts })
    }

    pub(super) fn insert_file(&self, gun: &Gun, role: &RoleName, name: FileName, mark: Mark, file: Arc<ServedFile>) {
        self.files.insert((gun.clone(), role.clone(), name), (mark, file));
        self.measure();
    }

    /// Whether what has this mark may be served without asking the store.
    fn judge(&self, gun: &Gun, mark: &Mark) -> (bool, Mark) {
        // First: who sees a confirmation must see the reports that came before it.
        let confirmed = self.coherence.confirmed();
        let now = self.mark(gun);
        (mark.reports == now.reports && self.coherence.vouches(confirmed.max(mark.as_of), now.as_of), now)
    }

    fn measure(&self) {
        let gauge = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        self.metrics.cache.bytes.set(gauge(self.current.weighted_size() + self.files.weighted_size()));
        self.metrics.cache.entries.set(gauge(self.current.entry_count() + self.files.entry_count()));
    }

    fn slot(&self, gun: &Gun) -> Option<&Epochs> {
        #[expect(clippy::cast_possible_truncation, reason = "only the low bits choose a slot")]
        let slot = self.hasher.hash_one(gun) as usize % EPOCHS;
        self.epochs.get(slot)
    }
}
