//! `repositories`: which image names are served.

use serde_json::{Value, json};

use notary_service::config::ConfigError;
use notary_service::config::Section;

pub(super) const KEYS: &[&str] = &["gun_prefixes"];

/// Which image names are served.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repositories {
    /// `gun_prefixes`: only names that start with one of these; empty means every name. Each ends in `/`.
    pub gun_prefixes: Vec<String>,
}

impl Repositories {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let Some((found, gun_prefixes)) = section.list("gun_prefixes")? else { return Ok(Self::default()) };
        match gun_prefixes.iter().find(|prefix| !is_prefix(prefix)) {
            None => Ok(Self { gun_prefixes }),
            Some(bad) => Err(found.invalid(format!(
                "prefixes that end in / and have no leading /, no empty, . or .. part and no space; {bad:?} is not one"
            ))),
        }
    }

    pub(super) fn describe(&self) -> Value {
        json!({ "gun_prefixes": self.gun_prefixes })
    }
}

/// A clean relative path followed by one slash.
fn is_prefix(text: &str) -> bool {
    text.strip_suffix('/').is_some_and(|path| {
        path.split('/').all(|part| !matches!(part, "" | "." | "..")) && !path.contains(char::is_whitespace)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_clean_relative_paths_that_end_in_a_slash() {
        for good in ["docker.io/", "ex.test/team/", "..a/"] {
            assert!(is_prefix(good), "{good}");
        }
        for bad in ["", "/", "docker.io", "/docker.io/", "../a/", "a//", "a/./b/", "a/../", " a/", "a /"] {
            assert!(!is_prefix(bad), "{bad}");
        }
    }
}
