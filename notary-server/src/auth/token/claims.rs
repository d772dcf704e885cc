//! What a token says: from whom, for whom, until when, what.

use chrono::{DateTime, Utc};
use libtrust::json::Value;

use super::super::access::{Granted, Subject};
use super::super::refusal::Refusal;
use super::MAX_DEPTH;

/// Clocks may differ by this much, in seconds (Notary's leeway).
const LEEWAY: i64 = 60;
/// Most JSON values in the claims.
const MAX_VALUES: usize = 20_000;
/// Longest `sub` that is kept, in characters.
const MAX_SUBJECT: usize = 200;

/// What the claims must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// `iss`.
    pub issuer: String,
    /// `aud`, or one of them.
    pub service: String,
}

/// The claims of a token whose issuer and audience are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: who asked for the token; cut if it is very long. Empty for nobody in particular.
    pub subject: Subject,
    /// `access`.
    pub granted: Vec<Granted>,
    expires: i64,
    not_before: Option<i64>,
}

impl Claims {
    /// Reads the claims and checks `iss` and `aud`. Only whole seconds are times, as in Notary.
    ///
    /// # Errors
    /// A [`Refusal`] if they are not the registries' claims, or not from the issuer for the service.
    pub(super) fn parse(json: &[u8], expected: &Expected) -> Result<Self, Refusal> {
        let claims = Value::parse_within(json, MAX_DEPTH, MAX_VALUES)
            .map_err(|_| Refusal::Malformed("the claims are not JSON with each name once"))?;
        let member = |name: &str| claims.get(name).filter(|value| **value != Value::Null);
        if member("iss").and_then(Value::as_str) != Some(&*expected.issuer) {
            return Err(Refusal::Issuer);
        }
        let is_audience = |value: &Value<'_>| value.as_str() == Some(&expected.service);
        let is_ours = match member("aud") {
            Some(Value::Array(list)) => list.iter().any(is_audience),
            Some(one) => is_audience(one),
            None => false,
        };
        if !is_ours {
            return Err(Refusal::Audience);
        }
        let time = |name: &str| match member(name) {
            None => Ok(None),
            Some(value) => value.as_whole().map(Some).ok_or(Refusal::Malformed("a time is not in whole seconds")),
        };
        let expires = time("exp")?.ok_or(Refusal::Malformed("it never expires (no exp)"))?;
        let subject = match member("sub") {
            None => Subject::default(),
            Some(value) => {
                let text = value.as_str().ok_or(Refusal::Malformed("sub is not a string"))?;
                text.chars().take(MAX_SUBJECT).collect::<String>().into()
            }
        };
        let granted = member("access").map(access).transpose()?.unwrap_or_default();
        Ok(Self { subject, granted, expires, not_before: time("nbf")? })
    }

    /// Whether the token may be used at `now`, give or take a minute.
    ///
    /// # Errors
    /// A [`Refusal`] if not.
    pub fn is_current(&self, now: DateTime<Utc>) -> Result<(), Refusal> {
        let now = now.timestamp();
        if now > self.expires.saturating_add(LEEWAY) {
            return Err(Refusal::Expired);
        }
        if self.not_before.is_some_and(|start| now < start.saturating_sub(LEEWAY)) {
            return Err(Refusal::NotYetValid);
        }
        Ok(())
    }
}

fn access(list: &Value<'_>) -> Result<Vec<Granted>, Refusal> {
    const WHY: Refusal = Refusal::Malformed("access is not a list of type, name and actions");
    let Value::Array(list) = list else { return Err(WHY) };
    list.iter().map(|entry| grant(entry).ok_or(WHY)).collect()
}

fn grant(entry: &Value<'_>) -> Option<Granted> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str);
    let actions = match entry.get("actions")? {
        // What Go writes for no actions.
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().map(|action| action.as_str().map(Into::into)).collect::<Option<_>>()?,
        _ => return None,
    };
    Some(Granted { kind: text("type")?.into(), name: text("name")?.into(), actions })
}
