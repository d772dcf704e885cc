//! `GET` and `HEAD` of metadata files.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, PRAGMA};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use libtrust::dialect::Dialect;
use libtrust::names::{Gun, RoleName};

use super::App;
use super::route::Which;
use crate::collection::ServedFile;
use crate::error::ApiError;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// How long clients and proxies may keep metadata, as header values made once.
#[derive(Debug, Clone)]
pub struct CacheHeaders {
    /// Where everyone may read.
    public: Values,
    /// Where not everyone may: a cache that several clients share must keep nothing.
    private: Values,
}

#[derive(Debug, Clone)]
struct Values {
    current: Option<HeaderValue>,
    consistent: Option<HeaderValue>,
}

impl CacheHeaders {
    /// From times for current and for immutable files, cut to seconds; zero forbids keeping them.
    #[must_use]
    pub fn new(current: Duration, consistent: Duration) -> Self {
        Self {
            public: Values::new(current, consistent, |seconds| {
                format!("public, max-age={seconds}, s-maxage={seconds}")
            }),
            private: Values::new(current, consistent, |seconds| format!("private, max-age={seconds}")),
        }
    }
}

impl Values {
    fn new(current: Duration, consistent: Duration, text: impl Fn(u64) -> String) -> Self {
        let header = |time: Duration, more: &str| {
            let seconds = time.as_secs();
            (seconds > 0).then(|| format!("{}{more}", text(seconds))).and_then(|text| HeaderValue::try_from(text).ok())
        };
        Self { current: header(current, ", must-revalidate"), consistent: header(consistent, "") }
    }

    fn set(&self, which: &Which, headers: &mut HeaderMap) {
        let value = match which {
            Which::Current => &self.current,
            Which::Checksum(_) | Which::Version(_) => &self.consistent,
        };
        if let Some(value) = value {
            headers.insert(CACHE_CONTROL, value.clone());
        } else {
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=0, no-cache, no-store"));
            headers.insert(PRAGMA, NO_CACHE);
        }
    }
}

/// Answers with the stored bytes, or 304 if the client has them.
pub(super) async fn get(
    app: &App,
    dialect: Dialect,
    method: &Method,
    request: &HeaderMap,
    gun: &Gun,
    role: &RoleName,
    which: &Which,
) -> Result<Response, ApiError> {
    let collections = app.collections(dialect);
    let file = match which {
        Which::Current => collections.current_file(gun, role).await?,
        Which::Checksum(sha256) => collections.by_checksum(gun, role, *sha256).await?,
        Which::Version(version) => collections.by_version(gun, role, *version).await?,
    };
    let file = file.ok_or_else(ApiError::no_such_file)?;
    let mut response = answer(method, request, &file);
    match (dialect, which) {
        // All that a TUF client concludes depends on this being the newest.
        (Dialect::Tuf, Which::Current) => drop(response.headers_mut().insert(CACHE_CONTROL, NO_CACHE)),
        _ => app.set_cache(which, response.headers_mut()),
    }
    Ok(response)
}

impl App {
    /// How long the answer may be kept, and by whom.
    pub(super) fn set_cache(&self, which: &Which, headers: &mut HeaderMap) {
        let cache = if self.auth.is_some() { &self.cache_headers.private } else { &self.cache_headers.public };
        cache.set(which, headers);
    }
}

/// Whether the client has the file with this tag.
pub(super) fn is_known(request: &HeaderMap, etag: &HeaderValue) -> bool {
    request.get(IF_NONE_MATCH).is_some_and(|known| names(known, etag))
}

fn answer(method: &Method, request: &HeaderMap, file: &ServedFile) -> Response {
    let unchanged = is_known(request, &file.etag);
    let empty = unchanged || method == Method::HEAD;
    let mut response = Response::new(if empty { Body::empty() } else { Body::from(file.bytes.clone()) });
    let headers = response.headers_mut();
    headers.reserve(6);
    headers.insert(ETAG, file.etag.clone());
    headers.insert(LAST_MODIFIED, file.last_modified.clone());
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(file.bytes.len()));
    }
    response
}

/// Whether an `If-None-Match` names this tag; the comparison is weak (RFC 9110, 13.1.2).
fn names(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else { return false };
    known.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_tags_are_recognised_in_lists_and_weak_forms() {
        let etag = HeaderValue::from_static("\"ab\"");
        for known in ["\"ab\"", "W/\"ab\"", "\"x\", \"ab\"", "*"] {
            assert!(names(&HeaderValue::from_static(known), &etag), "{known}");
        }
        for known in ["\"abc\"", "ab", ""] {
            assert!(!names(&HeaderValue::from_static(known), &etag), "{known}");
        }
    }

    #[test]
    fn zero_seconds_forbid_caching() {
        let mut headers = HeaderMap::new();
        CacheHeaders::new(Duration::ZERO, Duration::from_secs(5)).public.set(&Which::Current, &mut headers);
        assert_eq!(headers[CACHE_CONTROL], "max-age=0, no-cache, no-store");
        assert_eq!(headers[PRAGMA], "no-cache");
        let mut headers = HeaderMap::new();
        CacheHeaders::new(Duration::ZERO, Duration::from_secs(5)).public.set(&Which::Checksum([0; 32]), &mut headers);
        assert_eq!(headers[CACHE_CONTROL], "public, max-age=5, s-maxage=5");
        assert!(!headers.contains_key(PRAGMA));
    }
}
