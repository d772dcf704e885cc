//! What trust servers, registries and token services say when they refuse.

use serde::Deserialize;
use serde_json::Value;

/// `{"errors":[{"code": .., "message": .., "detail": ..}]}`, or whatever else came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::client) struct ErrorBody {
    /// The error's code: `VERSION`.
    pub code: Option<String>,
    /// Which rule does not hold, by Notary's name for it: `ErrBadRoot`.
    pub kind: Option<String>,
    message: String,
    detail: String,
}

#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    errors: Vec<Entry>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    detail: Value,
}

impl ErrorBody {
    pub(in crate::client) fn parse(body: &[u8]) -> Self {
        let Ok(form) = serde_json::from_slice::<Form>(body) else {
            // A proxy's page says nothing in its tags.
            let text = String::from_utf8_lossy(body);
            let message = if text.trim_start().starts_with('<') { String::new() } else { words(&text) };
            return Self { message, ..Self::default() };
        };
        let Some(entry) = form.errors.into_iter().next() else {
            let message = form.details.or(form.error_description).unwrap_or_default();
            return Self { message: words(&message), ..Self::default() };
        };
        let kind = entry.detail.get("Name").and_then(Value::as_str).map(words);
        let detail = match &entry.detail {
            Value::String(text) => text,
            detail => detail.pointer("/Error/Msg").and_then(Value::as_str).unwrap_or_default(),
        };
        Self {
            code: entry.code.as_deref().map(words),
            kind,
            message: words(&entry.message.unwrap_or_default()),
            detail: words(detail),
        }
    }

    /// The server's words for people: the detail, which says more, if there is one.
    pub(in crate::client) fn message(&self) -> String {
        match (self.detail.as_str(), self.message.as_str(), &self.code) {
            ("", "", None) => "no reason given".to_owned(),
            ("", "", Some(code)) => code.clone(),
            ("", message, _) => message.to_owned(),
            (detail, ..) => detail.to_owned(),
        }
    }
}

/// A server's words, fit to be shown: one line, no control characters, not long.
fn words(text: &str) -> String {
    let shown = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(shown).take(500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_real_servers_send_is_read() {
        for (body, code, kind, message) in [
            (
                r#"{"errors":[{"code":"VERSION","message":"A newer version of metadata is already available.","detail":{}}]}"#,
                Some("VERSION"),
                None,
                "A newer version of metadata is already available.",
            ),
            (
                r#"{"errors":[{"code":"VERSION","message":"A newer version","detail":"targets version 3 is not newer"}]}"#,
                Some("VERSION"),
                None,
                "targets version 3 is not newer",
            ),
            (
                r#"{"errors":[{"code":"INVALID_UPDATE","message":"m","detail":{"Name":"ErrBadRoot","Error":{"Msg":"no certificate"}}}]}"#,
                Some("INVALID_UPDATE"),
                Some("ErrBadRoot"),
                "no certificate",
            ),
            (r#"{"details":"incorrect username or password"}"#, None, None, "incorrect username or password"),
            ("<html>502</html>", None, None, "no reason given"),
            ("plain\r\n\u{1b}[31mwords", None, None, "plain   [31mwords"),
            ("", None, None, "no reason given"),
        ] {
            let read = ErrorBody::parse(body.as_bytes());
            assert_eq!((read.code.as_deref(), read.kind.as_deref()), (code, kind), "{body}");
            assert_eq!(read.message(), message, "{body}");
        }
    }
}
