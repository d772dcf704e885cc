//! What operators ask: is it healthy, alive, ready, and how much does it do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Full;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::telemetry::Metrics;

/// How long the result of the checks is served, so that asking costs the store nothing.
const FRESH: Duration = Duration::from_secs(1);
/// A check that takes longer has failed.
const CHECK_TIME: Duration = Duration::from_secs(5);

/// Something the server depends on.
#[async_trait]
pub trait Check: Send + Sync + 'static {
    /// What is checked, as health reports name it: `DB operational`.
    fn name(&self) -> &'static str;

    /// Looks now.
    ///
    /// # Errors
    /// The cause, for the log; clients only learn that the check failed.
    async fn run(&self) -> Result<(), String>;
}

/// The operators' side of the server.
pub struct Ops {
    checks: Vec<Box<dyn Check>>,
    metrics: Arc<Metrics>,
    is_ready: AtomicBool,
    latest: Mutex<Option<(Instant, Health)>>,
}

/// A path operators ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `/_notary_server/health`: does everything it depends on work.
    Health,
    /// `/livez`: does the process answer at all.
    Live,
    /// `/readyz`: healthy, started, and not about to stop.
    Ready,
    /// `/metrics`: figures in Prometheus' text format.
    Metrics,
}

impl Endpoint {
    /// The endpoint a request asks for, if it is one of these.
    #[must_use]
    pub fn of(method: &Method, path: &str) -> Option<Self> {
        let endpoint = match path {
            "/_notary_server/health" => Self::Health,
            "/livez" => Self::Live,
            "/readyz" => Self::Ready,
            "/metrics" => Self::Metrics,
            _ => return None,
        };
        (*method == Method::GET || *method == Method::HEAD).then_some(endpoint)
    }
}

/// What failed, by name of the check.
type Health = BTreeMap<&'static str, &'static str>;

impl Ops {
    /// Not ready until [`Ops::set_ready`].
    #[must_use]
    pub fn new(checks: Vec<Box<dyn Check>>, metrics: Arc<Metrics>) -> Self {
        Self { checks, metrics, is_ready: AtomicBool::new(false), latest: Mutex::new(None) }
    }

    /// Says whether requests are welcome: true once listening, false when stopping.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Relaxed);
    }

    /// Answers an operator.
    pub async fn respond(&self, endpoint: Endpoint) -> Response<Full<Bytes>> {
        match endpoint {
            Endpoint::Live => report(&Health::new()),
            Endpoint::Health => report(&self.health().await),
            Endpoint::Ready if !self.is_ready.load(Relaxed) => {
                report(&Health::from([("ready", "starting or stopping")]))
            }
            Endpoint::Ready => report(&self.health().await),
            Endpoint::Metrics => self.metrics(),
        }
    }

    /// Runs the checks, or returns what they said within the last second. Whoever asks meanwhile waits for that run.
    async fn health(&self) -> Health {
        let mut latest = self.latest.lock().await;
        if let Some((when, health)) = latest.as_ref()
            && when.elapsed() < FRESH
        {
            return health.clone();
        }
        let mut health = Health::new();
        for check in &self.checks {
            let fault = match timeout(CHECK_TIME, check.run()).await {
                Ok(Ok(())) => continue,
                Ok(Err(cause)) => {
                    tracing::error!(check = check.name(), error = cause, "health check failed");
                    "not available"
                }
                Err(_) => {
                    tracing::error!(check = check.name(), "health check took too long");
                    "does not answer"
                }
            };
            health.insert(check.name(), fault);
        }
        *latest = Some((Instant::now(), health.clone()));
        health
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        match self.metrics.render() {
            Ok(text) => answer(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
            Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", String::new()),
        }
    }
}

fn report(health: &Health) -> Response<Full<Bytes>> {
    let status = if health.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    answer(status, "application/json; charset=utf-8", serde_json::json!(health).to_string())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use http_body_util::BodyExt;

    use super::*;

    struct Counted {
        runs: Arc<AtomicU32>,
        is_broken: Arc<AtomicBool>,
    }

    #[async_trait]
    impl Check for Counted {
        fn name(&self) -> &'static str {
            "DB operational"
        }

        async fn run(&self) -> Result<(), String> {
            self.runs.fetch_add(1, Relaxed);
            if self.is_broken.load(Relaxed) { Err("disk on fire".to_owned()) } else { Ok(()) }
        }
    }

    fn ops(is_broken: bool) -> (Ops, Arc<AtomicU32>) {
        let runs = Arc::new(AtomicU32::new(0));
        let check = Counted { runs: Arc::clone(&runs), is_broken: Arc::new(AtomicBool::new(is_broken)) };
        (Ops::new(vec![Box::new(check)], Arc::new(Metrics::new())), runs)
    }

    async fn ask(ops: &Ops, endpoint: Endpoint) -> (u16, String) {
        let response = ops.respond(endpoint).await;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_healthy_server_says_so_and_checks_at_most_once_a_second() {
        let (ops, runs) = ops(false);
        for _ in 0..10 {
            assert_eq!(ask(&ops, Endpoint::Health).await, (200, "{}".to_owned()));
        }
        assert_eq!(runs.load(Relaxed), 1);
    }

    #[tokio::test]
    async fn a_failed_check_is_named_without_its_internals() {
        let (ops, _) = ops(true);
        assert_eq!(ask(&ops, Endpoint::Health).await, (503, r#"{"DB operational":"not available"}"#.to_owned()));
        assert_eq!(ask(&ops, Endpoint::Live).await.0, 200, "alive all the same");
    }

    #[tokio::test]
    async fn a_server_is_ready_only_between_start_and_stop() {
        let (ops, _) = ops(false);
        assert_eq!(ask(&ops, Endpoint::Ready).await.0, 503);
        ops.set_ready(true);
        assert_eq!(ask(&ops, Endpoint::Ready).await.0, 200);
        ops.set_ready(false);
        assert_eq!(ask(&ops, Endpoint::Ready).await.0, 503);
    }

    #[tokio::test]
    async fn metrics_are_served_as_text() {
        let (ops, _) = ops(false);
        let (status, body) = ask(&ops, Endpoint::Metrics).await;
        assert_eq!(status, 200);
        assert!(body.contains("notary_server_http_request_duration_microseconds"));
    }

    #[test]
    fn only_reading_methods_reach_operators() {
        assert_eq!(Endpoint::of(&Method::HEAD, "/livez"), Some(Endpoint::Live));
        assert_eq!(Endpoint::of(&Method::POST, "/livez"), None);
        assert_eq!(Endpoint::of(&Method::GET, "/livez/"), None);
    }
}
