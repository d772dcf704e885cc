//! The address below which files are.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

/// `http://` or `https://`, perhaps with a path, with or without a final slash. Octets that are percent-encoded stay so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// Its path ends with a slash.
    pub(super) url: Url,
}

impl BaseUrl {
    /// The address of `file`, which is percent-encoded and has no part `.` or `..`; nothing if it would lie elsewhere.
    pub(super) fn join(&self, file: &str) -> Option<Url> {
        let joined = Url::parse(&format!("{}{file}", self.url)).ok()?;
        joined.path().strip_prefix(self.url.path()).is_some_and(|rest| rest == file).then_some(joined)
    }
}

impl FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |why| InvalidBaseUrl { why };
        if text.len() > 2048 || text.contains(|c: char| c.is_control()) {
            return Err(invalid("it has more than 2048 characters, or one that cannot be printed"));
        }
        let mut url = Url::parse(text).map_err(|_| invalid("expected http://HOST/PATH or https://HOST/PATH"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(invalid("expected http://HOST/PATH or https://HOST/PATH"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("passwords do not belong into addresses, which end up in messages"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("expected no ? and no #: file names are put at its end"));
        }
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        Ok(Self { url })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

/// A text that is no [`BaseUrl`]. The text is not repeated: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the address of a repository: {why}")]
pub struct InvalidBaseUrl {
    /// What is wrong.
    pub why: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_put_at_its_end() {
        for (base, joined) in [
            ("http://a.example", "http://a.example/1.root.json"),
            ("http://a.example/", "http://a.example/1.root.json"),
            ("http://a.example/m", "http://a.example/m/1.root.json"),
            ("http://a.example/m/", "http://a.example/m/1.root.json"),
            ("http://a.example/a%2Fb%20c%7e", "http://a.example/a%2Fb%20c%7e/1.root.json"),
        ] {
            assert_eq!(base.parse::<BaseUrl>().unwrap().join("1.root.json").unwrap().as_str(), joined);
        }
        let base: BaseUrl = "http://a.example/m".parse().unwrap();
        assert_eq!(base.join("a%3Fb/c%23").unwrap().path(), "/m/a%3Fb/c%23");
        for elsewhere in ["../a", "a/../../b", "a?b", "a#b", "%2e%2e/a"] {
            assert_eq!(base.join(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for text in ["", "a", "ftp://a", "http://", "http://u:p@a/", "http://a/?b", "http://a/#b", "file:///a"] {
            assert!(text.parse::<BaseUrl>().is_err(), "{text:?}");
        }
    }
}
