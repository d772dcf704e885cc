//! HTTP: a request becomes a [`route::Route`], then one handler a file: extract, call, map.

mod budget;
mod changefeed;
mod keys;
mod metadata;
mod publish;
pub mod route;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use libtrust::names::{Gun, InvalidGun};

use crate::collection::Collections;
use crate::error::{ApiError, Code};
use route::Route;

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
    /// The collections.
    pub collections: Arc<Collections>,
    /// Cache headers of metadata.
    pub cache_headers: CacheHeaders,
    /// Bounds on requests.
    pub limits: RequestLimits,
    /// Uploads in flight.
    pub upload_budget: UploadBudget,
    /// Only names with one of these prefixes are served; none means all are.
    pub gun_prefixes: Vec<String>,
}

/// Everything under `/v2/`, and what is answered to the rest.
pub fn trust_api(app: Arc<App>) -> Router {
    Router::new().fallback(handle).with_state(app)
}

async fn handle(State(app): State<Arc<App>>, request: Request) -> Response {
    let route = Route::parse(request.method(), request.uri().path());
    match answer(&app, route, request).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

async fn answer(app: &App, route: Route, request: Request) -> Result<Response, ApiError> {
    if let Some(gun) = route.gun() {
        allowed(app, gun, &route)?;
    }
    let (head, body) = request.into_parts();
    match &route {
        Route::File(gun, role, which) => metadata::get(app, &head.method, &head.headers, gun, role, which).await,
        Route::Publish(Ok(gun)) => publish::post(app, &head.headers, body, gun).await,
        Route::Publish(Err(invalid)) => Err(invalid_gun(invalid)),
        Route::Key(gun, role) => keys::get(app, gun, role).await,
        Route::RotateKey(gun, role) => keys::rotate(app, gun, role).await,
        Route::Delete(gun) => publish::delete(app, gun).await,
        Route::Changefeed(gun) => changefeed::get(app, gun.as_ref(), head.uri.query().unwrap_or_default()).await,
        Route::Ping => Ok(ping()),
        Route::Redirect(path) => Ok(redirect(path, head.uri.query())),
        Route::MethodNotAllowed => Ok(status(StatusCode::METHOD_NOT_ALLOWED)),
        Route::NoSuchFile => Err(ApiError::no_such_file()),
        Route::Unknown => Err(ApiError::new(Code::MetadataNotFound)),
    }
}

/// Names outside the configured prefixes do not exist here.
fn allowed(app: &App, gun: &Gun, route: &Route) -> Result<(), ApiError> {
    let prefixes = &app.gun_prefixes;
    if prefixes.is_empty() || prefixes.iter().any(|prefix| gun.as_str().starts_with(prefix)) {
        return Ok(());
    }
    match route {
        Route::Publish(_) => {
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

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
