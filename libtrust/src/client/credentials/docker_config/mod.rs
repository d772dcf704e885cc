//! Docker's `config.json`: where `docker login` leaves credentials.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::notary_auth::decode_pair;
use super::{Credential, Credentials, CredentialsError, CredentialsRequest, Secret, helper};

/// The largest `config.json`, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Where Docker keeps the credentials of Docker Hub.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// How image names spell Docker Hub.
const HUB: [&str; 2] = ["docker.io", "index.docker.io"];

/// What Docker's configuration says about credentials. Read once; helpers are run when asked.
#[derive(Debug, Clone)]
pub struct DockerConfig {
    file: PathBuf,
    from_variable: BTreeMap<String, Entry>,
    stores: Stores,
    helper_time: Duration,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Stores {
    #[serde(default)]
    auths: Option<BTreeMap<String, Entry>>,
    #[serde(default, rename = "credsStore")]
    default: Option<String>,
    #[serde(default, rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
}

/// One of `auths`. All of it is optional: with a store, Docker leaves empty entries behind.
#[derive(Debug, Clone, Default, Deserialize)]
struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

/// What `DOCKER_AUTH_CONFIG` may hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableForm {
    auths: BTreeMap<String, VariableEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariableEntry {
    auth: Secret,
}

impl DockerConfig {
    /// The variable that names the folder.
    pub const FOLDER_VARIABLE: &'static str = "DOCKER_CONFIG";
    /// The variable that holds credentials itself; they come before those of the file.
    pub const AUTH_VARIABLE: &'static str = "DOCKER_AUTH_CONFIG";

    /// The folder Docker would use: `DOCKER_CONFIG`, else `.docker` in the home folder; `None` without either.
    #[must_use]
    pub fn default_folder() -> Option<PathBuf> {
        let named = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        named(Self::FOLDER_VARIABLE).or_else(|| named("HOME").map(|home| home.join(".docker")))
    }

    /// Reads `FOLDER/config.json` and [`DockerConfig::AUTH_VARIABLE`]. No file is an empty configuration.
    ///
    /// # Errors
    /// If one of them cannot be read.
    pub fn load(folder: &Path) -> Result<Self, CredentialsError> {
        let config = Self::load_file(folder)?;
        match std::env::var(Self::AUTH_VARIABLE).map(Zeroizing::new) {
            Ok(text) if !text.is_empty() => config.with_auth_config(&text),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(CredentialsError::malformed(Self::AUTH_VARIABLE, "it is not text"))
            }
            _ => Ok(config),
        }
    }

    /// Reads `FOLDER/config.json` alone.
    ///
    /// # Errors
    /// If it cannot be read or is not what Docker writes.
    pub fn load_file(folder: &Path) -> Result<Self, CredentialsError> {
        let file = folder.join("config.json");
        let unreadable = |cause: String| CredentialsError::Unreadable { path: file.display().to_string(), cause };
        let stores = match std::fs::File::open(&file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Stores::default(),
            Err(error) => return Err(unreadable(error.to_string())),
            Ok(opened) => {
                let mut bytes = Zeroizing::new(Vec::new());
                opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
                if bytes.len() as u64 > MAX_BYTES {
                    return Err(unreadable(format!("it has more than {MAX_BYTES} bytes")));
                }
                parse(&bytes, &file.display().to_string())?
            }
        };
        Ok(Self { file, from_variable: BTreeMap::new(), stores, helper_time: helper::TIME })
    }

    /// Adds what [`DockerConfig::AUTH_VARIABLE`] would hold: `{"auths":{"HOST":{"auth":"BASE64"}}}` and nothing else.
    ///
    /// # Errors
    /// If it has another form.
    pub fn with_auth_config(mut self, text: &str) -> Result<Self, CredentialsError> {
        let form: VariableForm = parse(text.as_bytes(), Self::AUTH_VARIABLE)?;
        let entry = |auth| Entry { auth: Some(auth), ..Entry::default() };
        self.from_variable = form.auths.into_iter().map(|(host, found)| (host, entry(found.auth))).collect();
        Ok(self)
    }

    /// How long a credential helper may take, instead of a minute.
    #[must_use]
    pub fn with_helper_time(self, helper_time: Duration) -> Self {
        Self { helper_time, ..self }
    }

    /// The credential `docker login HOST` left, by a registry's host and port.
    ///
    /// # Errors
    /// If the entry cannot be read or its helper fails.
    pub async fn for_registry(&self, host: &str) -> Result<Option<Credential>, CredentialsError> {
        let key = if HUB.contains(&host) { HUB_KEY } else { host };
        if let Some(found) = self.entry(&self.from_variable, Self::AUTH_VARIABLE, key)? {
            return Ok(Some(found));
        }
        let Stores { auths, default, helpers } = &self.stores;
        let helper = helpers.as_ref().and_then(|helpers| helpers.get(key)).or(default.as_ref());
        if let Some(helper) = helper.filter(|helper| !helper.is_empty()) {
            return helper::ask(helper, key, self.helper_time).await;
        }
        let no_auths = BTreeMap::new();
        let auths = auths.as_ref().unwrap_or(&no_auths);
        if auths.is_empty() && default.is_none() {
            return match helper::default_name() {
                Some(name) => helper::ask(name, key, self.helper_time).await,
                None => Ok(None),
            };
        }
        self.entry(auths, &self.file.display().to_string(), key)
    }

    fn entry(
        &self,
        auths: &BTreeMap<String, Entry>,
        place: &str,
        key: &str,
    ) -> Result<Option<Credential>, CredentialsError> {
        // Keys may be whole addresses, as old logins wrote them.
        let found = auths
            .get(key)
            .or_else(|| auths.iter().find(|(written, _)| host_of(written) == host_of(key)).map(|(_, entry)| entry));
        let Some(entry) = found else { return Ok(None) };
        let has = |secret: &Option<Secret>| secret.clone().filter(|secret| !secret.expose().is_empty());
        if let Some(token) = has(&entry.registrytoken) {
            return Ok(Some(Credential::RegistryToken(token)));
        }
        if let Some(token) = has(&entry.identitytoken) {
            return Ok(Some(Credential::IdentityToken(token)));
        }
        if let Some(auth) = has(&entry.auth) {
            let (user, password) = decode_pair(auth.expose()).ok_or_else(|| {
                CredentialsError::malformed(format!("{place}, auth of {key}"), "expected base64 of user:password")
            })?;
            // Docker pads some with zero bytes.
            let password = Secret::from(password.expose().trim_matches('\0').to_owned());
            return Ok(Some(Credential::Password { user, password }));
        }
        let user = entry.username.clone().filter(|user| !user.is_empty());
        Ok(user.zip(has(&entry.password)).map(|(user, password)| Credential::Password { user, password }))
    }
}

/// The host of a key, with its port: `https://reg.example/v1/` is `reg.example`.
fn host_of(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    rest.split_once('/').map_or(rest, |(host, _)| host)
}

/// Errors of the parser are not repeated: they may quote what stands there.
fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8], place: &str) -> Result<T, CredentialsError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let why = format!("not what Docker expects, at line {} column {}", error.line(), error.column());
        CredentialsError::malformed(place, why)
    })
}

/// By the image's registry, as Docker does it; by the server's own name if there is nothing for the registry.
#[async_trait]
impl Credentials for DockerConfig {
    async fn credential(&self, request: CredentialsRequest<'_>) -> Result<Option<Credential>, CredentialsError> {
        match self.for_registry(request.registry).await? {
            None if request.server != request.registry => self.for_registry(request.server).await,
            found => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests;
