//! The next timestamp.

use chrono::{DateTime, TimeDelta, Utc};

use crate::metadata::{FileMeta, Timestamp, Version};

/// How long a timestamp is valid: 14 days, as Notary's server gives it.
pub const TIMESTAMP_LIFETIME: TimeDelta = TimeDelta::days(14);

/// The timestamp that follows `previous` and names `snapshot`.
#[must_use]
pub fn next_timestamp(previous: Option<Version>, snapshot: FileMeta, now: DateTime<Utc>) -> Timestamp {
    let version = previous.map_or(Version::FIRST, Version::next);
    Timestamp { version, expires: now + TIMESTAMP_LIFETIME, snapshot }
}
