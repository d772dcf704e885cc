//! Targets of repositories about images: their manifests, from the registry that holds them.
//!
//! Asked for by digest, so a manifest is what was signed or it is not sent at all: it is small enough to be looked at
//! before the first byte leaves.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtrust::client::{
    Anonymous, Credential, Credentials, CredentialsError, CredentialsRequest, HttpOptions, Manifest, Registry,
    RegistryError, RegistryOptionsError, Secret, TlsOptions,
};
use libtrust::names::{Gun, ImageDigest, ImageReference};
use tokio::sync::Semaphore;

use crate::config::RegistryOptions;

/// Longest time for one manifest, login included. A client waits for no longer than for other answers.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// Manifests asked for at once; each may take some MiB of memory.
const AT_ONCE: usize = 16;
/// The largest password file, in bytes.
const MAX_PASSWORD: u64 = 64 << 10;

/// Fetches manifests from one registry.
pub struct Manifests {
    registry: Registry,
    host: String,
    name: String,
    turns: Semaphore,
}

impl Manifests {
    /// Prepares to ask the registry; connects when asked for something.
    ///
    /// # Errors
    /// If it is no host, or the authorities' file cannot be read.
    pub fn open(options: &RegistryOptions) -> Result<Self, RegistryOptionsError> {
        let http = HttpOptions {
            request_time: REQUEST_TIME,
            user_agent: concat!("notary-server/", env!("CARGO_PKG_VERSION")).to_owned(),
            tls: TlsOptions { ca_file: options.ca_file.clone(), ..TlsOptions::default() },
            ..HttpOptions::default()
        };
        let credentials: Arc<dyn Credentials> = match &options.login {
            Some((user, file)) => Arc::new(PasswordFile { user: user.clone(), file: file.clone() }),
            None => Arc::new(Anonymous),
        };
        let registry = Registry::new(&options.host, &http, credentials)?;
        let (host, name) = (options.host.clone(), options.name.clone());
        Ok(Self { registry, host, name, turns: Semaphore::new(AT_ONCE) })
    }

    /// The manifest of this digest of the image that a collection is about; nothing if its name is none of an image in this
    /// registry: whoever may publish under another name must not be shown what this server's login may read.
    ///
    /// # Errors
    /// If the registry does not have it, or why it could not be asked.
    pub async fn fetch(&self, gun: &Gun, digest: ImageDigest) -> Result<Option<Manifest>, RegistryError> {
        let Ok(image) = gun.as_str().parse::<ImageReference>() else { return Ok(None) };
        if image.registry() != self.name {
            return Ok(None);
        }
        // The registry may be known here by another name than in images.
        let Ok(image) = format!("{}/{}", self.host, image.path()).parse::<ImageReference>() else { return Ok(None) };
        let _turn = self.turns.acquire().await;
        self.registry.manifest(&image.with_digest(digest)).await.map(Some)
    }
}

/// A login whose password is read anew each time it is asked for, so that it can be changed.
struct PasswordFile {
    user: String,
    file: PathBuf,
}

#[async_trait]
impl Credentials for PasswordFile {
    async fn credential(&self, _: CredentialsRequest<'_>) -> Result<Option<Credential>, CredentialsError> {
        let unreadable = |cause: String| CredentialsError::Unreadable { path: self.file.display().to_string(), cause };
        let mut text = zeroize::Zeroizing::new(String::new());
        let read = std::fs::File::open(&self.file).and_then(|file| file.take(MAX_PASSWORD).read_to_string(&mut text));
        read.map_err(|error| unreadable(error.to_string()))?;
        let password = text.lines().next().filter(|line| !line.is_empty());
        let password = password.ok_or_else(|| unreadable("its first line is empty".to_owned()))?;
        Ok(Some(Credential::Password { user: self.user.clone(), password: Secret::from(password.to_owned()) }))
    }
}
