//! `GET` of the change feed.

use axum::body::Body;
use axum::response::Response;
use chrono::SecondsFormat;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use libtrust::dialect::Dialect;
use libtrust::names::Gun;
use serde_json::{Value, json};

use super::App;
use crate::collection::ReadFailure;
use crate::error::{ApiError, Code};
use crate::storage::{Change, ChangeCursor, ChangeKind, ChangePage};

/// What `records=0` means in Notary.
const DEFAULT_RECORDS: u32 = 100;

/// A page of changes, oldest first.
pub(super) async fn get(app: &App, dialect: Dialect, gun: Option<&Gun>, query: &str) -> Result<Response, ApiError> {
    let (from, records) = page(query)?;
    let limit = records.min(app.limits.changefeed_records);
    let page = ChangePage { gun: gun.cloned(), from, limit };
    let changes = app.collections(dialect).storage().changes(&page).await.map_err(ReadFailure::from)?;
    let records: Vec<Value> = changes.iter().map(record).collect();
    let body = json!({"count": records.len(), "records": records}).to_string();
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Notary's meaning of `change_id` and `records`.
fn page(query: &str) -> Result<(ChangeCursor, u32), ApiError> {
    let field = |name: &str| {
        query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let id = match field("change_id").unwrap_or_default() {
        "" => 0,
        text => text.parse::<i32>().map_err(|_| {
            ApiError::with_text(Code::InvalidParameters, format!("change_id must be a 32-bit number, not {text:.32}"))
        })?,
    };
    let text = field("records").unwrap_or_default();
    let records: i32 = text.parse().map_err(|_| {
        let why = format!("invalid records parameter: records must be a 32-bit number, not {text:?}");
        ApiError::with_text(Code::InvalidParameters, why)
    })?;
    let count = if records == 0 { DEFAULT_RECORDS } else { records.unsigned_abs() };
    let from = match (id, records) {
        (..0, _) | (0, ..0) => ChangeCursor::Newest,
        (id, ..0) => ChangeCursor::Before(i64::from(id)),
        (id, _) => ChangeCursor::After(i64::from(id)),
    };
    Ok((from, count))
}

fn record(change: &Change) -> Value {
    let (category, version, sha256) = match &change.kind {
        ChangeKind::Update { version, sha256 } => ("update", *version, sha256.as_str()),
        ChangeKind::Deletion => ("deletion", 0, ""),
    };
    json!({
        "ID": change.id.to_string(),
        "CreatedAt": change.created_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "GUN": change.gun,
        "Version": version,
        "SHA256": sha256,
        "Category": category,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_mean_what_they_mean_in_notary() {
        for (query, expected) in [
            ("records=0", (ChangeCursor::After(0), 100)),
            ("records=7&change_id=", (ChangeCursor::After(0), 7)),
            ("change_id=5&records=2", (ChangeCursor::After(5), 2)),
            ("change_id=5&records=-2", (ChangeCursor::Before(5), 2)),
            ("records=-2", (ChangeCursor::Newest, 2)),
            ("change_id=-1&records=3", (ChangeCursor::Newest, 3)),
            ("records=-2147483648", (ChangeCursor::Newest, 1 << 31)),
        ] {
            assert_eq!(page(query), Ok(expected), "{query}");
        }
    }

    #[test]
    fn bad_numbers_are_refused() {
        for query in ["", "records=", "records=x", "records=2147483648", "records=1&change_id=x"] {
            assert_eq!(page(query).unwrap_err().code(), Code::InvalidParameters, "{query}");
        }
    }
}
