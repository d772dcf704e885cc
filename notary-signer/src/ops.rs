//! What operators ask over plain HTTP: is it healthy, alive, ready, and how much does it do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::SystemTime;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use notary_service::listen::{Application, Peer, Tls, Validity};

use crate::health::Health;
use crate::metrics::Metrics;

/// The operators' side of the signer: `/healthz`, `/livez`, `/readyz` and `/metrics`.
#[derive(Debug)]
pub struct Ops {
    health: Health,
    metrics: Arc<Metrics>,
    tls: Tls,
    is_ready: AtomicBool,
}

/// What is wrong, by name, and whether calls fail because of it.
#[derive(Default)]
struct Report {
    said: BTreeMap<&'static str, &'static str>,
    is_bad: bool,
}

impl Ops {
    /// Not ready until [`Ops::set_ready`].
    #[must_use]
    pub const fn new(health: Health, metrics: Arc<Metrics>, tls: Tls) -> Self {
        Self { health, metrics, tls, is_ready: AtomicBool::new(false) }
    }

    /// Says whether calls are welcome: true once listening, false when stopping.
    pub fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Relaxed);
    }

    fn answer<B>(&self, request: &Request<B>) -> Response {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(StatusCode::METHOD_NOT_ALLOWED, JSON, String::new());
        }
        match request.uri().path() {
            // Does everything it depends on work.
            "/healthz" => answer(self.health()),
            // Does the process answer at all.
            "/livez" => answer(Report::default()),
            // Healthy, started, and not about to stop.
            "/readyz" if self.is_ready.load(Relaxed) => answer(self.health()),
            "/readyz" => answer(Report::default().fault("ready", "starting or stopping")),
            "/metrics" => match self.metrics.render() {
                Ok(figures) => {
                    text(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", figures)
                }
                Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, JSON, String::new()),
            },
            _ => text(StatusCode::NOT_FOUND, JSON, String::new()),
        }
    }

    fn health(&self) -> Report {
        let mut report = Report::default();
        if !self.health.is_serving() {
            report = report.fault("key store", "not available");
        }
        match self.tls.validity(SystemTime::now()) {
            Validity::Good => report,
            Validity::EndsSoon => report.warning("TLS certificate", "ends within a week"),
            Validity::Ended => report.fault("TLS certificate", "has ended"),
        }
    }
}

impl Report {
    fn fault(mut self, what: &'static str, how: &'static str) -> Self {
        self.is_bad = true;
        self.warning(what, how)
    }

    fn warning(mut self, what: &'static str, how: &'static str) -> Self {
        self.said.insert(what, how);
        self
    }
}

impl Application for Ops {
    async fn respond(self: Arc<Self>, request: Request<Incoming>, _peer: Arc<Peer>) -> Response {
        self.answer(&request)
    }

    fn late(&self) -> Response {
        text(StatusCode::SERVICE_UNAVAILABLE, JSON, String::new())
    }
}

const JSON: &str = "application/json; charset=utf-8";

fn answer(report: Report) -> Response {
    let status = if report.is_bad { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    text(status, JSON, serde_json::json!(report.said).to_string())
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
