//! Figures for `/metrics`, under Notary's names where Notary has them.
//!
//! Handles are made once; a hot path touches a few atomic numbers and no label. A GUN, key id or token is never a
//! label. What differs from Notary: durations and sizes are histograms, so `_sum` and `_count` read as before but
//! quantiles are computed from `_bucket`; the `code` of an answer without a body is the real one, not `0`.

mod auth;
mod cache;
mod http;
mod renewal;
mod storage;

use std::fmt;
use std::sync::Arc;

use notary_service::listen::Tls;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

pub use auth::AuthMetrics;
pub use cache::CacheMetrics;
pub use http::{HttpMetrics, Operation, Timer};
pub use notary_service::metrics::Histogram;
pub use renewal::RenewalMetrics;
pub use storage::{StorageAction, StorageMetrics};

/// All figures of a server.
#[derive(Debug)]
pub struct Metrics {
    /// Requests of the trust API.
    pub http: HttpMetrics,
    /// Authentication.
    pub auth: AuthMetrics,
    /// Notary's collections.
    pub notary: Arc<CollectionMetrics>,
    /// TUF 1.0 repositories.
    pub tuf: Arc<CollectionMetrics>,
    registry: Registry,
}

/// Figures about the collections of one dialect.
#[derive(Debug)]
pub struct CollectionMetrics {
    /// The cache of files.
    pub cache: CacheMetrics,
    /// The store.
    pub storage: StorageMetrics,
    /// Background renewal.
    pub renewal: RenewalMetrics,
}

impl CollectionMetrics {
    fn register(registry: &mut Registry) -> Self {
        Self {
            cache: CacheMetrics::register(registry.sub_registry_with_prefix("cache")),
            storage: StorageMetrics::register(registry.sub_registry_with_prefix("storage")),
            renewal: RenewalMetrics::register(registry.sub_registry_with_prefix("renewal")),
        }
    }
}

impl Metrics {
    /// All at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::default();
        let http = HttpMetrics::register(registry.sub_registry_with_prefix("notary_server_http"));
        let auth = AuthMetrics::register(registry.sub_registry_with_prefix("notary_server_auth"));
        let notary = CollectionMetrics::register(registry.sub_registry_with_prefix("notary_server"));
        let tuf = CollectionMetrics::register(registry.sub_registry_with_prefix("notary_server_tuf"));
        registry.register_collector(Box::new(notary_service::metrics::Process::default()));
        Self { http, auth, notary: Arc::new(notary), tuf: Arc::new(tuf), registry }
    }

    /// Adds the certificate of the listener.
    pub fn watch_certificate(&mut self, tls: Tls) {
        let certificate = notary_service::metrics::Certificate(tls);
        self.registry.sub_registry_with_prefix("notary_server").register_collector(Box::new(certificate));
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    /// Never in practice: writing text to memory does not fail.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 << 10);
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ::http::{Method, StatusCode};

    use super::*;

    #[test]
    fn every_operation_is_present_from_the_start() {
        let text = Metrics::new().render().unwrap();
        for operation in Operation::ALL {
            let line = format!(
                "notary_server_http_request_duration_microseconds_count{{operation=\"{}\"}} 0\n",
                operation.as_str()
            );
            assert!(text.contains(&line), "{line}{text}");
        }
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
    }

    #[test]
    fn a_request_is_counted_under_notarys_names_with_its_real_code() {
        let metrics = Metrics::new();
        let timer = metrics.http.begin(Operation::UpdateTuf);
        timer.finish(&Method::POST, StatusCode::OK, 1000, 0);
        metrics.http.begin(Operation::UpdateTuf).finish(&Method::POST, StatusCode::IM_A_TEAPOT, 10, 5);
        let text = metrics.render().unwrap();
        for line in [
            "notary_server_http_requests_total{code=\"200\",method=\"post\",operation=\"UpdateTUF\"} 1\n",
            "notary_server_http_requests_total{code=\"418\",method=\"post\",operation=\"UpdateTUF\"} 1\n",
            "notary_server_http_request_size_bytes_sum{operation=\"UpdateTUF\"} 1010.0\n",
            "notary_server_http_response_size_bytes_count{operation=\"UpdateTUF\"} 2\n",
            "notary_server_http_request_size_bytes_bucket{le=\"256.0\",operation=\"UpdateTUF\"} 1\n",
            "notary_server_http_request_size_bytes_bucket{le=\"1024.0\",operation=\"UpdateTUF\"} 2\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }

    #[test]
    fn cache_storage_and_renewal_have_figures() {
        let metrics = Metrics::new();
        metrics.notary.cache.hits.inc();
        metrics.tuf.cache.hits.inc_by(5);
        metrics.notary.cache.bytes.set(77);
        metrics.notary.storage.observe(StorageAction::Publish, Duration::from_millis(3), true);
        metrics.notary.storage.observe(StorageAction::ByChecksum, Duration::from_millis(3), false);
        metrics.notary.renewal.renewed.inc();
        let text = metrics.render().unwrap();
        for line in [
            "notary_server_cache_hits_total 1\n",
            "notary_server_cache_bytes 77\n",
            "notary_server_tuf_cache_hits_total 5\n",
            "notary_server_storage_duration_seconds_count{action=\"publish\"} 1\n",
            "notary_server_storage_errors_total{action=\"by_checksum\"} 1\n",
            "notary_server_renewal_renewed_total 1\n",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}
