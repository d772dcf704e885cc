//! Names and passwords for registries and trust servers.

mod docker_config;
mod error;
mod helper;
mod notary_auth;
mod secret;

use std::sync::Arc;

use async_trait::async_trait;

pub use docker_config::DockerConfig;
pub use error::CredentialsError;
pub use notary_auth::NotaryAuth;
pub use secret::Secret;

/// Who somebody is to a token service or server.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credential {
    /// A name and a password.
    Password {
        /// The name.
        user: String,
        /// The password, or an access token that is used as one.
        password: Secret,
    },
    /// An OAuth refresh token, as `docker login` stores it for some registries.
    IdentityToken(Secret),
    /// A bearer token, ready to be sent.
    RegistryToken(Secret),
}

/// What credentials are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialsRequest<'a> {
    /// The server that asks, with its port if it has one.
    pub server: &'a str,
    /// The registry of the image concerned, with its port: `docker.io`. For a registry it is the server itself; people log
    /// in to registries, and a trust server takes the same tokens.
    pub registry: &'a str,
}

/// Somebody who knows credentials. Asked only when a server wants them; an answer may be asked for again.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// The credential for a server; `None` to stay anonymous.
    ///
    /// # Errors
    /// If there should be one and it cannot be read.
    async fn credential(&self, request: CredentialsRequest<'_>) -> Result<Option<Credential>, CredentialsError>;
}

/// Nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Anonymous;

#[async_trait]
impl Credentials for Anonymous {
    async fn credential(&self, _: CredentialsRequest<'_>) -> Result<Option<Credential>, CredentialsError> {
        Ok(None)
    }
}

/// The same credential for every server: for embedders that know where they go.
#[async_trait]
impl Credentials for Credential {
    async fn credential(&self, _: CredentialsRequest<'_>) -> Result<Option<Credential>, CredentialsError> {
        Ok(Some(self.clone()))
    }
}

/// Several, asked in order; the first that has a credential, or fails, decides.
#[async_trait]
impl Credentials for Vec<Arc<dyn Credentials>> {
    async fn credential(&self, request: CredentialsRequest<'_>) -> Result<Option<Credential>, CredentialsError> {
        for credentials in self {
            if let Some(credential) = credentials.credential(request).await? {
                return Ok(Some(credential));
            }
        }
        Ok(None)
    }
}
