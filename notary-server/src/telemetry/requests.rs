//! What is said about each request: a line when it is answered, a request id on errors.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use axum::response::Response;
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use hyper::body::{Body, Incoming};
use ring::rand::{SecureRandom, SystemRandom};
use tracing::field::Empty;
use tracing::{Instrument, Level, enabled, error, info, info_span};

use notary_service::listen::{Application, Peer};

const REQUEST_ID: &str = "x-request-id";

/// Why a request failed, for the log and never for the client: put it among a response's extensions.
#[derive(Debug, Clone)]
pub struct Failure(pub String);

/// An application whose requests are logged.
///
/// At `info`, each request runs in a span with its id and GUN and ends in a `response completed` line. Below, nothing
/// is made for a request that succeeds. Every answer of 400 and above carries `X-Request-Id`; every one of 500 and
/// above is logged with the [`Failure`] it carries.
#[derive(Debug)]
pub struct Observed<A> {
    application: Arc<A>,
}

impl<A: Application> Observed<A> {
    /// Logs the requests of `application`.
    pub fn new(application: Arc<A>) -> Self {
        Self { application }
    }

    async fn respond_in_span(&self, request: Request<Incoming>, peer: Arc<Peer>) -> Response {
        let started = Instant::now();
        let id = next_id();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let gun = gun_of(uri.path()).unwrap_or_default();
        let address = peer.address;
        let span = info_span!("request", http.request.id = %id, gun.name = gun, auth.subject = Empty);
        let mut response = Arc::clone(&self.application).respond(request, peer).instrument(span.clone()).await;
        let _entered = span.enter();
        let status = response.status();
        fail(&mut response, &id, &method, &uri);
        info!(
            http.request.method = %method,
            http.request.uri = %uri,
            http.request.remoteaddr = %address,
            http.response.status = status.as_u16(),
            http.response.written = response.body().size_hint().lower(),
            http.response.duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "response completed"
        );
        response
    }
}

impl<A: Application> Application for Observed<A> {
    async fn respond(self: Arc<Self>, request: Request<Incoming>, peer: Arc<Peer>) -> Response {
        if enabled!(Level::INFO) {
            return self.respond_in_span(request, peer).await;
        }
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let mut response = Arc::clone(&self.application).respond(request, peer).await;
        if response.status() >= StatusCode::BAD_REQUEST {
            fail(&mut response, &next_id(), &method, &uri);
        }
        response
    }

    fn late(&self) -> Response {
        let mut response = self.application.late();
        let id = next_id();
        error!(http.request.id = %id, "a request took longer than request_time");
        set_id(&mut response, &id);
        response
    }
}

fn fail(response: &mut Response, id: &str, method: &Method, uri: &Uri) {
    let status = response.status();
    if status < StatusCode::BAD_REQUEST {
        return;
    }
    if status.is_server_error() {
        let cause = response.extensions_mut().remove().unwrap_or_else(|| Failure("not known".to_owned()));
        error!(
            http.request.id = id,
            http.request.method = %method,
            http.request.uri = %uri,
            http.response.status = status.as_u16(),
            error = cause.0,
            "request failed"
        );
    }
    set_id(response, id);
}

fn set_id(response: &mut Response, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
}

/// Unique: random per process, counted within it.
fn next_id() -> String {
    static PROCESS: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let process = PROCESS.get_or_init(|| {
        let mut random = [0_u8; 8];
        // Without random numbers ids are still unique within the process.
        let _ = SystemRandom::new().fill(&mut random);
        u64::from_ne_bytes(random)
    });
    format!("{process:016x}-{:08x}", COUNT.fetch_add(1, Relaxed))
}

/// The image name in a path of the trust API, as sent.
fn gun_of(path: &str) -> Option<&str> {
    if let Some(rest) = path.strip_prefix("/tuf/") {
        let (before, _) = rest.rsplit_once('/')?;
        let name = before.strip_suffix("/metadata").or_else(|| before.strip_suffix("/targets")).unwrap_or(before);
        return (!name.is_empty()).then_some(name);
    }
    let rest = path.strip_prefix("/v2/")?;
    rest.rfind("/_trust/").and_then(|end| rest.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_name_is_what_stands_before_the_trust_part() {
        assert_eq!(gun_of("/v2/docker.io/library/alpine/_trust/tuf/root.json"), Some("docker.io/library/alpine"));
        assert_eq!(gun_of("/v2/_trust/changefeed"), None);
        for path in ["/tuf/a/b/metadata/1.root.json", "/tuf/a/b/targets/x", "/tuf/a/b/", "/tuf/a/b/_changefeed"] {
            assert_eq!(gun_of(path), Some("a/b"), "{path}");
        }
        assert_eq!(gun_of("/tuf/_changefeed"), None);
        assert_eq!(gun_of("/metrics"), None);
    }

    #[test]
    fn request_ids_differ_and_fit_a_header() {
        let (a, b) = (next_id(), next_id());
        assert_ne!(a, b);
        assert!(HeaderValue::from_str(&a).is_ok());
    }
}
