//! The cache of files.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The cache of files: is it large enough, and does it help.
#[derive(Debug, Default)]
pub struct CacheMetrics {
    /// Reads answered from memory.
    pub hits: Counter,
    /// Reads that asked storage.
    pub misses: Counter,
    /// Questions to storage whether a collection is still as it is in memory.
    pub head_checks: Counter,
    /// Failures to learn what other servers wrote.
    pub follower_errors: Counter,
    /// When memory last agreed with storage about what other servers wrote, in seconds since 1970; 0 if none do.
    pub confirmed: Gauge,
    /// Entries removed to make room.
    pub evictions: Counter,
    /// Bytes held.
    pub bytes: Gauge,
    /// Entries held.
    pub entries: Gauge,
}

impl CacheMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("hits", "Reads answered from memory", metrics.hits.clone());
        registry.register("misses", "Reads that asked storage", metrics.misses.clone());
        registry.register("head_checks", "Questions whether memory is current", metrics.head_checks.clone());
        registry.register("follower_errors", "Failures to follow other servers", metrics.follower_errors.clone());
        registry.register("confirmed_timestamp_seconds", "Last agreement with storage", metrics.confirmed.clone());
        registry.register("evictions", "Entries removed to make room", metrics.evictions.clone());
        registry.register("bytes", "Bytes held", metrics.bytes.clone());
        registry.register("entries", "Entries held", metrics.entries.clone());
        metrics
    }
}
