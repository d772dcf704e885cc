//! What operators ask over plain HTTP: is it healthy, alive, ready, and how much does it do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Incoming;
use notary_service::listen::{Application, Peer};

use crate::health::Health;
use crate::metrics::Metrics;

/// The operators' side of the signer: `/healthz`, `/livez`, `/readyz` and `/metrics`.
#[derive(Debug)]
pub struct Ops {
    health: Health,
    metrics: Arc<Metrics>,
    is_ready: AtomicBool,
}

impl Ops {
    /// Not ready until [`Ops::set_ready`].
    #[must_use]
    pub const fn new(health: Health, metrics: Arc<Metrics>) -> Self {
        Self { health, metrics, is_ready: AtomicBool::new(false) }
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
            "/healthz" => report((!self.health.is_serving()).then_some(("key store", "not available"))),
            // Does the process answer at all.
            "/livez" => report(None),
            // Healthy, started, and not about to stop.
            "/readyz" if !self.is_ready.load(Relaxed) => report(Some(("ready", "starting or stopping"))),
            "/readyz" => report((!self.health.is_serving()).then_some(("key store", "not available"))),
            "/metrics" => match self.metrics.render() {
                Ok(figures) => {
                    text(StatusCode::OK, "application/openmetrics-text; version=1.0.0; charset=utf-8", figures)
                }
                Err(_) => text(StatusCode::INTERNAL_SERVER_ERROR, JSON, String::new()),
            },
            _ => text(StatusCode::NOT_FOUND, JSON, String::new()),
        }
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

fn report(fault: Option<(&str, &str)>) -> Response {
    match fault {
        None => text(StatusCode::OK, JSON, "{}".to_owned()),
        Some((what, how)) => text(StatusCode::SERVICE_UNAVAILABLE, JSON, serde_json::json!({ what: how }).to_string()),
    }
}

fn text(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
