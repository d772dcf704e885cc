//! An image registry: which manifest a tag means now.

mod error;
mod manifest;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};

pub use error::RegistryError;
pub use manifest::{Descriptor, Manifest, Platform, PlatformManifest};

use super::credentials::Credentials;
use super::http::{
    Actions, Answer, AuthFailure, Authenticated, ErrorBody, Failure, HttpClient, HttpOptions, HttpOptionsError,
    InvalidServerAddress, Redirects, Request, Scope, ServerAddress,
};
use crate::names::{ImageDigest, ImageReference};

/// The largest manifest, in bytes, as for registries and engines.
const MAX_MANIFEST: u64 = 4 << 20;
/// Docker Hub as image names spell it, and where it really is.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");
/// The digest of what an answer holds, or would hold.
const DIGEST_HEADER: &str = "docker-content-digest";

/// A registry, asked without an engine: nothing is pulled. With the same logins as Docker.
///
/// One on this machine may be without TLS, as for Docker, but only if it speaks none: a certificate that is not trusted is
/// an error there, too.
pub struct Registry {
    name: String,
    client: Authenticated,
    /// The same without TLS, for this machine.
    plain: Option<Authenticated>,
    is_plain: AtomicBool,
}

/// Why a registry cannot be asked at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryOptionsError {
    /// The registry's name is no host.
    #[error(transparent)]
    Address(#[from] InvalidServerAddress),
    /// Certificates or keys.
    #[error(transparent)]
    Options(#[from] HttpOptionsError),
}

impl Registry {
    /// Prepares to ask a registry, by its host and port as image names have it; connects when asked for something.
    ///
    /// # Errors
    /// If it is no host, or certificates or keys cannot be read.
    pub fn new(
        host: &str,
        options: &HttpOptions,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Self, RegistryOptionsError> {
        let real = if host == HUB.0 { HUB.1 } else { host };
        let client = |address: ServerAddress| -> Result<Authenticated, RegistryOptionsError> {
            Ok(Authenticated::new(HttpClient::new(&address, options)?, address, Arc::clone(&credentials)))
        };
        let address: ServerAddress = format!("https://{real}").parse()?;
        let plain = if address.is_loopback() { Some(client(format!("http://{real}").parse()?)?) } else { None };
        Ok(Self { name: host.to_owned(), client: client(address)?, plain, is_plain: AtomicBool::new(false) })
    }

    /// What identifies the manifest that a reference means now: that of its digest, else of its tag, else of `latest`.
    ///
    /// For a tag this is what the registry says; only [`Registry::manifest`] sees the bytes.
    ///
    /// # Errors
    /// If there is no such image, or why the registry could not be asked.
    pub async fn resolve(&self, image: &ImageReference) -> Result<Descriptor, RegistryError> {
        let answer = self.ask(image, Method::HEAD).await?;
        let length = answer.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let claimed = claimed_digest(&answer.headers);
        if let (Some(size), Some(digest), Some(media_type)) = (length, claimed, kind(&answer.headers)) {
            if let Some(expected) = image.digest().filter(|expected| **expected != digest) {
                return Err(self.other_digest(image, expected.clone(), digest));
            }
            return Ok(Descriptor { digest, size, media_type });
        }
        // Some registries say too little about what they would send.
        self.manifest(image).await.map(|manifest| manifest.descriptor)
    }

    /// The manifest itself. Its bytes have the digest that was asked for, and the one the registry claims.
    ///
    /// # Errors
    /// If there is no such image, it is not what it should be, or why the registry could not be asked.
    pub async fn manifest(&self, image: &ImageReference) -> Result<Manifest, RegistryError> {
        let Answer { headers, body: bytes, .. } = self.ask(image, Method::GET).await?;
        for expected in [image.digest().cloned(), claimed_digest(&headers)].into_iter().flatten() {
            if !expected.is_of(&bytes) {
                return Err(self.other_digest(image, expected, ImageDigest::of(&bytes)));
            }
        }
        let digest = image.digest().cloned().unwrap_or_else(|| ImageDigest::of(&bytes));
        let media_type = manifest::stated_kind(&bytes).or_else(|| kind(&headers));
        let media_type = media_type.ok_or_else(|| self.malformed(image, "it does not say of which kind".to_owned()))?;
        Ok(Manifest { descriptor: Descriptor { digest, size: bytes.len() as u64, media_type }, bytes })
    }

    /// The manifests of an image's platforms; none if it has but one, without an index.
    ///
    /// # Errors
    /// As [`Registry::manifest`], or if the index cannot be read.
    pub async fn platforms(&self, image: &ImageReference) -> Result<Vec<PlatformManifest>, RegistryError> {
        self.manifest(image).await?.platforms().map_err(|why| self.malformed(image, why))
    }

    async fn ask(&self, image: &ImageReference, method: Method) -> Result<Answer, RegistryError> {
        if image.registry() != self.name {
            return Err(RegistryError::OtherRegistry { registry: self.name.clone(), image: image.clone() });
        }
        let answer = match &self.plain {
            Some(plain) if self.is_plain.load(Ordering::Relaxed) => self.send(plain, image, method).await,
            Some(plain) => match self.send(&self.client, image, method.clone()).await {
                Err(AuthFailure::Failed(Failure::Tls { is_plain: true, .. })) => {
                    let answer = self.send(plain, image, method).await;
                    self.is_plain.store(answer.is_ok(), Ordering::Relaxed);
                    answer
                }
                answer => answer,
            },
            None => self.send(&self.client, image, method).await,
        };
        let answer = answer.map_err(|failure| self.failed(image, failure))?;
        if answer.is_success() {
            return Ok(answer);
        }
        let (registry, image, status) = (self.name.clone(), image.clone(), answer.status);
        if status == 404 {
            return Err(RegistryError::NotFound { registry, image });
        }
        let message = ErrorBody::parse(&answer.body).message();
        Err(RegistryError::Refused { registry, image, status, message })
    }

    async fn send(
        &self,
        client: &Authenticated,
        image: &ImageReference,
        method: Method,
    ) -> Result<Answer, AuthFailure> {
        let which = match (image.digest(), image.tag()) {
            (Some(digest), _) => digest.as_str(),
            (None, Some(tag)) => tag,
            (None, None) => "latest",
        };
        let url = client.server().join(&format!("/v2/{}/manifests/{which}", image.path()));
        let url = url.map_err(|error| AuthFailure::Denied(error.to_string()))?;
        // Some registries serve manifests from elsewhere.
        let redirects = Redirects::Anywhere;
        let request = Request { accept: Some(manifest::ACCEPT), redirects, ..Request::new(method, url, MAX_MANIFEST) };
        let scope = Scope { repository: image.path().to_owned(), actions: Actions::Pull };
        client.send(&request, &scope, &self.name).await
    }

    fn failed(&self, image: &ImageReference, failure: AuthFailure) -> RegistryError {
        let (registry, image) = (self.name.clone(), image.clone());
        match failure {
            AuthFailure::Denied(cause) => RegistryError::Unauthorized { registry, image, cause },
            AuthFailure::Unavailable { status, message } => RegistryError::Refused { registry, image, status, message },
            AuthFailure::Failed(Failure::TooLarge) => RegistryError::TooLarge { registry, image, limit: MAX_MANIFEST },
            AuthFailure::Failed(Failure::Unreachable(cause)) => RegistryError::Unreachable { registry, cause },
            AuthFailure::Failed(Failure::Tls { cause, .. }) => RegistryError::Tls { registry, cause },
        }
    }

    fn other_digest(&self, image: &ImageReference, expected: ImageDigest, found: ImageDigest) -> RegistryError {
        RegistryError::OtherDigest { registry: self.name.clone(), image: image.clone(), expected, found }
    }

    fn malformed(&self, image: &ImageReference, why: String) -> RegistryError {
        RegistryError::Malformed { registry: self.name.clone(), image: image.clone(), why }
    }
}

fn claimed_digest(headers: &HeaderMap) -> Option<ImageDigest> {
    headers.get(DIGEST_HEADER)?.to_str().ok()?.parse().ok()
}

/// The kind an answer says it is of, without its parameters.
fn kind(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    // What says nothing about manifests.
    (!kind.is_empty() && kind != "application/json").then(|| kind.to_owned())
}
