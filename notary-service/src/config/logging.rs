//! `logging`: how much is logged.

use std::fmt;

use serde_json::{Value, json};

use super::error::ConfigError;
use super::reader::Section;

/// The keys of the section.
pub const KEYS: &[&str] = &["level"];

/// How much is logged. The names are Notary's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing but the last words of a server that cannot go on.
    Panic,
    /// As `panic`.
    Fatal,
    /// What failed. The default.
    Error,
    /// What may fail soon, or is configured unwisely.
    Warning,
    /// Every request.
    Info,
    /// Everything.
    Debug,
}

impl LogLevel {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("debug", Self::Debug),
        ("info", Self::Info),
        ("warning", Self::Warning),
        ("warn", Self::Warning),
        ("error", Self::Error),
        ("fatal", Self::Fatal),
        ("panic", Self::Panic),
    ];

    /// Reads the section.
    ///
    /// # Errors
    /// For a level of another name.
    pub fn read(mut section: Section<'_>, default: Self) -> Result<Self, ConfigError> {
        let Some(found) = section.take("level") else { return Ok(default) };
        let name = found.text().map(|text| text.to_ascii_lowercase());
        Self::NAMES
            .iter()
            .find(|(known, _)| name.as_deref() == Some(known))
            .map(|(_, level)| *level)
            .ok_or_else(|| found.invalid("debug, info, warning, error, fatal or panic"))
    }

    /// The section in force.
    #[must_use]
    pub fn describe(self) -> Value {
        json!({ "level": self.to_string() })
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Panic => "panic",
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
        })
    }
}
