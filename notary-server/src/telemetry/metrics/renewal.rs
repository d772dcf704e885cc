//! Background renewal of timestamps and snapshots.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Background renewal: does it keep up.
#[derive(Debug, Default)]
pub struct RenewalMetrics {
    /// Collections renewed in the background.
    pub renewed: Counter,
    /// Collections renewed because a reader met an expired timestamp; should stay at zero.
    pub renewed_on_read: Counter,
    /// Renewals that failed.
    pub failures: Counter,
    /// When the last walk over all collections ended, in seconds since 1970; 0 before the first.
    pub last_walk: Gauge,
}

impl RenewalMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("renewed", "Collections renewed in the background", metrics.renewed.clone());
        registry.register("renewed_on_read", "Collections renewed by a reader", metrics.renewed_on_read.clone());
        registry.register("failures", "Renewals that failed", metrics.failures.clone());
        registry.register("last_walk_timestamp_seconds", "End of the last walk", metrics.last_walk.clone());
        metrics
    }
}
