//! A trust server over HTTP: Notary's interface, as Notary v1's server and ours speak it.

mod address;
mod auth;
mod error_body;
mod exchange;
mod failure;
mod options;
mod probe;
mod tls;
mod upload;

#[cfg(test)]
pub(in crate::client) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::{Method, Url};

pub use address::{InvalidServerAddress, ServerAddress, UnaddressableName};
pub use options::{HttpOptions, HttpOptionsError};
pub use probe::ServerProbe;
pub use tls::{TlsFileError, TlsOptions};

pub(in crate::client) use address::is_loopback;
pub(in crate::client) use auth::{Actions, AuthFailure, Authenticated, Scope};
pub(in crate::client) use error_body::ErrorBody;
pub(in crate::client) use exchange::{Answer, HttpClient, Redirects, Request};
pub(in crate::client) use failure::{Failure, causes};

use super::credentials::Credentials;
use super::transport::{RemoteFile, Transport, TransportError};
use super::tuf::MetadataName;
use crate::dialect::notary;
use crate::keys::PublicKey;
use crate::names::{Gun, RoleName};

/// The largest key a server sends, in bytes, as for Notary's clients.
const MAX_KEY: u64 = 256 << 10;

/// A trust server. One pool of connections, kept alive; HTTP/2 where the server offers it.
///
/// Bodies are taken as they come: nothing is decompressed.
pub struct HttpTransport {
    name: String,
    client: Authenticated,
}

/// What is tried, for messages and for tokens.
#[derive(Clone, Copy)]
struct Deed {
    action: &'static str,
    actions: Actions,
}

const READ: Deed = Deed { action: "read", actions: Actions::Pull };
const PUBLISH: Deed = Deed { action: "publish to", actions: Actions::PushAndPull };
const ASK_FOR_KEYS: Deed = Deed { action: "ask for the server's keys of", actions: Actions::PushAndPull };
const CHANGE_KEYS: Deed = Deed { action: "get new keys of the server for", actions: Actions::All };
const DELETE: Deed = Deed { action: "delete", actions: Actions::All };

impl HttpTransport {
    /// Prepares to speak to a server; connects to it only when asked for something. Credentials are those of the image's
    /// registry, as for Docker, and are asked for only when the server wants some.
    ///
    /// # Errors
    /// If certificates or keys cannot be read.
    pub fn new(
        server: ServerAddress,
        options: &HttpOptions,
        credentials: Arc<dyn Credentials>,
    ) -> Result<Self, HttpOptionsError> {
        let client = HttpClient::new(&server, options)?;
        Ok(Self { name: server.to_string(), client: Authenticated::new(client, server, credentials) })
    }

    /// The server's address.
    #[must_use]
    pub const fn address(&self) -> &ServerAddress {
        self.client.server()
    }

    fn address_of(&self, gun: &Gun, file: &str) -> Result<Url, TransportError> {
        let address = self.address().of_collection(gun, file);
        address.map_err(|error| self.rejected(0, error.to_string(), None))
    }

    fn address_in_tuf(&self, gun: &Gun, file: &str) -> Result<Url, TransportError> {
        let address = self.address().of_repository(gun, file);
        address.map_err(|error| self.rejected(0, error.to_string(), None))
    }

    /// Asks for something and gives the body of a success.
    async fn ask(&self, gun: &Gun, deed: Deed, what: &str, request: Request) -> Result<Vec<u8>, TransportError> {
        let scope = Scope { repository: gun.to_string(), actions: deed.actions };
        let registry = gun.registry().unwrap_or_else(|| self.address().host());
        let answer = match self.client.send(&request, &scope, registry).await {
            Ok(answer) => answer,
            Err(AuthFailure::Failed(failure)) => return Err(self.failed(failure, what, request.limit)),
            Err(AuthFailure::Denied(cause)) => {
                let (server, action) = (self.name.clone(), deed.action);
                return Err(TransportError::Unauthorized { server, gun: gun.clone(), action, cause });
            }
            Err(AuthFailure::Unavailable { status, message }) => {
                return Err(TransportError::Unavailable { server: self.name.clone(), status, message });
            }
        };
        if answer.is_success() {
            return Ok(answer.body);
        }
        Err(self.refusal(gun, what, &request.url, &answer))
    }

