//! Making JSON values.

use std::borrow::Cow;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::json::Value;

/// An object out of members.
pub(super) fn object<'v, const N: usize>(members: [(&'static str, Value<'v>); N]) -> Value<'v> {
    members.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect()
}

pub(super) fn map<'v>(members: impl Iterator<Item = (&'v str, Value<'v>)>) -> Value<'v> {
    members.map(|(name, value)| (Cow::Borrowed(name), value)).collect()
}

/// UTC and whole seconds: every reader takes it, and it does not tell the writer's zone.
pub(super) fn time_value(time: DateTime<Utc>) -> Value<'static> {
    time.to_rfc3339_opts(SecondsFormat::Secs, true).into()
}
