//! What operators ask: is it healthy, alive, ready, and how much does it do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderValue, StatusCode, header};
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

    /// What will fail soon unless somebody acts. Reports name it; the server counts as healthy all the same.
    fn warning(&self) -> Option<&'static str> {
        None
    }
}

/// The operators' side of the server.
pub struct Ops {
    checks: Vec<Box<dyn Check>>,
    metrics: Arc<Metrics>,
    is_ready: AtomicBool,
    latest: Mutex<Option<(Instant, Health)>>,
}

/// What failed and what will, by name of the check.
#[derive(Debug, Clone, Default)]
struct Health {
    faults: BTreeMap<&'static str, &'static str>,
    warnings: BTreeMap<&'static str, &'static str>,
}

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

    async fn readiness(&self) -> Health {
        if self.is_ready.load(Relaxed) {
            self.health().await
        } else {
            Health { faults: BTreeMap::from([("ready", "starting or stopping")]), ..Health::default() }
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
        let mut health = Health::default();
        for check in &self.checks {
            let fault = match timeout(CHECK_TIME, check.run()).await {
                Ok(Ok(())) => {
                    health.warnings.extend(check.warning().map(|warning| (check.name(), warning)));
                    continue;
                }
                Ok(Err(cause)) => {
                    tracing::error!(check = check.name(), error = cause, "health check failed");
                    "not available"
                }
                Err(_) => {
                    tracing::error!(check = check.name(), "health check took too long");
                    "does not answer"
                }
            };
            health.faults.insert(check.name(), fault);
        }
        *latest = Some((Instant::now(), health.clone()));
        health
    }

    fn metrics(&self) -> Response {
        match self.metrics.render() {
            Ok(text) => answer(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", text),
            Err(_) => answer(StatusCode::INTERNAL_SERVER_ERROR, "text/plain; charset=utf-8", String::new()),
        }
    }
}

/// The operators' paths.
pub fn router(ops: Arc<Ops>) -> Router {
    type Asked = State<Arc<Ops>>;
    Router::new()
        // Does everything it depends on work.
        .route("/_notary_server/health", get(async |State(ops): Asked| report(&ops.health().await)))
        // Does the process answer at all.
        .route("/livez", get(async || report(&Health::default())))
        // Healthy, started, and not about to stop.
        .route("/readyz", get(async |State(ops): Asked| report(&ops.readiness().await)))
        .route("/metrics", get(async |State(ops): Asked| ops.metrics()))
        .with_state(ops)
}

fn report(health: &Health) -> Response {
    let status = if health.faults.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let said: BTreeMap<_, _> = health.warnings.iter().chain(&health.faults).collect();
    answer(status, "application/json; charset=utf-8", serde_json::json!(said).to_string())
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt as _;

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

    fn ops(is_broken: bool) -> (Arc<Ops>, Arc<AtomicU32>) {
        let runs = Arc::new(AtomicU32::new(0));
        let check = Counted { runs: Arc::clone(&runs), is_broken: Arc::new(AtomicBool::new(is_broken)) };
        (Arc::new(Ops::new(vec![Box::new(check)], Arc::new(Metrics::new()))), runs)
    }

    async fn ask(ops: &Arc<Ops>, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(ops.clone()).oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_healthy_server_says_so_and_checks_at_most_once_a_second() {
        let (ops, runs) = ops(false);
        for _ in 0..10 {
            assert_eq!(ask(&ops, "/_notary_server/health").await, (200, "{}".to_owned()));
        }
        assert_eq!(runs.load(Relaxed), 1);
    }

    #[tokio::test]
    async fn a_failed_check_is_named_without_its_internals() {
        let (ops, _) = ops(true);
        assert_eq!(
            ask(&ops, "/_notary_server/health").await,
            (503, r#"{"DB operational":"not available"}"#.to_owned())
        );
        assert_eq!(ask(&ops, "/livez").await.0, 200, "alive all the same");
    }

    #[tokio::test]
    async fn a_server_is_ready_only_between_start_and_stop() {
        let (ops, _) = ops(false);
        assert_eq!(ask(&ops, "/readyz").await.0, 503);
        ops.set_ready(true);
        assert_eq!(ask(&ops, "/readyz").await.0, 200);
        ops.set_ready(false);
        assert_eq!(ask(&ops, "/readyz").await.0, 503);
    }

    #[tokio::test]
    async fn metrics_are_served_as_text() {
        let (ops, _) = ops(false);
        let (status, body) = ask(&ops, "/metrics").await;
        assert_eq!(status, 200);
        assert!(body.contains("notary_server_http_request_duration_microseconds"));
    }
}
