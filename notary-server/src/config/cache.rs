//! `cache`: memory for files read often.

use std::time::Duration;

use serde_json::{Value, json};

use notary_service::config::ConfigError;
use notary_service::config::Section;
use notary_service::config::units::print_duration;

pub(super) const KEYS: &[&str] = &["bytes", "max_staleness"];

/// Longest `max_staleness`. A deletion should not be served on for longer.
const LONGEST: Duration = Duration::from_secs(60);

/// Memory for files read often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    /// Bytes of files kept in memory, bookkeeping included; 0 turns the cache off. Default 64 MiB. Bounds memory under
    /// any pattern of reads.
    pub bytes: u64,
    /// How long a file may be served from memory after another server on the same database replaced it, up to a minute.
    /// 0 asks the database at each read of a current file. Default 250 ms. Reads fail when the database is away for
    /// longer. Without other servers nothing is asked.
    pub max_staleness: Duration,
}

impl Default for Cache {
    fn default() -> Self {
        Self { bytes: 64 << 20, max_staleness: Duration::from_millis(250) }
    }
}

impl Cache {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let default = Self::default();
        Ok(Self {
            bytes: section.bytes("bytes", 0..=1 << 40)?.unwrap_or(default.bytes),
            max_staleness: section
                .duration("max_staleness", Duration::ZERO..=LONGEST)?
                .unwrap_or(default.max_staleness),
        })
    }

    pub(super) fn describe(&self) -> Value {
        json!({ "bytes": self.bytes, "max_staleness": print_duration(self.max_staleness) })
    }
}
