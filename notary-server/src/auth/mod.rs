//! Who may do what: the registries' token authentication.
//!
//! ```text
//! access.rs       what a route needs, what a token grants
//! challenge.rs    the header that tells a client where to get a token
//! token/          a token's form, signature and claims; pure
//! keys/           keys that sign tokens, and how tokens name them; pure
//! issuer_keys.rs  the keys in force, read from files or an address (source.rs), exchanged while the server runs
//! seen.rs         tokens verified a moment ago
//! ```
//!
//! A token reaches no log, and no name becomes a label.

pub mod access;
mod challenge;
mod issuer_keys;
pub mod keys;
mod refusal;
mod seen;
mod source;
pub mod token;

use std::sync::Arc;

use async_trait::async_trait;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};

use crate::collection::Clock;
use crate::config::TokenOptions;
use crate::error::{ApiError, Code};
use crate::routes::ops::Check;
use crate::telemetry::Metrics;
use access::{Needed, Requirement, Subject};
use challenge::Challenger;
use issuer_keys::IssuerKeys;
use seen::Seen;
use token::{Claims, Expected};

pub use refusal::Refusal;
pub use source::KeysError;

/// Lets requests in by token.
pub struct TokenAuth {
    challenger: Challenger,
    expected: Expected,
    keys: IssuerKeys,
    seen: Seen,
    clock: Clock,
    metrics: Arc<Metrics>,
}

impl TokenAuth {
    /// Reads the files that `options` names. An address of keys is asked later, by [`TokenAuth::keep_keys_fresh`] or
    /// when the first token needs it: the issuer may start after us.
    ///
    /// # Errors
    /// If a file cannot be used.
    pub fn open(options: &TokenOptions, clock: Clock, metrics: Arc<Metrics>) -> Result<Self, KeysError> {
        let challenger = Challenger {
            realm: options.realm.clone(),
            service: options.service.clone(),
            auto_redirect: options.auto_redirect,
        };
        Ok(Self {
            challenger,
            expected: Expected { issuer: options.issuer.clone(), service: options.service.clone() },
            keys: IssuerKeys::open(options, metrics.auth.clone())?,
            seen: Seen::new(),
            clock,
            metrics,
        })
    }

    /// Lets a request in that has what it needs, and says who asks.
    ///
    /// # Errors
    /// The 401 with its challenge; 503 as long as the issuer's keys could not be read at all.
    pub async fn authorize(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        requirement: &Requirement<'_>,
    ) -> Result<Option<Subject>, ApiError> {
        let needed = match requirement {
            Requirement::Nothing => return Ok(None),
            Requirement::Token => None,
            Requirement::Access(needed) => Some(needed),
        };
        match self.claims(headers, needed).await {
            Ok(claims) => Ok(Some(claims.subject.clone())),
            Err(refusal) => {
                self.metrics.auth.refused(&refusal);
                tracing::debug!(%refusal, "not let in");
                Err(self.refuse(uri, headers, needed, &refusal))
            }
        }
    }

    /// Reads the key files again, on an operator's request. What cannot be used is logged and leaves what is in force.
    pub fn reload(&self) {
        self.keys.read_again();
    }

    /// Follows changes of the keys for as long as it is polled.
    pub async fn keep_keys_fresh(&self) {
        self.keys.follow(&self.clock).await;
    }

    async fn claims(&self, headers: &HeaderMap, needed: Option<&Needed<'_>>) -> Result<Arc<Claims>, Refusal> {
        let token = bearer(headers)?;
        let claims = match self.verified(token) {
            Err(refusal @ (Refusal::UnknownKey | Refusal::NoKeysYet)) => {
                // Perhaps the issuer has a new key since we last asked.
                let known = self.keys.current().generation;
                self.keys.ask(known, (self.clock)()).await;
                if self.keys.current().generation == known { Err(refusal) } else { self.verified(token) }
            }
            other => other,
        }?;
        match needed {
            Some(needed) if !needed.is_granted(&claims.granted) => Err(Refusal::Scope),
            _ => Ok(claims),
        }
    }

    fn verified(&self, token: &str) -> Result<Arc<Claims>, Refusal> {
        let now = (self.clock)();
        let current = self.keys.current();
        if let Some(claims) = self.seen.find(token, current.generation) {
            claims.is_current(now)?;
            return Ok(claims);
        }
        let claims = Arc::new(token::verify(token, &current.keys, &self.expected, now)?);
        self.seen.keep(token, current.generation, Arc::clone(&claims));
        Ok(claims)
    }

    fn refuse(&self, uri: &Uri, headers: &HeaderMap, needed: Option<&Needed<'_>>, refusal: &Refusal) -> ApiError {
        if *refusal == Refusal::NoKeysYet {
            return ApiError::with_text(Code::Unavailable, "the keys of the token issuer cannot be read at the moment");
        }
        let challenge = self.challenger.challenge(uri, headers, needed, refusal.challenge_error());
        ApiError::unauthorized(challenge, needed.map(Needed::detail))
    }
}

/// The token of the one `Authorization: Bearer` header.
fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::Missing)?;
    if values.next().is_some() {
        return Err(Refusal::Malformed("there are several Authorization headers"));
    }
    let (scheme, token) = value.to_str().ok().and_then(|text| text.split_once(' ')).ok_or(Refusal::Missing)?;
    if scheme.eq_ignore_ascii_case("bearer") { Ok(token) } else { Err(Refusal::Missing) }
}

/// Health: whether there are keys to check tokens with.
pub struct IssuerCheck(pub Arc<TokenAuth>);

#[async_trait]
impl Check for IssuerCheck {
    fn name(&self) -> &'static str {
        "Auth operational"
    }

    async fn run(&self) -> Result<(), String> {
        let current = self.0.keys.current();
        if current.keys.awaits_jwks && current.keys.bundle.is_empty() {
            return Err("the keys of the token issuer were not read yet".to_owned());
        }
        Ok(())
    }
}