    fn failed(&self, failure: Failure, what: &str, limit: u64) -> TransportError {
        let server = self.name.clone();
        match failure {
            Failure::Unreachable(cause) => TransportError::Unreachable { server, cause },
            Failure::Tls { cause, .. } => TransportError::Tls { server, cause },
            Failure::TooLarge => TransportError::TooLarge { server, file: what.to_owned(), limit },
        }
    }

    /// The one table from Notary's answers to errors.
    fn refusal(&self, gun: &Gun, what: &str, asked: &Url, answer: &Answer) -> TransportError {
        let server = self.name.clone();
        let said = ErrorBody::parse(&answer.body);
        match answer.status {
            404 | 410 => TransportError::NotFound { server, gun: gun.clone(), file: what.to_owned() },
            409 => TransportError::Conflict { server, message: said.message() },
            400 if said.code.as_deref() == Some("VERSION") => {
                TransportError::Conflict { server, message: said.message() }
            }
            300..400 => {
                let target = exchange::led_to(answer, asked).unwrap_or_else(|| "elsewhere".to_owned());
                self.rejected(answer.status, format!("it leads to {target}, which is not followed"), None)
            }
            429 | 500.. => TransportError::Unavailable { server, status: answer.status, message: said.message() },
            status => self.rejected(status, said.message(), said.kind),
        }
    }

    fn rejected(&self, status: u16, message: String, kind: Option<String>) -> TransportError {
        TransportError::Rejected { server: self.name.clone(), message, status, kind }
    }

    async fn key(&self, gun: &Gun, role: &RoleName, method: Method, deed: Deed) -> Result<PublicKey, TransportError> {
        let file = format!("{role}.key");
        let request = Request::new(method, self.address_of(gun, &file)?, MAX_KEY);
        let body = self.ask(gun, deed, &file, request).await?;
        notary::read_key(&body).map_err(|error| self.rejected(0, format!("{file}: {error}"), None))
    }
}

#[async_trait]
impl Transport for HttpTransport {
    fn name(&self) -> &str {
        &self.name
    }

    async fn fetch(&self, gun: &Gun, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, TransportError> {
        let name = file.file_name();
        self.ask(gun, READ, &name, Request::new(Method::GET, self.address_of(gun, &name)?, limit)).await
    }

    async fn publish(&self, gun: &Gun, files: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        // Letters, digits, - _ and /.
        let body = upload::body(files, ToString::to_string);
        let body = body.ok_or_else(|| self.rejected(0, "this machine gives no random bytes".to_owned(), None))?;
        let request = Request::new(Method::POST, self.address_of(gun, "")?, MAX_KEY);
        self.ask(gun, PUBLISH, "collection", Request { body: Some(body), ..request }).await.map(drop)
    }

    async fn server_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, TransportError> {
        self.key(gun, role, Method::GET, ASK_FOR_KEYS).await
    }

    async fn new_server_key(&self, gun: &Gun, role: &RoleName) -> Result<PublicKey, TransportError> {
        self.key(gun, role, Method::POST, CHANGE_KEYS).await
    }

    async fn fetch_in_tuf(&self, gun: &Gun, file: &MetadataName, limit: u64) -> Result<Vec<u8>, TransportError> {
        let request = Request::new(Method::GET, self.address_in_tuf(gun, &file.encoded())?, limit);
        self.ask(gun, READ, &file.to_string(), request).await
    }

    async fn publish_in_tuf(&self, gun: &Gun, files: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        let body = upload::body(files, |role| MetadataName::current(role.clone()).encoded());
        let body = body.ok_or_else(|| self.rejected(0, "this machine gives no random bytes".to_owned(), None))?;
        let request = Request::new(Method::POST, self.address_in_tuf(gun, "")?, MAX_KEY);
        self.ask(gun, PUBLISH, "TUF 1.0 repository", Request { body: Some(body), ..request }).await.map(drop)
    }

    async fn delete(&self, gun: &Gun) -> Result<(), TransportError> {
        let request = Request::new(Method::DELETE, self.address_of(gun, "")?, MAX_KEY);
        self.ask(gun, DELETE, "collection", request).await.map(drop)
    }
}
