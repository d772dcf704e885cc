//! The store, by what is asked of it.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Histogram;

const MICROSECONDS: &[u64] = &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000, 10_000_000];

/// What is asked of the store: the methods of its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum StorageAction {
    /// `publish`
    Publish,
    /// `newest`
    Newest,
    /// `head`
    Head,
    /// `by_checksum`
    ByChecksum,
    /// `by_version`
    ByVersion,
    /// `delete`
    Delete,
    /// `changes`
    Changes,
    /// `stale_timestamps`
    StaleTimestamps,
    /// `collections`
    Collections,
    /// `versions`
    Versions,
    /// `remove_versions`
    RemoveVersions,
}

impl StorageAction {
    const ALL: [Self; 11] = [
        Self::Publish,
        Self::Newest,
        Self::Head,
        Self::ByChecksum,
        Self::ByVersion,
        Self::Delete,
        Self::Changes,
        Self::StaleTimestamps,
        Self::Collections,
        Self::Versions,
        Self::RemoveVersions,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Newest => "newest",
            Self::Head => "head",
            Self::ByChecksum => "by_checksum",
            Self::ByVersion => "by_version",
            Self::Delete => "delete",
            Self::Changes => "changes",
            Self::StaleTimestamps => "stale_timestamps",
            Self::Collections => "collections",
            Self::Versions => "versions",
            Self::RemoveVersions => "remove_versions",
        }
    }
}

impl EncodeLabelValue for StorageAction {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.as_str().encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabel {
    action: StorageAction,
}

/// The store: `duration_seconds` and `errors_total` by action.
#[derive(Debug)]
pub struct StorageMetrics {
    actions: [(Histogram, Counter); StorageAction::ALL.len()],
}

impl StorageMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let durations: Family<ActionLabel, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::scaled(MICROSECONDS, 1e6));
        registry.register("duration_seconds", "Time the store took", durations.clone());
        let errors = Family::<ActionLabel, Counter>::default();
        registry.register("errors", "Failures of the store", errors.clone());
        let actions = StorageAction::ALL.map(|action| {
            let label = ActionLabel { action };
            (durations.get_or_create(&label).clone(), errors.get_or_create(&label).clone())
        });
        Self { actions }
    }

    /// Counts one call. A conflict or an absent file is no failure.
    pub fn observe(&self, action: StorageAction, took: Duration, is_ok: bool) {
        if let Some((duration, errors)) = self.actions.get(action as usize) {
            duration.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            if !is_ok {
                errors.inc();
            }
        }
    }
}
