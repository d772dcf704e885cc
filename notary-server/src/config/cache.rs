//! `cache`: memory for files read often.

use serde_json::{Value, json};

use notary_service::config::ConfigError;
use notary_service::config::Section;

pub(super) const KEYS: &[&str] = &["bytes"];

/// Memory for files read often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cache {
    /// Bytes of files kept in memory, bookkeeping included; 0 turns the cache off. Default 64 MiB. Bounds memory under
    /// any pattern of reads.
    pub bytes: u64,
}

impl Default for Cache {
    fn default() -> Self {
        Self { bytes: 64 << 20 }
    }
}

impl Cache {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        Ok(Self { bytes: section.bytes("bytes", 0..=1 << 40)?.unwrap_or(Self::default().bytes) })
    }

    pub(super) fn describe(&self) -> Value {
        json!({ "bytes": self.bytes })
    }
}
