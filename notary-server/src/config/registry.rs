//! `registry`: where the manifests are that repositories about images list as targets.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use notary_service::config::{ConfigError, Section};

pub(super) const KEYS: &[&str] = &["url", "name", "username", "password_file", "tls_ca_file"];

/// The registry that targets are fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryOptions {
    /// Host and port of `url`.
    pub host: String,
    /// `name`: what names of images call it; `host` without.
    pub name: String,
    /// `username`, and the path of `password_file`; anonymous without.
    pub login: Option<(String, PathBuf)>,
    /// `tls_ca_file`: the only authorities trusted for it; the system's without.
    pub ca_file: Option<PathBuf>,
}

pub(super) fn read(mut section: Section<'_>) -> Result<Option<RegistryOptions>, ConfigError> {
    const URL: &str = "https://HOST or https://HOST:PORT";
    let ca_file = section.path("tls_ca_file")?;
    let name = section.text("name")?;
    let user = section.text("username")?;
    let password = section.path("password_file")?;
    let Some(url) = section.take("url") else {
        let is_begun = name.is_some() || ca_file.is_some() || user.is_some() || password.is_some();
        return if is_begun { Err(section.missing("url", URL)) } else { Ok(None) };
    };
    let host = url.text().and_then(|text| host(&text)).ok_or_else(|| url.invalid(URL))?;
    let login = match (user, password) {
        (Some(user), Some(file)) => Some((user, file)),
        (None, None) => None,
        (Some(_), None) => return Err(section.missing("password_file", "the path of a file with the password")),
        (None, Some(_)) => return Err(section.missing("username", "whose password it is")),
    };
    let name = name.unwrap_or_else(|| host.clone());
    Ok(Some(RegistryOptions { host, name, login, ca_file }))
}

/// Host and port, as image names spell a registry: one with neither dot nor port would be taken for part of a path.
fn host(url: &str) -> Option<String> {
    let host = url.strip_prefix("https://")?;
    let host = host.strip_suffix('/').unwrap_or(host);
    let is_host = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]".contains(&b));
    let is_plain = !host.contains(['.', ':']) && host != "localhost";
    is_host.then(|| if is_plain { format!("{host}:443") } else { host.to_owned() })
}

pub(super) fn describe(options: Option<&RegistryOptions>) -> Value {
    let Some(options) = options else { return json!({}) };
    let mut described = Map::from_iter([("url".to_owned(), json!(format!("https://{}", options.host)))]);
    if options.name != options.host {
        described.insert("name".to_owned(), json!(options.name));
    }
    if let Some((user, file)) = &options.login {
        described.extend([("username".to_owned(), json!(user)), ("password_file".to_owned(), json!(file))]);
    }
    described.extend(options.ca_file.as_ref().map(|file| ("tls_ca_file".to_owned(), json!(file))));
    Value::Object(described)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_host_and_nothing_else() {
        for (url, expected) in [
            ("https://reg.example", "reg.example"),
            ("https://reg.example:5000/", "reg.example:5000"),
            ("https://registry", "registry:443"),
            ("https://localhost", "localhost"),
            ("https://[::1]:5000", "[::1]:5000"),
        ] {
            assert_eq!(host(url).as_deref(), Some(expected), "{url}");
        }
        for url in ["", "https://", "http://reg.example", "reg.example", "https://a/b", "https://u:p@a", "https://a?b"]
        {
            assert_eq!(host(url), None, "{url}");
        }
    }
}
