//! `renewal`: when timestamps and server-held snapshots are signed again.

use std::time::Duration;

use serde_json::{Value, json};

use notary_service::config::ConfigError;
use notary_service::config::Section;
use notary_service::config::units::print_duration;

pub(super) const KEYS: &[&str] = &["interval", "timestamp_age", "snapshot_remaining"];

/// When timestamps and server-held snapshots are signed again, so that no reader meets an expired one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Renewal {
    /// Time between two walks over the collections. Default 60 s.
    pub interval: Duration,
    /// A timestamp is renewed once it is older than this share of its life. Default 0.5.
    pub timestamp_age: f64,
    /// A snapshot is renewed with its timestamp once less than this share of its life remains. Default 0.25.
    pub snapshot_remaining: f64,
}

impl Default for Renewal {
    fn default() -> Self {
        Self { interval: Duration::from_secs(60), timestamp_age: 0.5, snapshot_remaining: 0.25 }
    }
}

impl Renewal {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const RANGE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(24 * 3600));
        let default = Self::default();
        Ok(Self {
            interval: section.duration("interval", RANGE.0..=RANGE.1)?.unwrap_or(default.interval),
            timestamp_age: section.fraction("timestamp_age")?.unwrap_or(default.timestamp_age),
            snapshot_remaining: section.fraction("snapshot_remaining")?.unwrap_or(default.snapshot_remaining),
        })
    }

    pub(super) fn describe(&self) -> Value {
        json!({
            "interval": print_duration(self.interval),
            "timestamp_age": self.timestamp_age,
            "snapshot_remaining": self.snapshot_remaining,
        })
    }
}
