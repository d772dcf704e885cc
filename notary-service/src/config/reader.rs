//! Reads one section of the configuration: known keys only, environment first, every refusal typed.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::error::{ConfigError, Origin};
use super::tree::Tree;
use super::units;

/// Environment variables by name. Empty values count as unset.
pub type Environment = BTreeMap<String, String>;

/// What all sections share.
#[derive(Debug)]
pub struct Source<'a> {
    /// Where members come from that no variable overrides.
    pub origin: Origin,
    /// Relative paths start here.
    pub directory: PathBuf,
    /// What beats the file.
    pub environment: &'a Environment,
    /// How the variables of this program begin, with its underscore: `NOTARY_SERVER_`.
    pub prefix: &'static str,
}

/// One object of the configuration, at `path` (empty for the outermost).
#[derive(Debug)]
pub struct Section<'a> {
    source: &'a Source<'a>,
    path: String,
    members: BTreeMap<String, Tree>,
}

/// A value and where it came from.
#[derive(Debug)]
pub struct Found {
    /// The file or variable it came from.
    pub origin: Origin,
    /// Full path of its key.
    pub key: String,
    /// The value.
    pub value: Tree,
}

impl Found {
    /// A refusal that says what belongs there.
    pub fn invalid(&self, expected: impl Into<String>) -> ConfigError {
        ConfigError::Invalid {
            origin: self.origin.clone(),
            key: self.key.clone(),
            found: self.value.to_string(),
            expected: expected.into(),
        }
    }

    /// A refusal of a value that Notary takes and this build does not.
    pub fn unsupported(&self, reason: &'static str) -> ConfigError {
        ConfigError::Unsupported {
            origin: self.origin.clone(),
            key: self.key.clone(),
            found: self.value.to_string(),
            reason,
        }
    }

    /// A refusal of a value that must not be shown, because a secret may be in it.
    pub fn refused(&self, cause: impl std::fmt::Display) -> ConfigError {
        ConfigError::Refused { origin: self.origin.clone(), key: self.key.clone(), cause: cause.to_string() }
    }

    /// Text, or a number or truth value as text: environment variables and quoted numbers read alike.
    pub fn text(&self) -> Option<String> {
        match &self.value {
            Tree::Text(text) => Some(text.trim().to_owned()),
            Tree::Number(number) => Some(number.to_string()),
            Tree::Bool(value) => Some(value.to_string()),
            Tree::Null | Tree::List(_) | Tree::Map(_) => None,
        }
    }
}

/// The environment variable that beats a key.
#[must_use]
pub fn variable(prefix: &str, key: &str) -> String {
    format!("{prefix}{}", key.replace('.', "_").to_ascii_uppercase())
}

impl<'a> Section<'a> {
    /// The outermost object. Refuses keys that are not in `known`.
    pub fn root(source: &'a Source<'a>, members: BTreeMap<String, Tree>, known: &[&str]) -> Result<Self, ConfigError> {
        Self { source, path: String::new(), members }.only(known)
    }

