//! Notary's configuration file, `~/.notary/config.json`.
//!
//! Names of settings are read in any case, as Notary reads them; names of collections exactly as they are written. Notary
//! lowers those too, so that a pin for a name with capitals does nothing there.

mod members;

use std::io::Read;
use std::path::{Path, PathBuf};

use libtrust::json::Value;
use libtrust::names::KeyId;

use self::members::Members;
use crate::failure::Failure;

/// More than any configuration has, in bytes.
const MAX_BYTES: u64 = 1 << 20;
const MAX_DEPTH: usize = 8;

/// What the file says. Everything is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotaryConfig {
    /// The trust folder; relative to the working directory.
    pub trust_dir: Option<PathBuf>,
    /// The trust server.
    pub server: Option<String>,
    /// The authority of its certificate.
    pub root_ca: Option<PathBuf>,
    /// A client certificate.
    pub client_certificate: Option<PathBuf>,
    /// The key of the client certificate.
    pub client_key: Option<PathBuf>,
    /// Which root keys are trusted.
    pub pinning: Pinning,
}

/// `trust_pinning`: which root keys are trusted for which names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pinning {
    /// Whether a name without a pin is refused.
    pub disable_tofu: bool,
    /// A GUN, or a prefix ending in `*`, and the ids of its root keys.
    pub certs: Vec<(String, Vec<KeyId>)>,
    /// A prefix of GUNs, and the file with the authority of their root certificates; relative to the working directory.
    pub ca: Vec<(String, PathBuf)>,
}

impl NotaryConfig {
    /// Reads the file; `home` is what `~/` stands for.
    ///
    /// # Errors
    /// A usage failure naming file and setting: not readable, not JSON, a setting that is not known or not of its kind.
    pub fn read(file: &Path, home: &Path) -> Result<Self, Failure> {
        let shown = file.display().to_string();
        if file.extension().is_some_and(|extension| !extension.eq_ignore_ascii_case("json")) {
            return Err(Failure::usage(format!("{shown}: only JSON is read")).hint("write it as FILE.json"));
        }
        let wrong = |error: &dyn std::error::Error| Failure::usage(format!("{shown}: {error}"));
        let mut text = Vec::new();
        let opened = std::fs::File::open(file).map_err(|e| wrong(&e))?;
        opened.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|e| wrong(&e))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(Failure::usage(format!("{shown}: more than {MAX_BYTES} bytes")));
        }
        let value = Value::parse(&text, MAX_DEPTH).map_err(|e| wrong(&e))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        Self::of(value, folder, home).map_err(|why| Failure::usage(format!("{shown}: {why}")))
    }

    fn of(value: Value<'_>, folder: &Path, home: &Path) -> Result<Self, String> {
        let mut all = Members::of(value, "")?;
        let trust_dir = all.text("trust_dir")?.map(|path| expand(&path, home));
        let mut remote = all.section("remote_server")?;
        let mut pinning = all.section("trust_pinning")?;
        all.end()?;
        let beside = |path: String| folder.join(expand(&path, home));
        let config = Self {
            trust_dir,
            server: remote.text("url")?,
            root_ca: remote.text("root_ca")?.map(beside),
            client_certificate: remote.text("tls_client_cert")?.map(beside),
            client_key: remote.text("tls_client_key")?.map(beside),
            pinning: Pinning {
                disable_tofu: pinning.truth("disable_tofu")?,
                certs: certificates(pinning.named("certs")?)?,
                ca: authorities(pinning.named("ca")?, home)?,
            },
        };
        if remote.truth("skipTLSVerify")? {
            return Err("remote_server.skipTLSVerify: certificates are always checked; name the authority with \
                        remote_server.root_ca"
                .to_owned());
        }
        remote.end()?;
        pinning.end()?;
        if config.client_certificate.is_some() != config.client_key.is_some() {
            return Err("remote_server.tls_client_cert and remote_server.tls_client_key go together".to_owned());
        }
        Ok(config)
    }
}

