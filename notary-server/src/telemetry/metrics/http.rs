//! Requests of the trust API, by operation.

use std::sync::OnceLock;
use std::time::Instant;

use http::{Method, StatusCode};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

use super::Histogram;

const MICROSECONDS: &[u64] =
    &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 10_000_000];
const BYTES: &[u64] = &[256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 16 << 20, 128 << 20];

/// What a request of the trust API does. The names are Notary's where it has any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Operation {
    /// Publish.
    UpdateTuf,
    /// A current file.
    GetRole,
    /// A file by checksum.
    GetRoleByHash,
    /// A file by version.
    GetRoleByVersion,
    /// The public half of an online key.
    GetKey,
    /// A new online key.
    RotateKey,
    /// Delete a collection.
    DeleteTuf,
    /// The change feed.
    Changefeed,
    /// Publish to a TUF repository.
    RepositoryPublish,
    /// A current file of a TUF repository.
    RepositoryCurrent,
    /// A file of a TUF repository by version.
    RepositoryVersion,
    /// A target of a TUF repository.
    RepositoryTarget,
    /// Delete a TUF repository.
    RepositoryDelete,
    /// The change feed of TUF repositories.
    RepositoryChangefeed,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::UpdateTuf,
        Self::GetRole,
        Self::GetRoleByHash,
        Self::GetRoleByVersion,
        Self::GetKey,
        Self::RotateKey,
        Self::DeleteTuf,
        Self::Changefeed,
        Self::RepositoryPublish,
        Self::RepositoryCurrent,
        Self::RepositoryVersion,
        Self::RepositoryTarget,
        Self::RepositoryDelete,
        Self::RepositoryChangefeed,
    ];

    /// The value of the label `operation`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpdateTuf => "UpdateTUF",
            Self::GetRole => "GetRole",
            Self::GetRoleByHash => "GetRoleByHash",
            Self::GetRoleByVersion => "GetRoleByVersion",
            Self::GetKey => "GetKey",
            Self::RotateKey => "RotateKey",
            Self::DeleteTuf => "DeleteTUF",
            Self::Changefeed => "Changefeed",
            Self::RepositoryPublish => "RepositoryPublish",
            Self::RepositoryCurrent => "RepositoryCurrent",
            Self::RepositoryVersion => "RepositoryVersion",
            Self::RepositoryTarget => "RepositoryTarget",
            Self::RepositoryDelete => "RepositoryDelete",
            Self::RepositoryChangefeed => "RepositoryChangefeed",
        }
    }
}

impl EncodeLabelValue for Operation {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        self.as_str().encode(encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    code: u16,
    method: &'static str,
    operation: Operation,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: Operation,
}

/// Codes with a counter found without a look-up; others take one.
const CODES: [u16; 10] = [200, 304, 400, 404, 405, 408, 413, 429, 500, 503];
const METHODS: [(Method, &str); 4] =
    [(Method::GET, "get"), (Method::HEAD, "head"), (Method::POST, "post"), (Method::DELETE, "delete")];

/// Requests of the trust API: `requests_total`, `request_duration_microseconds`, `request_size_bytes` and
/// `response_size_bytes`.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    operations: [OperationMetrics; Operation::ALL.len()],
}

#[derive(Debug)]
struct OperationMetrics {
    duration: Histogram,
    request_size: Histogram,
    response_size: Histogram,
    /// Made when first counted, so that only what happened is listed.
    counters: [[OnceLock<Counter>; CODES.len()]; METHODS.len()],
}

/// A request being timed.
#[derive(Debug)]
#[must_use = "a request is only counted by `finish`"]
pub struct Timer<'a> {
    metrics: &'a HttpMetrics,
    operation: Operation,
    started: Instant,
}

impl HttpMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        registry.register("requests", "Requests answered", requests.clone());
        let duration = family(|| Histogram::new(MICROSECONDS));
        registry.register("request_duration_microseconds", "Time to answer a request", duration.clone());
        let request_size = family(|| Histogram::new(BYTES));
        registry.register("request_size_bytes", "Size of request bodies", request_size.clone());
        let response_size = family(|| Histogram::new(BYTES));
        registry.register("response_size_bytes", "Size of response bodies", response_size.clone());
        let operations = Operation::ALL.map(|operation| {
            let label = OperationLabel { operation };
            OperationMetrics {
                duration: duration.get_or_create(&label).clone(),
                request_size: request_size.get_or_create(&label).clone(),
                response_size: response_size.get_or_create(&label).clone(),
                counters: Default::default(),
            }
        });
        Self { requests, operations }
    }

    /// Starts to time a request.
    pub fn begin(&self, operation: Operation) -> Timer<'_> {
        Timer { metrics: self, operation, started: Instant::now() }
    }

    fn count(&self, operation: Operation, method: &Method, status: StatusCode) {
        let code = status.as_u16();
        let method = METHODS.iter().position(|(known, _)| known == method);
        let name = method.and_then(|index| METHODS.get(index)).map_or("other", |(_, name)| name);
        let make = || self.requests.get_or_create(&RequestLabels { code, method: name, operation }).clone();
        let known = CODES.iter().position(|known| *known == code);
        let cell = method
            .zip(known)
            .and_then(|(method, code)| self.operations.get(operation as usize)?.counters.get(method)?.get(code));
        match cell {
            Some(cell) => cell.get_or_init(make).inc(),
            None => make().inc(),
        };
    }
}

impl Timer<'_> {
    /// Counts the request; sizes are of the bodies, in bytes.
    pub fn finish(self, method: &Method, status: StatusCode, request_size: u64, response_size: u64) {
        self.metrics.count(self.operation, method, status);
        if let Some(metrics) = self.metrics.operations.get(self.operation as usize) {
            metrics.duration.observe(u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX));
            metrics.request_size.observe(request_size);
            metrics.response_size.observe(response_size);
        }
    }
}

fn family(make: fn() -> Histogram) -> Family<OperationLabel, Histogram, fn() -> Histogram> {
    Family::new_with_constructor(make)
}
