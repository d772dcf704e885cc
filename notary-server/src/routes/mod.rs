//! HTTP: a request becomes a [`route::Route`], then one handler a file: extract, call, map.

mod budget;
mod changefeed;
mod keys;
mod metadata;
pub mod ops;
mod publish;
mod repository;
pub mod route;
mod target;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use hyper::body::{Body as _, Incoming};
use libtrust::dialect::Dialect;
use libtrust::names::{Gun, InvalidGun};
use tower::Service as _;
use tracing::Span;

use crate::auth::TokenAuth;
use crate::auth::access::Requirement;
use crate::collection::Collections;
use crate::error::{ApiError, Code};
use crate::manifests::Manifests;
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Operation;
use notary_service::listen::{Application, Peer};
use route::{Route, Which};

pub use budget::UploadBudget;
pub use metadata::CacheHeaders;

/// Bounds on requests.
#[derive(Debug, Clone)]
pub struct RequestLimits {
    /// Largest upload, in bytes.
    pub upload_bytes: u64,
    /// Most parts in one upload.
    pub upload_parts: usize,
    /// Most changes in one page of the change feed.
    pub changefeed_records: u32,
}

/// What handlers need.
pub struct App {
    /// Notary's collections.
    pub notary: Arc<Collections>,
    /// TUF 1.0 repositories.
    pub tuf: Arc<Collections>,
    /// Where targets of repositories are; without it none are served.
    pub manifests: Option<Manifests>,
    /// Cache headers of metadata.
    pub cache_headers: CacheHeaders,
    /// Bounds on requests.
    pub limits: RequestLimits,
    /// Uploads in flight.
    pub upload_budget: UploadBudget,
    /// Figures about requests.
    pub metrics: Arc<Metrics>,
    /// Longest name served, in bytes.
    pub name_bytes: usize,
    /// Who may do what; without it everyone may do everything.
    pub auth: Option<Arc<TokenAuth>>,
    /// Only names with one of these prefixes are served; none means all are.
    pub gun_prefixes: Vec<String>,
}

impl App {
    /// Those of a dialect.
    #[must_use]
    pub fn collections(&self, dialect: Dialect) -> &Arc<Collections> {
        match dialect {
            Dialect::Tuf => &self.tuf,
            _ => &self.notary,
        }
    }

    fn both(&self) -> [&Arc<Collections>; 2] {
        [&self.notary, &self.tuf]
    }
}

/// Everything under `/v2/` and `/tuf/`, and what is answered to the rest.
pub fn trust_api(app: Arc<App>) -> Router {
    Router::new().fallback(handle).with_state(app)
}

/// The whole server for the listener: operators' paths first, then the trust API.
#[derive(Debug)]
pub struct Api(Router);

impl Api {
    /// Puts both sides behind one door.
    #[must_use]
    pub fn new(app: Arc<App>, ops: Arc<ops::Ops>) -> Self {
        Self(ops::router(ops).merge(trust_api(app)))
    }
}

impl Application for Api {
    async fn respond(self: Arc<Self>, request: http::Request<Incoming>, peer: Arc<Peer>) -> Response {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        self.0.clone().call(request).await.unwrap_or_else(|never| match never {})
    }

