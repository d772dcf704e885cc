//! Metrics.

/// Counters.
#[derive(Debug, Default)]
pub struct Metrics;

impl Metrics {
    /// Cache.
    pub fn cache_hit(&self) {}
    /// Cache.
    pub fn cache_miss(&self) {}
}
