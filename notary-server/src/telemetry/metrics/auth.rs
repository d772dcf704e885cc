//! Authentication: who was not let in, and with which keys tokens are checked.

use std::fmt;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::auth::Refusal;

#[derive(Clone, PartialEq, Eq, Hash, EncodeLabelSet, Debug)]
struct Reason {
    reason: &'static str,
}

/// Authentication by token. All at zero without it.
#[derive(Clone, Default)]
pub struct AuthMetrics {
    refusals: Family<Reason, Counter>,
    /// Keys that check tokens.
    pub keys: Gauge,
    /// When the first certificate of the bundle expires, in seconds since 1970; 0 without a bundle.
    pub bundle_expiry: Gauge,
    /// Readings of keys that failed.
    pub key_failures: Counter,
}

impl AuthMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        for reason in Refusal::REASONS {
            drop(metrics.refusals.get_or_create(&Reason { reason }));
        }
        registry.register("refusals", "Requests not let in, by reason", metrics.refusals.clone());
        registry.register("keys", "Keys that check tokens", metrics.keys.clone());
        registry.register(
            "bundle_expiry_timestamp_seconds",
            "When the first certificate of rootcertbundle expires",
            metrics.bundle_expiry.clone(),
        );
        registry.register("key_failures", "Readings of the issuer's keys that failed", metrics.key_failures.clone());
        metrics
    }

    /// Counts a request that was not let in.
    pub fn refused(&self, refusal: &Refusal) {
        self.refusals.get_or_create(&Reason { reason: refusal.reason() }).inc();
    }
}

impl fmt::Debug for AuthMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthMetrics").finish_non_exhaustive()
    }
}