    /// The connection is closed: an upload on it was not read to its end.
    fn late(&self) -> Response {
        let mut response = ApiError::with_text(Code::Unavailable, "the request took too long").into_response();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let route = Route::parse(request.method(), request.uri().path());
    let Some(operation) = operation(&route) else {
        return answer(&app, route, request).await.unwrap_or_else(ApiError::into_response);
    };
    let method = request.method().clone();
    let request_size = request.body().size_hint().lower();
    let timer = app.metrics.http.begin(operation);
    let response = answer(&app, route, request).await.unwrap_or_else(ApiError::into_response);
    timer.finish(&method, response.status(), request_size, response.body().size_hint().lower());
    response
}

/// Under which name Notary counts a request.
const fn operation(route: &Route) -> Option<Operation> {
    Some(match route {
        Route::Publish(Dialect::Tuf, _) => Operation::RepositoryPublish,
        Route::File(Dialect::Tuf, _, _, Which::Version(_)) => Operation::RepositoryVersion,
        Route::File(Dialect::Tuf, ..) => Operation::RepositoryCurrent,
        Route::Target(..) => Operation::RepositoryTarget,
        Route::Delete(Dialect::Tuf, _) => Operation::RepositoryDelete,
        Route::Changefeed(Dialect::Tuf, _) => Operation::RepositoryChangefeed,
        Route::Publish(..) => Operation::UpdateTuf,
        Route::File(_, _, _, Which::Current) => Operation::GetRole,
        Route::File(_, _, _, Which::Checksum(_)) => Operation::GetRoleByHash,
        Route::File(_, _, _, Which::Version(_)) => Operation::GetRoleByVersion,
        Route::Key(..) => Operation::GetKey,
        Route::RotateKey(..) => Operation::RotateKey,
        Route::Delete(..) => Operation::DeleteTuf,
        Route::Changefeed(..) => Operation::Changefeed,
        _ => return None,
    })
}

async fn answer(app: &App, route: Route, request: Request) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    // Before the names: which of them are served is not for everyone to know.
    if let Some(auth) = &app.auth {
        match auth.authorize(&head.uri, &head.headers, &Requirement::of(&route)).await {
            Ok(Some(subject)) => drop(Span::current().record("auth.subject", &*subject)),
            Ok(None) => {}
            Err(refused) => {
                publish::discard(&head.headers, body).await;
                return Err(refused);
            }
        }
    }
    if let Some(gun) = route.gun() {
        allowed(app, gun, &route)?;
    }
    match &route {
        Route::File(dialect, gun, role, which) => {
            metadata::get(app, *dialect, &head.method, &head.headers, gun, role, which).await
        }
        Route::Target(gun, target) => target::get(app, &head.method, &head.headers, gun, target).await,
        Route::Publish(dialect, Ok(gun)) => publish::post(app, *dialect, &head.headers, body, gun).await,
        Route::Publish(_, Err(invalid)) => Err(invalid_gun(invalid)),
        Route::Key(gun, role) => keys::get(app, gun, role).await,
        Route::RotateKey(gun, role) => keys::rotate(app, gun, role).await,
        Route::Delete(dialect, gun) => publish::delete(app, *dialect, gun).await,
        Route::Changefeed(dialect, gun) => {
            changefeed::get(app, *dialect, gun.as_ref(), head.uri.query().unwrap_or_default()).await
        }
        Route::Ping => Ok(ping()),
        Route::Redirect(path) => Ok(redirect(path, head.uri.query())),
        Route::MethodNotAllowed => Ok(method_not_allowed()),
        Route::NoSuchFile => Err(ApiError::no_such_file()),
        Route::Unknown => Err(ApiError::new(Code::MetadataNotFound)),
    }
}

/// Names that are too long or outside the configured prefixes do not exist here.
fn allowed(app: &App, gun: &Gun, route: &Route) -> Result<(), ApiError> {
    let bytes = gun.as_str().len();
    if bytes > app.name_bytes {
        let why =
            format!("an image name has at most {} bytes (limits.name_bytes), this one has {bytes}", app.name_bytes);
        return match route {
            Route::Publish(..) => Err(ApiError::with_text(Code::InvalidGun, why)),
            _ => Err(ApiError::no_such_file()),
        };
    }
    let prefixes = &app.gun_prefixes;
    if prefixes.is_empty() || prefixes.iter().any(|prefix| gun.as_str().starts_with(prefix)) {
        return Ok(());
    }
    match route {
        Route::Publish(..) => {
            let detail = format!("Require GUNs with prefix: [{}]", prefixes.join(" "));
            Err(ApiError::with_text(Code::InvalidGun, detail))
        }
        _ => Err(ApiError::new(Code::MetadataNotFound)),
    }
}

fn invalid_gun(invalid: &InvalidGun) -> ApiError {
    ApiError::with_text(Code::InvalidGun, invalid.to_string())
}

fn ping() -> Response {
    let mut response = Response::new(Body::from("{}"));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn redirect(path: &str, query: Option<&str>) -> Response {
    let location = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut response = status(StatusCode::MOVED_PERMANENTLY);
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn method_not_allowed() -> Response {
    let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, POST, DELETE"));
    response
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
