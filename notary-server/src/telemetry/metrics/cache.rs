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
        registry.register("evictions", "Entries removed to make room", metrics.evictions.clone());
        registry.register("bytes", "Bytes held", metrics.bytes.clone());
        registry.register("entries", "Entries held", metrics.entries.clone());
        metrics
    }
}
