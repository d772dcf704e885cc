//! Reading a configuration: Notary's JSON files and keys, environment variables over them, every refusal typed.
//!
//! Each program lists its own sections; here is how a section is read. Everything a program cannot honour is refused by
//! name. A variable is the program's prefix and the key in capitals with `_` for `.`; it beats the file, and an empty one
//! counts as unset. Variables of other names are not an error: container platforms invent some with our prefixes.

mod database;
mod error;
mod file;
mod logging;
mod reader;
mod tls;
mod tree;
pub mod units;

pub use database::{Database, KEYS as DATABASE_KEYS};
pub use error::{ConfigError, Origin};
pub use file::read_file;
pub use logging::{KEYS as LOGGING_KEYS, LogLevel};
pub use reader::{Environment, Found, Section, Source, variable};
pub use tls::TlsFiles;
pub use tree::Tree;

/// The process's variables that begin with `prefix` and are text.
#[must_use]
pub fn environment(prefix: &str) -> Environment {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect()
}