    /// The object at `key`; empty if absent. Refuses keys that are not in `known`.
    pub fn section(&mut self, key: &str, known: &[&str]) -> Result<Section<'a>, ConfigError> {
        let path = self.full(key);
        let members = match self.members.remove(key) {
            None | Some(Tree::Null) => BTreeMap::new(),
            Some(Tree::Map(members)) => members,
            Some(value) => {
                return Err(Found { origin: self.source.origin.clone(), key: path, value }.invalid("an object"));
            }
        };
        Section { source: self.source, path, members }.only(known)
    }

    /// The value at `key`, from the environment if it is set there. An empty text is no value.
    pub fn take(&mut self, key: &str) -> Option<Found> {
        let full = self.full(key);
        let variable = variable(self.source.prefix, &full);
        let in_file = self.members.remove(key);
        let (origin, value) = match self.source.environment.get(&variable) {
            Some(text) if !text.trim().is_empty() => (Origin::Variable(variable), Tree::Text(text.clone())),
            _ => (self.source.origin.clone(), in_file?),
        };
        match value {
            Tree::Null => None,
            Tree::Text(text) if text.trim().is_empty() => None,
            value => Some(Found { origin, key: full, value }),
        }
    }

    /// A refusal because `key` is absent.
    pub fn missing(&self, key: &str, expected: &'static str) -> ConfigError {
        ConfigError::Missing { origin: self.source.origin.clone(), key: self.full(key), expected }
    }

    /// Text at `key`.
    pub fn text(&mut self, key: &str) -> Result<Option<String>, ConfigError> {
        self.read(key, "text", Found::text)
    }

    /// A path at `key`; relative paths start at the configuration's own directory.
    pub fn path(&mut self, key: &str) -> Result<Option<PathBuf>, ConfigError> {
        Ok(self.text(key)?.map(|text| self.resolve(&text)))
    }

    /// Makes a relative path absolute, from the configuration's own directory.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.source.directory.join(path)
    }

    /// A whole number at `key`, within `range`.
    pub fn integer(&mut self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, &expected, |found| found.text()?.parse().ok().filter(|number| range.contains(number)))
    }

    /// True or false at `key`.
    pub fn boolean(&mut self, key: &str) -> Result<Option<bool>, ConfigError> {
        self.read(key, "true or false", |found| found.text()?.parse().ok())
    }

    /// A number of bytes at `key`, within `range`.
    pub fn bytes(&mut self, key: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, ConfigError> {
        let expected =
            format!("bytes as a whole number or with KiB, MiB or GiB, from {} to {} bytes", range.start(), range.end());
        self.read(key, &expected, |found| units::parse_bytes(&found.text()?).filter(|size| range.contains(size)))
    }

    /// A duration at `key`, within `range`.
    pub fn duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Result<Option<Duration>, ConfigError> {
        let expected = format!(
            "seconds as a whole number or a duration like \"30s\", from {} to {}",
            units::print_duration(*range.start()),
            units::print_duration(*range.end())
        );
        self.read(key, &expected, |found| units::parse_duration(&found.text()?).filter(|time| range.contains(time)))
    }

    /// A number strictly between 0 and 1 at `key`.
    pub fn fraction(&mut self, key: &str) -> Result<Option<f64>, ConfigError> {
        self.read(key, "a number above 0 and below 1", |found| {
            found.text()?.parse().ok().filter(|number: &f64| *number > 0.0 && *number < 1.0)
        })
    }

    /// A list of texts at `key`. From the environment, or written as one text, it is split on white space.
    pub fn list(&mut self, key: &str) -> Result<Option<(Found, Vec<String>)>, ConfigError> {
        let Some(found) = self.take(key) else { return Ok(None) };
        let items = match &found.value {
            Tree::Text(text) => Some(text.split_whitespace().map(str::to_owned).collect()),
            Tree::List(items) => items
                .iter()
                .map(|item| match item {
                    Tree::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        };
        let items = items.ok_or_else(|| found.invalid("a list of texts"))?;
        Ok(Some((found, items)))
    }

    fn read<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&Found) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(found) = self.take(key) else { return Ok(None) };
        parse(&found).map(Some).ok_or_else(|| found.invalid(expected))
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn only(self, known: &[&str]) -> Result<Self, ConfigError> {
        let Some(unknown) = self.members.keys().find(|key| !known.contains(&key.as_str())) else { return Ok(self) };
        let nearest = known
            .iter()
            .map(|key| (distance(key, unknown), key))
            .min_by_key(|(distance, _)| *distance)
            .filter(|(distance, key)| *distance <= key.len().div_ceil(2))
            .map(|(_, key)| self.full(key));
        Err(ConfigError::UnknownKey { origin: self.source.origin.clone(), key: self.full(unknown), nearest })
    }
}

/// Levenshtein distance in bytes.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut left = i + 1;
        let mut diagonal = i;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_single_edits() {
        assert_eq!(distance("http_addr", "http_addr"), 0);
        assert_eq!(distance("http_addr", "http_adr"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
    }
}
