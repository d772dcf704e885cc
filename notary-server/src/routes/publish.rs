//! `POST` of an update, and `DELETE` of a collection.

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyDataStream, BodyExt as _, Full};
use libtrust::dialect::Dialect;
use libtrust::names::Gun;
use multer::Multipart;

use super::App;
use super::budget::Reservation;
use crate::accept::Upload;
use crate::collection::Collections;
use crate::error::{ApiError, Code};

/// Most of a refused body that is read before the refusal, in bytes.
const DISCARDED_BYTES: usize = 1 << 20;

/// Stores an upload: 200 without a body.
pub(super) async fn post(
    app: &App,
    dialect: Dialect,
    headers: &HeaderMap,
    body: Body,
    gun: &Gun,
) -> Result<Response, ApiError> {
    let collections = app.collections(dialect);
    let boundary = boundary(headers)?;
    let limit = app.limits.upload_bytes;
    let declared = declared_length(headers);
    if declared.is_some_and(|length| length > limit.saturating_mul(2)) {
        return Err(too_large(limit));
    }
    let mut reserved = app.upload_budget.reserve();
    let body = collect(body, &mut reserved, limit).await?;
    let upload = read(app, collections, body, boundary).await?;
    collections.publish(gun.clone(), upload, reserved).await?;
    Ok(empty())
}

/// Removes a collection: 200 without a body, whether or not there was one.
pub(super) async fn delete(app: &App, dialect: Dialect, gun: &Gun) -> Result<Response, ApiError> {
    app.collections(dialect).delete(gun.clone()).await?;
    Ok(empty())
}

fn empty() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    response
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(limit: u64) -> ApiError {
    ApiError::with_text(Code::TooLarge, format!("an upload has at most {limit} bytes (limits.upload_bytes)"))
}

/// The boundary of a `multipart/form-data` or `multipart/mixed` body.
fn boundary(headers: &HeaderMap) -> Result<String, ApiError> {
    let declared = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let rest = declared.strip_prefix("multipart/mixed").map(|rest| format!("multipart/form-data{rest}"));
    multer::parse_boundary(rest.as_deref().unwrap_or(declared)).map_err(|_| {
        let why = "expected Content-Type multipart/form-data or multipart/mixed with a boundary";
        ApiError::with_text(Code::MalformedUpload, why)
    })
}

/// Reads the parts within their limits. The file name of a part is its role; everything else about it is ignored.
async fn read(app: &App, collections: &Collections, body: Bytes, boundary: String) -> Result<Upload, ApiError> {
    let limits = &app.limits;
    // Whole first: a stream that pauses within the first bytes makes the parser miss a boundary that is there.
    let mut multipart = Multipart::new(BodyDataStream::new(Full::new(body)), boundary);
    let mut upload = Upload::new(collections.dialect());
    let mut parts = 0;
    loop {
        let field = match multipart.next_field().await {
            Ok(Some(field)) => field,
            Ok(None) => return Ok(upload),
            Err(error) => return Err(unreadable(&error)),
        };
        parts += 1;
        if parts > limits.upload_parts {
            let why = format!("an upload has at most {} parts (limits.upload_parts)", limits.upload_parts);
            return Err(ApiError::with_text(Code::TooLarge, why));
        }
        let name = field.file_name().filter(|name| !name.is_empty()).map(str::to_owned);
        let name = name.ok_or_else(|| ApiError::new(Code::NoFilename))?;
        let bytes: Bytes = field.bytes().await.map_err(|error| unreadable(&error))?;
        if upload.add(&name, bytes).is_err() {
            let role: String = name.chars().take(255).collect();
            return Err(ApiError::with_text(Code::InvalidRole, role));
        }
    }
}

/// The whole body. One over the limit is still read, though not kept, for as much again: a client that reads only after
/// it has sent everything would otherwise see a broken connection and not the reason.
async fn collect(mut body: Body, reserved: &mut Reservation, limit: u64) -> Result<Bytes, ApiError> {
    let mut collected = BytesMut::new();
    let mut size: u64 = 0;
    while let Some(frame) = body.frame().await {
        let broken = |_| ApiError::with_text(Code::MalformedUpload, "the connection ended before the body did");
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        size = size.saturating_add(data.len() as u64);
        if size > limit {
            collected = BytesMut::new();
            if size > limit.saturating_mul(2) {
                break;
            }
            continue;
        }
        if !reserved.grow_to(size) {
            let why = "too many uploads are under way (limits.upload_bytes_in_flight)";
            return Err(ApiError::with_text(Code::Unavailable, why));
        }
        collected.extend_from_slice(&data);
    }
    if size > limit { Err(too_large(limit)) } else { Ok(collected.freeze()) }
}

/// Reads what is left of the body of a refused request, and keeps none of it: a client that reads only after it has sent
/// everything would see a broken connection and not the refusal. Nothing is read from one that waits to be asked.
pub(super) async fn discard(headers: &HeaderMap, mut body: Body) {
    if headers.contains_key(EXPECT) {
        return;
    }
    let mut size = 0;
    while size < DISCARDED_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        size += frame.data_ref().map_or(0, Bytes::len);
    }
}

fn unreadable(error: &multer::Error) -> ApiError {
    ApiError::with_text(Code::MalformedUpload, format!("the multipart body cannot be read: {error}"))
}
