//! Why a configuration was refused: always the file or variable, the key, what was found and what was expected.

use std::fmt;
use std::path::PathBuf;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A key of the configuration file.
    File(PathBuf),
    /// An environment variable; its name.
    Variable(String),
    /// No file: the embedded default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "environment variable {name}"),
            Self::Default => f.write_str("embedded default"),
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {cause}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's words.
        cause: std::io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{}: is larger than {limit} bytes", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The bound in bytes.
        limit: u64,
    },
    /// The file is not JSON, or holds a key twice.
    #[error("{}: expected a JSON object: {cause}", file.display())]
    NotJson {
        /// The file.
        file: PathBuf,
        /// What the reader met, with line and column.
        cause: serde_json::Error,
    },
    /// A variable that only a server with a configuration file follows.
    #[error(
        "environment variable {variable} needs a configuration file (--config FILE): without one the data folder decides it"
    )]
    NeedsFile {
        /// Its name.
        variable: String,
    },
    /// A key we do not know. Notary would ignore it; a mistyped key could silently weaken security.
    #[error("{origin}: unknown key {key}{}", did_you_mean(nearest))]
    UnknownKey {
        /// The file.
        origin: Origin,
        /// Full path of the key.
        key: String,
        /// The known key of the same section most like it.
        nearest: Option<String>,
    },
    /// A required key is absent.
    #[error("{origin}: key {key} is missing: expected {expected}")]
    Missing {
        /// The file.
        origin: Origin,
        /// Full path of the key.
        key: String,
        /// What belongs there.
        expected: &'static str,
    },
    /// A value is not what the key takes.
    #[error("{origin}: key {key}: found {found}, expected {expected}")]
    Invalid {
        /// The file or variable.
        origin: Origin,
        /// Full path of the key.
        key: String,
        /// The value.
        found: String,
        /// What belongs there.
        expected: String,
    },
    /// A value that is not shown, because a secret may be in it, cannot be used.
    #[error("{origin}: key {key}: {cause}")]
    Refused {
        /// The file or variable.
        origin: Origin,
        /// Full path of the key.
        key: String,
        /// What is wrong with it, without secrets.
        cause: String,
    },
    /// A value Notary takes and this build refuses.
    #[error("{origin}: key {key}: {found} is not supported: {reason}")]
    Unsupported {
        /// The file or variable.
        origin: Origin,
        /// Full path of the key.
        key: String,
        /// The value.
        found: String,
        /// Why, and what to do instead.
        reason: &'static str,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|key| format!(" (did you mean {key}?)")).unwrap_or_default()
}