fn certificates(listed: Vec<(String, Value<'_>)>) -> Result<Vec<(String, Vec<KeyId>)>, String> {
    let ids = |(gun, value): (String, Value<'_>)| {
        let wrong = || format!("invalid format for trust_pinning.certs: {gun} must be a list of key ids");
        let Value::Array(ids) = value else { return Err(wrong()) };
        let ids: Option<Vec<KeyId>> = ids.iter().map(|id| id.as_str()?.parse().ok()).collect();
        match ids {
            Some(ids) if !ids.is_empty() => Ok((gun, ids)),
            _ => Err(wrong()),
        }
    };
    listed.into_iter().map(ids).collect()
}

fn authorities(listed: Vec<(String, Value<'_>)>, home: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let file = |(prefix, value): (String, Value<'_>)| match value.as_str() {
        Some(path) if !path.is_empty() => Ok((prefix, expand(path, home))),
        _ => Err(format!("trust_pinning.ca: {prefix} must be a file")),
    };
    listed.into_iter().map(file).collect()
}

fn expand(path: &str, home: &Path) -> PathBuf {
    path.strip_prefix("~/").map_or_else(|| PathBuf::from(path), |below| home.join(below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<NotaryConfig, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.json");
        std::fs::write(&file, text).unwrap();
        let mut config =
            NotaryConfig::read(&file, Path::new("/home/me")).map_err(|failure| failure.message().to_owned())?;
        config.root_ca = config.root_ca.map(|ca| ca.strip_prefix(folder.path()).unwrap_or(&ca).to_owned());
        Ok(config)
    }

    #[test]
    fn everything_notary_documents_is_read() {
        let id = "ab".repeat(32);
        let config = read(&format!(
            r#"{{ "trust_dir": "~/.docker/trust",
                 "Remote_Server": {{ "URL": "https://trust.example", "root_ca": "ca.crt", "skipTLSVerify": false }},
                 "trust_pinning": {{ "disable_TOFU": true, "ca": {{ "registry.example/": "/etc/ca.pem" }},
                                    "certs": {{ "registry.example/Team/App": ["{id}"], "other.example/*": ["{id}"] }} }} }}"#
        ))
        .unwrap();
        assert_eq!(config.trust_dir.as_deref(), Some(Path::new("/home/me/.docker/trust")));
        assert_eq!(config.server.as_deref(), Some("https://trust.example"));
        assert_eq!(config.root_ca.as_deref(), Some(Path::new("ca.crt")));
        assert!(config.pinning.disable_tofu);
        let pinned: Vec<&str> = config.pinning.certs.iter().map(|(gun, _)| gun.as_str()).collect();
        assert_eq!(pinned, ["other.example/*", "registry.example/Team/App"]);
        assert_eq!(config.pinning.ca, [("registry.example/".to_owned(), "/etc/ca.pem".into())]);
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(read("{}").unwrap(), NotaryConfig::default());
    }

    #[test]
    fn what_would_be_passed_over_in_silence_is_refused() {
        for (text, told) in [
            ("[]", "object"),
            ("{\"trust_dir\": 1}", "trust_dir"),
            ("{\"trust_dirs\": \"x\"}", "trust_dirs"),
            ("{\"trust_dir\": \"a\", \"Trust_Dir\": \"b\"}", "trust_dir"),
            (r#"{"trust_pinning": {"disable_tofo": true}}"#, "trust_pinning.disable_tofo"),
            (r#"{"trust_pinning": {"disable_tofu": "maybe"}}"#, "disable_tofu"),
            (r#"{"trust_pinning": {"certs": {"a/b": "abc"}}}"#, "invalid format for trust_pinning.certs"),
            (r#"{"trust_pinning": {"certs": {"a/b": []}}}"#, "a/b"),
            (r#"{"trust_pinning": {"ca": {"a/b": 1}}}"#, "a/b"),
            (r#"{"remote_server": {"skipTLSVerify": true}}"#, "always checked"),
            (r#"{"remote_server": {"tls_client_cert": "a"}}"#, "go together"),
        ] {
            let message = read(text).unwrap_err();
            assert!(message.contains(told), "{text}: {message}");
        }
    }

    #[test]
    fn other_formats_are_not_guessed_at() {
        let failure = NotaryConfig::read(Path::new("config.toml"), Path::new("/")).unwrap_err();
        assert!(failure.message().contains("only JSON"), "{}", failure.message());
    }
}
