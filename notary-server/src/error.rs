//! The one table from our errors to what Notary's clients read: code, status, message and detail.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use libtrust::client::RegistryError;
use serde_json::{Value, json};

use crate::accept::Refusal;
use crate::collection::{PublishFailure, ReadFailure};
use crate::signer::SignerError;
use crate::telemetry::Failure;

/// Notary's clients read this much of an error body, and nothing of a longer one.
const MAX_BODY: usize = 1024;

/// An error as it is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    code: Code,
    detail: Option<Value>,
    /// For the log alone.
    cause: Option<String>,
    /// How to be let in.
    challenge: Option<HeaderValue>,
}

/// What went wrong, by the names Notary's clients know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// A part without a file name.
    NoFilename,
    /// A part whose name is no role.
    InvalidRole,
    /// A part that is not readable.
    MalformedJson,
    /// A body that is not multipart.
    MalformedUpload,
    /// An upload that breaks a rule.
    InvalidUpdate,
    /// A stored version is as new.
    Version,
    /// Nothing there.
    MetadataNotFound,
    /// A name this server does not take.
    InvalidGun,
    /// A bad query.
    InvalidParameters,
    /// Not without a token, or not with this one.
    Unauthorized,
    /// Over a limit of this server (ours; Notary had none).
    TooLarge,
    /// Not now (ours; Notary said `UNKNOWN`).
    Unavailable,
    /// Anything else.
    Unknown,
}

impl Code {
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::NoFilename => ("NO_FILENAME", StatusCode::BAD_REQUEST, "No file/role name provided."),
            Self::InvalidRole => {
                ("INVALID_ROLE", StatusCode::BAD_REQUEST, "The role you are attempting to operate on is invalid.")
            }
            Self::MalformedJson => {
                ("MALFORMED_JSON", StatusCode::BAD_REQUEST, "JSON sent by the client could not be parsed by the server")
            }
            Self::MalformedUpload => {
                ("MALFORMED_UPLOAD", StatusCode::BAD_REQUEST, "The body of your request is malformed.")
            }
            Self::InvalidUpdate => ("INVALID_UPDATE", StatusCode::BAD_REQUEST, "Update sent by the client is invalid."),
            Self::Version => ("VERSION", StatusCode::BAD_REQUEST, "A newer version of metadata is already available."),
            Self::MetadataNotFound => {
                ("METADATA_NOT_FOUND", StatusCode::NOT_FOUND, "You have requested metadata that does not exist.")
            }
            Self::InvalidGun => {
                ("INVALID_GUN", StatusCode::BAD_REQUEST, "The server does not support actions on images of this name.")
            }
            Self::InvalidParameters => {
                ("INVALID_PARAMETERS", StatusCode::BAD_REQUEST, "The parameters provided are not valid.")
            }
            Self::Unauthorized => ("UNAUTHORIZED", StatusCode::UNAUTHORIZED, "authentication required"),
            Self::TooLarge => {
                ("TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE, "The request is over a limit of the server.")
            }
            Self::Unavailable => {
                ("UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE, "The server cannot do this at the moment. Try again.")
            }
            Self::Unknown => ("UNKNOWN", StatusCode::INTERNAL_SERVER_ERROR, "unknown error"),
        }
    }

    /// The HTTP status it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        self.row().1
    }
}

impl ApiError {
    /// An error without detail.
    #[must_use]
    pub const fn new(code: Code) -> Self {
        Self { code, detail: None, cause: None, challenge: None }
    }

    /// An error whose detail is a sentence.
    #[must_use]
    pub fn with_text(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: Some(Value::String(detail.into())), cause: None, challenge: None }
    }

    /// The file asked for is not there.
    #[must_use]
    pub fn no_such_file() -> Self {
        Self { detail: Some(json!({})), ..Self::new(Code::MetadataNotFound) }
    }

    /// The client has to show a token; `challenge` says which, `detail` what for.
    #[must_use]
    pub fn unauthorized(challenge: HeaderValue, detail: Option<Value>) -> Self {
        Self { detail, challenge: Some(challenge), ..Self::new(Code::Unauthorized) }
    }

    /// Adds what only the log may tell.
    #[must_use]
    fn because(self, cause: &dyn std::fmt::Display) -> Self {
        Self { cause: Some(cause.to_string()), ..self }
    }

    /// What it is.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The body: one error, short enough for Notary's clients; the longest text of the detail is cut if need be.
    fn body(&self) -> Vec<u8> {
        let (code, _, message) = self.code.row();
        let mut detail = self.detail.clone();
        loop {
            let mut error = json!({"code": code, "message": message});
            if let (Some(detail), Some(error)) = (&detail, error.as_object_mut()) {
                error.insert("detail".to_owned(), detail.clone());
            }
            let mut body = json!({"errors": [error]}).to_string().into_bytes();
            body.push(b'\n');
            let excess = body.len().saturating_sub(MAX_BODY);
            if excess == 0 || !detail.as_mut().is_some_and(|detail| shorten(detail, excess)) {
                return body;
            }
        }
    }
}

