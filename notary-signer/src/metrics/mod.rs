//! Figures for `/metrics`. A GUN, key id or client name is never a label.

mod calls;

use std::fmt;
use std::sync::Arc;

use notary_service::listen::Tls;
use notary_service::metrics::{Certificate, Process};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

pub use calls::{Calls, Method};

use crate::health::Health;
use crate::signer::Signer;

/// All figures of a signer.
#[derive(Debug)]
pub struct Metrics {
    /// Calls, by method and code.
    pub calls: Calls,
    refused: Counter,
    key_store_failures: Counter,
    registry: Registry,
}

impl Metrics {
    /// All at zero, but for what is read when it is asked for.
    #[must_use]
    pub fn new(signer: &Arc<Signer>, health: &Health, tls: Tls) -> Self {
        let mut registry = Registry::default();
        let own = registry.sub_registry_with_prefix("notary_signer");
        let calls = Calls::register(own.sub_registry_with_prefix("grpc"));
        let (refused, key_store_failures) = (Counter::default(), Counter::default());
        own.register("refusals", "Calls that policy or authorization refused", refused.clone());
        own.register("key_store_errors", "Calls that failed because of the key store", key_store_failures.clone());
        own.register_collector(Box::new(Certificate(tls)));
        registry.register_collector(Box::new(Live { signer: Arc::clone(signer), health: health.clone() }));
        registry.register_collector(Box::new(Process::default()));
        Self { calls, refused, key_store_failures, registry }
    }

    /// Counts a refused call.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// Counts a call that failed because of the key store.
    pub fn key_store_failed(&self) {
        self.key_store_failures.inc();
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    /// Never in practice: writing text to memory does not fail.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(8 << 10);
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// Figures that others keep.
struct Live {
    signer: Arc<Signer>,
    health: Health,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Collector for Live {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let figures = self.signer.cache_figures();
        let up = ConstGauge::new(i64::from(self.health.is_serving()));
        let name = "notary_signer_key_store_up";
        up.encode(encoder.encode_descriptor(name, "Whether keys can be read", None, up.metric_type())?)?;
        let keys = ConstGauge::new(i64::try_from(figures.keys).unwrap_or(i64::MAX));
        let name = "notary_signer_key_cache_keys";
        keys.encode(encoder.encode_descriptor(name, "Unsealed keys in memory", None, keys.metric_type())?)?;
        for (name, help, value) in [
            ("notary_signer_key_cache_hits", "Calls that found their key unsealed", figures.hits),
            ("notary_signer_key_cache_misses", "Calls that unsealed their key", figures.misses),
        ] {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        Ok(())
    }
}
