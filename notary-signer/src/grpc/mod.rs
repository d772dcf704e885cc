//! The network face: Notary's two gRPC services and gRPC's own health protocol, over HTTP/2.
//!
//! ```text
//! mod.rs               a request finds its service; its deadline, its turn, its audit span, its figures
//!   ├ key_management.rs, signing.rs   fields in, a call of the signer, fields out
//!   ├ health.rs                       what the last look at the key store said
//!   └ status.rs                       the one table from our errors to gRPC's codes
//! ```
//!
//! Nothing a peer sends ends the process: what a service panics over ends its own call.

mod fields;
mod health;
mod key_management;
mod signing;
mod status;
mod timeout;

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, Request, StatusCode, Version, header};
use hyper::body::Incoming;
use notary_service::listen::{Application, Peer};
use signer_proto::health::health_server::HealthServer;
use signer_proto::proto::key_management_server::KeyManagementServer;
use signer_proto::proto::signer_server::SignerServer;
use tokio::sync::Semaphore;
use tonic::{Code, Status};
use tower::Service;
use tracing::Instrument as _;

use crate::health::Health;
use crate::metrics::{Method, Metrics};
use crate::peers::{Action, Authorization, Caller};
use crate::signer::{AUDIT, SignError, Signer};

/// Bounds on calls. Defaults and reasons are in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Largest request, in bytes.
    pub message_bytes: usize,
    /// Calls worked on at once.
    pub requests: usize,
    /// Longest time for a call.
    pub request_time: Duration,
}

/// Answers gRPC calls.
pub struct Face {
    signing: SignerServer<Calls>,
    key_management: KeyManagementServer<Calls>,
    health: HealthServer<Health>,
    metrics: Arc<Metrics>,
    turns: Semaphore,
    request_time: Duration,
}

/// What the handlers of calls stand on.
#[derive(Clone)]
struct Calls {
    signer: Arc<Signer>,
    authorization: Arc<Authorization>,
    metrics: Arc<Metrics>,
}

impl Face {
    /// Puts a face on a signer.
    #[must_use]
    pub fn new(
        signer: Arc<Signer>,
        authorization: Authorization,
        health: Health,
        limits: CallLimits,
        metrics: Arc<Metrics>,
    ) -> Self {
        let calls = Calls { signer, authorization: Arc::new(authorization), metrics: Arc::clone(&metrics) };
        let bytes = limits.message_bytes;
        Self {
            signing: SignerServer::new(calls.clone()).max_decoding_message_size(bytes),
            key_management: KeyManagementServer::new(calls).max_decoding_message_size(bytes),
            health: HealthServer::new(health).max_decoding_message_size(bytes),
            metrics,
            turns: Semaphore::new(limits.requests.clamp(1, Semaphore::MAX_PERMITS)),
            request_time: limits.request_time,
        }
    }

    async fn answer(&self, method: Method, mut request: Request<Incoming>, peer: &Peer) -> Response {
        let time = match timeout::of(request.headers()) {
            Ok(time) => time.map_or(self.request_time, |time| time.min(self.request_time)),
            Err(status) => return status.into_http(),
        };
        let caller = Caller::of(peer);
        let span = tracing::info_span!(
            target: AUDIT, "call", peer.name = caller.name(), peer.address = %caller.address(), rpc.method = method.as_str()
        );
        request.extensions_mut().insert(caller);
        let audited = span.clone();
        let call = async move {
            // Health is asked to find out whether there are turns left.
            let _turn = if method.is_health() { None } else { self.turns.acquire().await.ok() };
            let mut unfinished = Unfinished { method, is_over: false };
            let response = self.dispatch(method, request).await;
            unfinished.is_over = true;
            response
        };
        match tokio::time::timeout(time, call.instrument(span)).await {
            Ok(response) => response,
            Err(_) => {
                audited.in_scope(|| tracing::warn!(target: AUDIT, "the call took too long"));
                late().into_http()
            }
        }
    }

