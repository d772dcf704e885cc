//! Paths of targets, which become addresses and files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::percent;

/// The path of a target as metadata lists it, known to lead nowhere but below the folder or address it is joined to: its
/// parts are not empty, `.` or `..`. Nothing is normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetPath(String);

impl TargetPath {
    /// The longest path, in bytes: what file systems take.
    pub const MAX_BYTES: usize = 4096;

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path with `prefix.` before its last part, as repositories with consistent snapshots keep it.
    #[must_use]
    pub fn prefixed(&self, prefix: Option<&str>) -> String {
        match (prefix, self.0.rsplit_once('/')) {
            (None, _) => self.0.clone(),
            (Some(prefix), Some((folder, name))) => format!("{folder}/{prefix}.{name}"),
            (Some(prefix), None) => format!("{prefix}.{}", self.0),
        }
    }

    /// As the rest of an address, prefix included: each part percent-encoded, slashes kept.
    #[must_use]
    pub fn encoded(&self, prefix: Option<&str>) -> String {
        let parts: Vec<String> = self.prefixed(prefix).split('/').map(percent::encode).collect();
        parts.join("/")
    }

    /// The file of this target below a folder.
    #[must_use]
    pub fn below(&self, folder: &Path) -> PathBuf {
        let mut path = folder.to_owned();
        path.extend(self.0.split('/'));
        path
    }
}

impl From<TargetPath> for String {
    fn from(path: TargetPath) -> Self {
        path.0
    }
}

impl FromStr for TargetPath {
    type Err = InvalidTargetPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = |why| InvalidTargetPath { path: text.chars().take(255).collect(), why };
        if text.len() > Self::MAX_BYTES {
            return Err(refused("it has more than 4096 bytes"));
        }
        if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(refused("it is absolute, or a part of it is empty, . or .."));
        }
        if text.contains('\0') || cfg!(windows) && text.contains(['\\', ':']) {
            return Err(refused("it holds a character that no file name has"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A target that cannot be downloaded, whatever metadata says about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the target {path:?} has no safe place in a folder: {why}")]
pub struct InvalidTargetPath {
    /// The path, cut.
    pub path: String,
    /// What is wrong with it.
    pub why: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TargetPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_path_that_leaves_its_folder_is_refused() {
        let long = "a".repeat(4097);
        for text in ["", "/a", "a/", "a//b", "..", "a/../b", "./a", "https://example.com/a", "a\0b", &long] {
            assert!(text.parse::<TargetPath>().is_err(), "{text:?}");
        }
        assert_eq!(path("a/..b/c.").below(Path::new("/x")), Path::new("/x/a/..b/c."));
    }

    #[test]
    fn the_prefix_stands_before_the_last_part() {
        assert_eq!(path("a/b/c").prefixed(Some("12")), "a/b/12.c");
        assert_eq!(path("c").prefixed(Some("12")), "12.c");
        assert_eq!(path("a/c").prefixed(None), "a/c");
    }

    #[test]
    fn parts_are_encoded_and_slashes_stay() {
        assert_eq!(path("a b/c?#%/ü").encoded(Some("12")), "a%20b/c%3F%23%25/12.%C3%BC");
    }
}
