//! The next snapshot.

use chrono::{DateTime, TimeDelta, Utc};

use crate::metadata::{FileMeta, Snapshot, Version};
use crate::names::RoleName;

/// How long a snapshot is valid: three years of 365 days, as Notary's server gives it.
pub const SNAPSHOT_LIFETIME: TimeDelta = TimeDelta::days(3 * 365);

/// The snapshot that follows `previous` with these files changed; entries of other roles stay.
#[must_use]
pub fn next_snapshot<'f>(
    previous: Option<&Snapshot>,
    changed: impl IntoIterator<Item = (&'f RoleName, &'f FileMeta)>,
    now: DateTime<Utc>,
) -> Snapshot {
    let mut meta = previous.map(|previous| previous.meta.clone()).unwrap_or_default();
    meta.extend(changed.into_iter().map(|(role, file)| (role.as_str().to_owned(), *file)));
    let version = previous.map_or(Version::FIRST, |previous| previous.version.next());
    Snapshot { version, expires: now + SNAPSHOT_LIFETIME, meta }
}
