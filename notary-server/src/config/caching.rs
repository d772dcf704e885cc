//! `caching`: what clients and proxies may keep, and for how long.

use std::time::Duration;

use serde_json::{Value, json};

use notary_service::config::ConfigError;
use notary_service::config::Section;

pub(super) const KEYS: &[&str] = &["max_age"];
const MAX_AGE_KEYS: &[&str] = &["current_metadata", "consistent_metadata"];
const YEAR: u64 = 365 * 24 * 3600;

/// How long clients and proxies may keep files, in the `Cache-Control` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caching {
    /// `max_age.current_metadata`, seconds from 0 to a year: files that change under their name. Default 300.
    pub current_metadata: Duration,
    /// `max_age.consistent_metadata`, seconds from 0 to a year: files named by checksum or version. Default 30 days.
    pub consistent_metadata: Duration,
}

impl Default for Caching {
    fn default() -> Self {
        Self { current_metadata: Duration::from_secs(300), consistent_metadata: Duration::from_secs(30 * 24 * 3600) }
    }
}

impl Caching {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let mut max_age = section.section("max_age", MAX_AGE_KEYS)?;
        let mut caching = Self::default();
        if let Some(seconds) = max_age.integer("current_metadata", 0..=YEAR)? {
            caching.current_metadata = Duration::from_secs(seconds);
        }
        if let Some(seconds) = max_age.integer("consistent_metadata", 0..=YEAR)? {
            caching.consistent_metadata = Duration::from_secs(seconds);
        }
        Ok(caching)
    }

    pub(super) fn describe(&self) -> Value {
        json!({ "max_age": {
            "current_metadata": self.current_metadata.as_secs(),
            "consistent_metadata": self.consistent_metadata.as_secs(),
        }})
    }
}
