//! Calls, by method and code.

use std::time::Duration;

use notary_service::metrics::Histogram;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tonic::Code;

const MICROSECONDS: &[u64] =
    &[50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 1_000_000, 10_000_000];

/// What can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum Method {
    /// `/proto.Signer/Sign`
    Sign,
    /// `/proto.KeyManagement/CreateKey`
    CreateKey,
    /// `/proto.KeyManagement/DeleteKey`
    DeleteKey,
    /// `/proto.KeyManagement/GetKeyInfo`
    GetKeyInfo,
    /// `/grpc.health.v1.Health/Check`
    Health,
    /// Anything else.
    Unknown,
}

impl Method {
    const ALL: [Self; 6] =
        [Self::Sign, Self::CreateKey, Self::DeleteKey, Self::GetKeyInfo, Self::Health, Self::Unknown];

    /// The method a path stands for.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match path {
            "/proto.Signer/Sign" => Self::Sign,
            "/proto.KeyManagement/CreateKey" => Self::CreateKey,
            "/proto.KeyManagement/DeleteKey" => Self::DeleteKey,
            "/proto.KeyManagement/GetKeyInfo" => Self::GetKeyInfo,
            "/grpc.health.v1.Health/Check" => Self::Health,
            _ => Self::Unknown,
        }
    }

    /// Its name, as logs and metrics have it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sign => "Sign",
            Self::CreateKey => "CreateKey",
            Self::DeleteKey => "DeleteKey",
            Self::GetKeyInfo => "GetKeyInfo",
            Self::Health => "Health",
            Self::Unknown => "Unknown",
        }
    }

    /// Whether this asks for health.
    #[must_use]
    pub const fn is_health(self) -> bool {
        matches!(self, Self::Health)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodAndCode {
    method: &'static str,
    code: &'static str,
}

/// Calls: `requests_total` by method and code, `duration_seconds` by method, `in_flight`.
#[derive(Debug)]
pub struct Calls {
    requests: Family<MethodAndCode, Counter>,
    durations: [Histogram; Method::ALL.len()],
    in_flight: Gauge,
}

/// A call under way.
#[derive(Debug)]
pub struct Running(Gauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Calls {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests = Family::<MethodAndCode, Counter>::default();
        registry.register("requests", "Calls, by method and gRPC code", requests.clone());
        let family: Family<MethodLabel, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(|| Histogram::scaled(MICROSECONDS, 1e6));
        registry.register("duration_seconds", "Time to the answer", family.clone());
        let in_flight = Gauge::default();
        registry.register("in_flight", "Calls under way", in_flight.clone());
        let durations = Method::ALL.map(|method| {
            let (method, code) = (method.as_str(), code_name(Code::Ok));
            let _ = requests.get_or_create(&MethodAndCode { method, code });
            family.get_or_create(&MethodLabel { method }).clone()
        });
        Self { requests, durations, in_flight }
    }

    /// Counts a call as under way until the result is dropped.
    #[must_use]
    pub fn begin(&self) -> Running {
        self.in_flight.inc();
        Running(self.in_flight.clone())
    }

    /// Counts an answer.
    pub fn finish(&self, method: Method, code: Code, took: Duration) {
        self.requests.get_or_create(&MethodAndCode { method: method.as_str(), code: code_name(code) }).inc();
        if let Some(duration) = self.durations.get(method as usize) {
            duration.observe(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
    }
}

/// A code as gRPC's documents spell it.
const fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}