/// Cuts the text of a detail by at least `excess` bytes; false if there is none left to cut.
fn shorten(detail: &mut Value, excess: usize) -> bool {
    match detail {
        Value::String(text) if !text.is_empty() => {
            let keep = text.len().saturating_sub(excess + "...".len());
            let keep = (0..=keep).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(keep);
            if keep > 0 {
                text.push_str("...");
            }
            true
        }
        Value::Array(items) => items.iter_mut().any(|item| shorten(item, excess)),
        Value::Object(members) => members.values_mut().any(|value| match value {
            Value::String(text) if text.len() < 64 => false,
            value => shorten(value, excess),
        }),
        _ => false,
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.code.status();
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Failure(cause));
        }
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if self.code == Code::Unavailable {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let Some(name) = refusal.name() else {
            return Self::with_text(Code::MalformedJson, refusal.to_string());
        };
        let mut error = json!({"Msg": refusal.to_string()});
        if let (Refusal::BadHierarchy { missing, .. }, Some(error)) = (&refusal, error.as_object_mut()) {
            error.insert("Missing".to_owned(), Value::String(missing.to_string()));
        }
        Self { detail: Some(json!({"Name": name, "Error": error})), ..Self::new(Code::InvalidUpdate) }
    }
}

/// Internals go to the log, never to a client.
impl From<ReadFailure> for ApiError {
    fn from(failure: ReadFailure) -> Self {
        let error = match &failure {
            ReadFailure::Torn { .. } | ReadFailure::Broken(_) => Self::new(Code::Unknown),
            ReadFailure::Storage(_) => Self::with_text(Code::Unavailable, "the server's storage does not answer"),
            ReadFailure::Signer(SignerError::Refused(_) | SignerError::UnusableKey(_)) => {
                Self::with_text(Code::Unknown, "the server's signer cannot sign with this key; see the server's log")
            }
            ReadFailure::Signer(SignerError::TooLarge { role, bytes, .. }) => {
                let why = format!("the collection's {role} has {bytes} bytes, more than the server's signer takes");
                Self::with_text(Code::TooLarge, why)
            }
            ReadFailure::Signer(_) => Self::with_text(Code::Unavailable, "the server's signer does not answer"),
        };
        error.because(&failure)
    }
}

impl From<PublishFailure> for ApiError {
    fn from(failure: PublishFailure) -> Self {
        match failure {
            PublishFailure::Refused(refusal) => refusal.into(),
            PublishFailure::Conflict { .. } => Self::with_text(Code::Version, failure.to_string()),
            PublishFailure::NameTaken { .. } => Self::with_text(Code::InvalidGun, failure.to_string()),
            PublishFailure::Contended { .. } => Self::with_text(Code::Unavailable, failure.to_string()),
            PublishFailure::Failed(failure) => failure.into(),
        }
    }
}

/// Who asks for a target learns what it is about the registry's answer, and nothing of how the server logs in there.
impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let known = match &error {
            RegistryError::NotFound { .. } => {
                Self::with_text(Code::MetadataNotFound, "the registry does not have this manifest")
            }
            RegistryError::OtherDigest { .. } | RegistryError::Malformed { .. } | RegistryError::TooLarge { .. } => {
                Self::with_text(Code::Unknown, "the registry sent something else than this manifest")
            }
            _ => Self::with_text(Code::Unavailable, "the registry does not answer"),
        };
        known.because(&error)
    }
}

#[cfg(test)]
mod tests {
    use libtrust::names::RoleName;

    use super::*;

    fn text(error: &ApiError) -> String {
        String::from_utf8(error.body()).unwrap()
    }

    #[test]
    fn a_refusal_has_the_shape_clients_parse() {
        let error = ApiError::from(Refusal::BadRoot("why".to_owned()));
        let body: Value = serde_json::from_str(&text(&error)).unwrap();
        assert_eq!(body["errors"][0]["code"], "INVALID_UPDATE");
        assert_eq!(body["errors"][0]["detail"], json!({"Name": "ErrBadRoot", "Error": {"Msg": "why"}}));
        assert!(text(&error).ends_with("}\n"));
    }

    #[test]
    fn a_missing_snapshot_says_what_is_missing() {
        let message = "no snapshot".to_owned();
        let error = ApiError::from(Refusal::BadHierarchy { missing: RoleName::Snapshot, message });
        let body: Value = serde_json::from_str(&text(&error)).unwrap();
        assert_eq!(body["errors"][0]["detail"]["Error"]["Missing"], "snapshot");
    }

    #[test]
    fn no_body_is_longer_than_clients_read() {
        for length in [10, 900, 5_000, 100_000] {
            for character in ["x", "\"", "é", "\u{1}"] {
                let error = ApiError::from(Refusal::BadTargets(character.repeat(length)));
                let body = error.body();
                assert!(body.len() <= MAX_BODY, "{length} x {character:?}: {}", body.len());
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body["errors"][0]["detail"]["Name"], "ErrBadTargets");
            }
        }
    }

    #[test]
    fn storage_errors_tell_nothing_about_the_storage() {
        let error = crate::storage::StorageError::Backend { action: "read", cause: "secret path".to_owned() };
        assert!(!text(&ApiError::from(ReadFailure::Storage(error))).contains("secret"));
    }
}
