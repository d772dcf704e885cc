//! What no route knows: Notary's last row.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::listen::{Application, Peer};

const NOT_FOUND: &str = "{\"errors\":[{\"code\":\"METADATA_NOT_FOUND\",\"message\":\"You have requested metadata that does not exist.\"}]}\n";
const LATE: &str = "{\"errors\":[{\"code\":\"UNKNOWN\",\"message\":\"The request took too long.\"}]}\n";

/// An application without routes.
#[derive(Debug)]
pub struct Unknown;

/// 404 for the methods Notary serves, 405 without a body for all others.
#[must_use]
pub fn unknown(method: &Method) -> Response<Full<Bytes>> {
    if [Method::GET, Method::POST, Method::PUT, Method::HEAD, Method::DELETE].contains(method) {
        return error(StatusCode::NOT_FOUND, NOT_FOUND);
    }
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// 503 for a request that took longer than `request_time`. The connection is closed: its upload was not read to the end.
#[must_use]
pub fn late() -> Response<Full<Bytes>> {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, LATE);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn error(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

impl Application for Unknown {
    async fn respond(self: Arc<Self>, request: Request<Incoming>, _peer: Arc<Peer>) -> Response<Full<Bytes>> {
        unknown(request.method())
    }

    fn late(&self) -> Response<Full<Bytes>> {
        late()
    }
}
