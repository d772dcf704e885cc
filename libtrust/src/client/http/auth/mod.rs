//! Being let in: requests that show a token or a password when the server wants one.
//!
//! Nothing is asked for ahead: a refusal carries the challenge. What was learnt is kept, so a session pays once. Reads are
//! tried anonymously first, and with credentials if the token service or the server will not have that.

mod challenge;
mod scope;
mod token;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use reqwest::Method;
use reqwest::header::HeaderValue;
use tokio::sync::Mutex;

use challenge::Challenge;
pub(in crate::client) use scope::{Actions, Scope};
use token::{Token, TokenService};

use super::address::ServerAddress;
use super::error_body::ErrorBody;
use super::exchange::{Answer, HttpClient, Request};
use super::failure::Failure;
use crate::client::credentials::{Credential, Credentials, CredentialsRequest};

/// Most tokens that are kept. A session rarely needs more than a few.
const MAX_TOKENS: usize = 1024;

/// Why a request was not let in, or got no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::client) enum AuthFailure {
    /// No answer.
    Failed(Failure),
    /// Not let in, and why.
    Denied(String),
    /// The token service cannot answer now.
    Unavailable { status: u16, message: String },
}

impl From<Failure> for AuthFailure {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// A server with whatever it wants to see.
pub(in crate::client) struct Authenticated {
    client: HttpClient,
    server: ServerAddress,
    credentials: Arc<dyn Credentials>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    manner: Manner,
    /// An anonymous token was not enough once.
    needs_credentials: bool,
    held: HashMap<Scope, Shown>,
}

/// What is known of how the server lets people in.
#[derive(Default, Clone, PartialEq, Eq)]
enum Manner {
    #[default]
    Unknown,
    /// It answered somebody it did not know.
    Open,
    Challenged(Challenge),
}

/// What a request shows.
#[derive(Clone)]
struct Shown {
    header: HeaderValue,
    /// `None` for a password.
    until: Option<Instant>,
    who: Who,
    /// It was not made for this request, so it may have run out since.
    is_reused: bool,
}

/// Whose token or password it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Nobody's, although there may be a login.
    Anyone,
    /// Nobody's, because there is no login.
    NoLogin,
    /// That of the login.
    Login,
}

impl Authenticated {
    pub(in crate::client) fn new(client: HttpClient, server: ServerAddress, credentials: Arc<dyn Credentials>) -> Self {
        Self { client, server, credentials, state: Mutex::default() }
    }

    pub(in crate::client) const fn connections(&self) -> &HttpClient {
        &self.client
    }

    pub(in crate::client) const fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// Sends a request, with what the server wants to see for `scope`. `registry` is whose credentials these are.
    ///
    /// # Errors
    /// If it was not let in, or there is no answer. Any other answer is given as it is.
    pub(in crate::client) async fn send(
        &self,
        request: &Request,
        scope: &Scope,
        registry: &str,
    ) -> Result<Answer, AuthFailure> {
        let mut shown = self.prepare(request, scope, registry).await?;
        loop {
            let answer = self.client.send(request, shown.as_ref().map(|shown| &shown.header)).await?;
            match answer.status {
                401 | 403 => {}
                _ => {
                    let mut state = self.state.lock().await;
                    if state.manner == Manner::Unknown && shown.is_none() {
                        state.manner = Manner::Open;
                    }
                    return Ok(answer);
                }
            }
            // Ends: each round shows something better than the one before, see `better`.
            shown = Some(self.better(shown, &answer, scope, registry).await?);
        }
    }

    /// What to show from the start, from what is known. A body is not sent only to be refused.
    async fn prepare(&self, request: &Request, scope: &Scope, registry: &str) -> Result<Option<Shown>, AuthFailure> {
        let mut state = self.state.lock().await;
        if state.manner == Manner::Unknown && request.body.is_some() {
            state.manner = self.ask_manner().await?;
        }
        if let Some(held) = state.held(scope) {
            return Ok(Some(held));
        }
        match state.manner.clone() {
            Manner::Unknown | Manner::Open => Ok(None),
            Manner::Challenged(challenge) => self.obtain(&mut state, &challenge, scope, registry).await.map(Some),
        }
    }

    async fn ask_manner(&self) -> Result<Manner, AuthFailure> {
        let Ok(url) = self.server.join("/v2/") else { return Ok(Manner::Open) };
        let answer = self.client.send(&Request::new(Method::GET, url, 64 << 10), None).await?;
        let challenge = Challenge::best(&answer.headers).filter(|_| answer.status == 401);
        Ok(challenge.map_or(Manner::Open, Manner::Challenged))
    }