    async fn dispatch(&self, method: Method, request: Request<Incoming>) -> Response {
        match method {
            Method::Sign => called(self.signing.clone(), request).await,
            Method::CreateKey | Method::DeleteKey | Method::GetKeyInfo => {
                called(self.key_management.clone(), request).await
            }
            Method::Health => called(self.health.clone(), request).await,
            Method::Unknown => Status::unimplemented("there is no such method").into_http(),
        }
    }
}

impl Application for Face {
    async fn respond(self: Arc<Self>, request: Request<Incoming>, peer: Arc<Peer>) -> Response {
        if let Some(refusal) = not_grpc(&request) {
            return refusal;
        }
        let method = Method::of(request.uri().path());
        let (started, _running) = (Instant::now(), self.metrics.calls.begin());
        let mut response = self.answer(method, request, &peer).await;
        name_size_as_grpc_does(&mut response);
        self.metrics.calls.finish(method, code_of(&response), started.elapsed());
        response
    }

    fn late(&self) -> Response {
        late().into_http()
    }
}

impl Calls {
    /// Who calls, if that is permitted.
    fn permit<T>(&self, request: &tonic::Request<T>, action: Action) -> Result<(), Status> {
        let Some(caller) = request.extensions().get::<Caller>() else {
            return Err(Status::internal("the caller is not known"));
        };
        self.authorization.permit(caller, action).map_err(|denied| {
            tracing::warn!(target: AUDIT, error = %denied, "refused");
            self.metrics.refused();
            Status::permission_denied(denied.to_string())
        })
    }

    /// Counts and logs what failed here; what the caller did wrong is in the audit trail.
    fn note(&self, error: &SignError) {
        match error {
            SignError::Store(cause) => {
                self.metrics.key_store_failed();
                tracing::error!(error = %cause, "the key store failed");
            }
            SignError::Signing(cause) => tracing::error!(error = %cause, "signing failed"),
            SignError::Refused(_) => self.metrics.refused(),
            SignError::UnknownKey(_) => {}
        }
    }
}

/// Says in the audit trail that a call was begun and never answered: its time was over, or its caller went away.
struct Unfinished {
    method: Method,
    is_over: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_over && !self.method.is_health() {
            tracing::warn!(target: AUDIT, { rpc.method = self.method.as_str() }, "abandoned before there was an answer");
        }
    }
}

async fn called<S>(mut service: S, request: Request<Incoming>) -> Response
where
    S: Service<Request<Incoming>, Response = http::Response<tonic::body::Body>, Error = std::convert::Infallible>,
{
    let Ok(response) = service.call(request).await;
    response.map(Body::new)
}

fn late() -> Status {
    Status::deadline_exceeded("the call took too long")
}

/// Plain HTTP answers for what is not gRPC.
fn not_grpc<B>(request: &Request<B>) -> Option<Response> {
    let refuse = |status: StatusCode| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Some(response)
    };
    if request.version() != Version::HTTP_2 {
        return refuse(StatusCode::HTTP_VERSION_NOT_SUPPORTED);
    }
    let is_grpc = request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| {
        let rest = kind.as_bytes().strip_prefix(b"application/grpc");
        rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
    });
    if is_grpc { None } else { refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE) }
}

/// A message over the limit is RESOURCE_EXHAUSTED to Go's gRPC and OUT_OF_RANGE to ours; nothing else here is the latter.
fn name_size_as_grpc_does(response: &mut Response) {
    if code_of(response) == Code::OutOfRange {
        response.headers_mut().insert(Status::GRPC_STATUS, HeaderValue::from(Code::ResourceExhausted as i32));
    }
}

/// The status of an answer: a failed call has it in its header, any other succeeded.
fn code_of(response: &Response) -> Code {
    response.headers().get(Status::GRPC_STATUS).map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}
