//! `GET` and `HEAD` of a target of a repository.

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use libtrust::metadata::Digests;
use libtrust::names::{Gun, ImageDigest};

use super::App;
use super::metadata::is_known;
use super::route::{TargetFile, Which};
use crate::error::{ApiError, Code};

/// What manifests are.
const MANIFESTS: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// Answers with the manifest that the repository lists under this name, or 304 if the client has it. Only what is listed is
/// asked for: the registry's login is the server's, and not for everyone.
pub(super) async fn get(
    app: &App,
    method: &Method,
    request: &HeaderMap,
    gun: &Gun,
    file: &TargetFile,
) -> Result<Response, ApiError> {
    let Some(manifests) = &app.manifests else {
        return Err(no_target("this server serves no targets: no registry is configured (registry.url)"));
    };
    let target = app.tuf.target(gun, &file.name).await?;
    let target = target.ok_or_else(|| no_target("no current role lists a target of this name"))?;
    if file.digest.as_ref().is_some_and(|digest| !has(&target.digests, digest)) {
        return Err(no_target("the target of this name has another digest now"));
    }
    let Some(sha256) = target.digests.sha256 else {
        return Err(no_target("the target has no SHA-256, by which the registry is asked"));
    };
    let hex = hex::encode(sha256);
    let etag = HeaderValue::try_from(format!("\"{hex}\"")).unwrap_or(HeaderValue::from_static(""));
    let which = file.digest.as_ref().map_or(Which::Current, |_| Which::Checksum(sha256));
    let mut response = Response::new(Body::empty());
    if is_known(request, &etag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let digest: ImageDigest = format!("sha256:{hex}").parse().map_err(|_| no_target("its digest is none"))?;
        let manifest = manifests.fetch(gun, digest).await?;
        let manifest = manifest
            .ok_or_else(|| no_target("the repository's name is none of an image in the configured registry"))?;
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(manifest.bytes.len()));
        // What a manifest says of itself was written by whoever pushed it, and browsers would believe it.
        let kind = MANIFESTS.into_iter().find(|kind| *kind == manifest.descriptor.media_type);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.unwrap_or("application/octet-stream")));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if method != Method::HEAD {
            *response.body_mut() = Body::from(manifest.bytes);
        }
    }
    app.set_cache(&which, response.headers_mut());
    response.headers_mut().insert(ETAG, etag);
    Ok(response)
}

fn has(digests: &Digests, hex: &str) -> bool {
    digests.sha256.is_some_and(|digest| hex::encode(digest) == hex)
        || digests.sha512.is_some_and(|digest| hex::encode(digest) == hex)
}

fn no_target(why: &str) -> ApiError {
    ApiError::with_text(Code::MetadataNotFound, why)
}