    /// What to show after a refusal: nothing, then a token kept from before, then a new one, then one with credentials.
    async fn better(
        &self,
        shown: Option<Shown>,
        refusal: &Answer,
        scope: &Scope,
        registry: &str,
    ) -> Result<Shown, AuthFailure> {
        let mut state = self.state.lock().await;
        let challenge = Challenge::best(&refusal.headers);
        if let Some(challenge) = challenge.clone().filter(|_| refusal.status == 401) {
            state.manner = Manner::Challenged(challenge);
        }
        let words = ErrorBody::parse(&refusal.body).message();
        let Manner::Challenged(challenge) = state.manner.clone() else {
            return Err(AuthFailure::Denied(format!("status {}, {words}", refusal.status)));
        };
        match shown {
            None if refusal.status == 403 => return Err(AuthFailure::Denied(format!("status 403, {words}"))),
            None => {}
            Some(shown) if shown.is_reused => state.forget(scope, &shown),
            Some(shown) if shown.who == Who::Anyone => {
                state.needs_credentials = true;
                state.held.remove(scope);
            }
            Some(shown) => {
                state.held.remove(scope);
                return Err(AuthFailure::Denied(match shown.who {
                    Who::Login => {
                        format!("your login at {registry} does not allow it: status {}, {words}", refusal.status)
                    }
                    Who::Anyone | Who::NoLogin => wants_a_login(registry),
                }));
            }
        }
        if let Some(held) = state.held(scope) {
            return Ok(held);
        }
        self.obtain(&mut state, &challenge, scope, registry).await
    }

    /// A new token, or the password; kept for the next request. The lock is held: many requests at once need one token.
    async fn obtain(
        &self,
        state: &mut State,
        challenge: &Challenge,
        scope: &Scope,
        registry: &str,
    ) -> Result<Shown, AuthFailure> {
        let shown = match challenge {
            Challenge::Other(scheme) => {
                return Err(AuthFailure::Denied(format!("it wants {scheme} authentication, which is not supported")));
            }
            Challenge::Basic => match self.credential(registry).await? {
                Some(Credential::Password { user, password }) => {
                    let header = token::basic(&user, &password)?;
                    Shown { header, until: None, who: Who::Login, is_reused: false }
                }
                Some(_) => {
                    let why = format!("it wants a name and a password, and the login at {registry} is a token");
                    return Err(AuthFailure::Denied(why));
                }
                None => return Err(AuthFailure::Denied(wants_a_login(registry))),
            },
            Challenge::Bearer { realm, service, .. } => {
                let service = TokenService::new(realm, service, &self.server)?;
                self.token(state, &service, scope, registry).await?
            }
        };
        state.hold(scope, &shown);
        Ok(shown)
    }

    async fn token(
        &self,
        state: &mut State,
        service: &TokenService,
        scope: &Scope,
        registry: &str,
    ) -> Result<Shown, AuthFailure> {
        let shown = |token: Token, who| Shown { header: token.header, until: Some(token.until), who, is_reused: false };
        let mut refusal = None;
        if scope.actions.may_be_anonymous() && !state.needs_credentials {
            match service.token(&self.client, scope, None).await {
                Err(AuthFailure::Denied(why)) => {
                    state.needs_credentials = true;
                    refusal = Some(why);
                }
                answer => return answer.map(|token| shown(token, Who::Anyone)),
            }
        }
        match (self.credential(registry).await?, refusal) {
            (None, Some(why)) => Err(AuthFailure::Denied(format!("{why}; {}", wants_a_login(registry)))),
            (credential, _) => {
                let token = service.token(&self.client, scope, credential.as_ref()).await?;
                Ok(shown(token, if credential.is_some() { Who::Login } else { Who::NoLogin }))
            }
        }
    }

    async fn credential(&self, registry: &str) -> Result<Option<Credential>, AuthFailure> {
        let request = CredentialsRequest { server: self.server.host(), registry };
        self.credentials.credential(request).await.map_err(|error| AuthFailure::Denied(error.to_string()))
    }
}

fn wants_a_login(registry: &str) -> String {
    format!("it wants a login: log in to {registry}, as with docker login {registry}")
}

impl State {
    /// What is held for a scope and has not run out.
    fn held(&mut self, scope: &Scope) -> Option<Shown> {
        let held = self.held.get(scope)?;
        if held.until.is_some_and(|until| until <= Instant::now()) {
            self.held.remove(scope);
            return None;
        }
        Some(held.clone())
    }

    /// Forgets what was refused, unless another request has put something new in its place.
    fn forget(&mut self, scope: &Scope, refused: &Shown) {
        if self.held.get(scope).is_some_and(|held| held.header == refused.header) {
            self.held.remove(scope);
        }
    }

    fn hold(&mut self, scope: &Scope, shown: &Shown) {
        if self.held.len() >= MAX_TOKENS {
            self.held.clear();
        }
        self.held.insert(scope.clone(), Shown { is_reused: true, ..shown.clone() });
    }
}
