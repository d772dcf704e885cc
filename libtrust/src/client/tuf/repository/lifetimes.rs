//! How long files are valid.

use chrono::{DateTime, TimeDelta, Utc};

use super::in_seconds;
use crate::names::RoleName;

/// How long each role's files are valid from the day they are made. The default: root and targets a year, snapshots 90 days,
/// timestamps 14 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// Root.
    pub root: TimeDelta,
    /// Targets and every delegated role.
    pub targets: TimeDelta,
    /// Snapshot.
    pub snapshot: TimeDelta,
    /// Timestamp.
    pub timestamp: TimeDelta,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            root: TimeDelta::days(365),
            targets: TimeDelta::days(365),
            snapshot: TimeDelta::days(90),
            timestamp: TimeDelta::days(14),
        }
    }
}

impl Lifetimes {
    /// When a role's file made at `now` expires, in whole seconds.
    #[must_use]
    pub fn expiry(&self, role: &RoleName, now: DateTime<Utc>) -> DateTime<Utc> {
        let lifetime = match role {
            RoleName::Root => self.root,
            RoleName::Snapshot => self.snapshot,
            RoleName::Timestamp => self.timestamp,
            RoleName::Targets | RoleName::Delegation(_) => self.targets,
        };
        in_seconds(now) + lifetime
    }
}
