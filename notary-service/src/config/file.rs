//! The file itself: bounded, JSON.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::error::ConfigError;
use super::tree::Tree;

/// Largest configuration file, in bytes.
const FILE_BYTES: u64 = 1 << 20;

/// Reads a configuration file of at most 1 MiB: one JSON object.
///
/// # Errors
/// If it cannot be read, is larger, or is not a JSON object.
pub fn read_file(file: &Path) -> Result<BTreeMap<String, Tree>, ConfigError> {
    let unreadable = |cause| ConfigError::Unreadable { file: file.to_path_buf(), cause };
    let mut text = Vec::new();
    File::open(file).and_then(|open| open.take(FILE_BYTES + 1).read_to_end(&mut text)).map_err(unreadable)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(ConfigError::TooLarge { file: file.to_path_buf(), limit: FILE_BYTES });
    }
    let not_json = |cause| ConfigError::NotJson { file: file.to_path_buf(), cause };
    match serde_json::from_slice(&text).map_err(not_json)? {
        Tree::Map(members) => Ok(members),
        other => Err(not_json(serde::de::Error::custom(format!("found {other}")))),
    }
}
