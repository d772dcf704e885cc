//! `key_cache`: how long unsealed keys stay in memory.

use std::time::Duration;

use notary_service::config::units::print_duration;
use notary_service::config::{ConfigError, Section};
use serde_json::{Value, json};

use crate::signer::SignerLimits;

pub(super) const KEYS: &[&str] = &["keys", "recheck_time", "idle_time"];

/// How long unsealed keys stay in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyCache {
    /// `keys`: most unsealed keys, about 1 KiB each. Default 4096.
    pub keys: u64,
    /// `recheck_time`: how long an unsealed key is used before the store is asked whether it is still there. Default
    /// 5 s; 0 asks before each signature. Bounds how long a key signs that another process deleted.
    pub recheck_time: Duration,
    /// `idle_time`: how long a key stays unsealed that nobody uses. Default 1 h.
    pub idle_time: Duration,
}

impl Default for KeyCache {
    fn default() -> Self {
        let limits = SignerLimits::default();
        Self { keys: 4096, recheck_time: limits.recheck, idle_time: limits.idle }
    }
}

impl KeyCache {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        const DAY: Duration = Duration::from_secs(24 * 3600);
        let default = Self::default();
        Ok(Self {
            keys: section.integer("keys", 1..=1_000_000)?.unwrap_or(default.keys),
            recheck_time: section.duration("recheck_time", Duration::ZERO..=DAY)?.unwrap_or(default.recheck_time),
            idle_time: section.duration("idle_time", Duration::from_secs(1)..=DAY)?.unwrap_or(default.idle_time),
        })
    }

    pub(super) fn describe(&self) -> Value {
        json!({
            "keys": self.keys,
            "recheck_time": print_duration(self.recheck_time),
            "idle_time": print_duration(self.idle_time),
        })
    }
}
