//! Asking a token service, as Docker's registries and Notary's clients do it.

use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use reqwest::header::HeaderValue;
use reqwest::{Method, Url};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{AuthFailure, Scope};
use crate::client::credentials::{Credential, Secret};
use crate::client::http::address::{ServerAddress, host_of, is_loopback};
use crate::client::http::error_body::ErrorBody;
use crate::client::http::exchange::{HttpClient, Request};
use crate::client::http::failure::Failure;

/// The largest answer of a token service, in bytes. A token travels in a header; servers take a few KiB there.
const MAX_ANSWER: u64 = 256 << 10;
/// Longest time for a token, as for Notary's clients.
const TIME: Duration = Duration::from_secs(15);
/// How long a token is good for unless its service says longer.
const LEAST_LIFE: u64 = 60;
/// A service that says longer is not believed. A day.
const MOST_LIFE: u64 = 86_400;

/// Something to show, and until when.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) until: Instant,
}

#[derive(Deserialize)]
struct Answer {
    access_token: Option<Secret>,
    token: Option<Secret>,
    expires_in: Option<u64>,
}

/// The token service that a server's challenge names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TokenService {
    realm: Url,
    service: String,
}

impl TokenService {
    /// Passwords are sent there, so it must be spoken to with TLS; on this machine only for a server on this machine, or
    /// a server elsewhere could have them sent to any local program.
    pub(super) fn new(realm: &str, service: &str, server: &ServerAddress) -> Result<Self, AuthFailure> {
        let malformed = || AuthFailure::Denied("the address of the token service that it names is none".to_owned());
        let realm = Url::parse(realm).map_err(|_| malformed())?;
        if realm.host_str().is_none() {
            return Err(malformed());
        }
        let is_safe = match realm.scheme() {
            "https" => true,
            "http" => is_loopback(&realm) && server.is_loopback(),
            _ => return Err(malformed()),
        };
        if !is_safe {
            let host = host_of(&realm);
            let why = format!("it sends you to the token service {host} without TLS, where a password could be read");
            return Err(AuthFailure::Denied(why));
        }
        Ok(Self { realm, service: service.to_owned() })
    }

    /// A token for `scope`; anonymous without a credential.
    ///
    /// # Errors
    /// [`AuthFailure::Denied`] if it refuses, else why it could not be asked.
    pub(super) async fn token(
        &self,
        client: &HttpClient,
        scope: &Scope,
        credential: Option<&Credential>,
    ) -> Result<Token, AuthFailure> {
        let asked = Instant::now();
        let mut authorization = None;
        let request = match credential {
            Some(Credential::RegistryToken(token)) => {
                return Ok(Token { header: bearer(token)?, until: asked + Duration::from_secs(MOST_LIFE) });
            }
            Some(Credential::IdentityToken(token)) => self.refresh(scope, token),
            Some(Credential::Password { user, password }) => {
                authorization = Some(basic(user, password)?);
                self.get(scope, Some(user))
            }
            None => self.get(scope, None),
        };
        let host = host_of(&self.realm);
        let answer = client.send(&request, authorization.as_ref()).await.map_err(|failure| match failure {
            Failure::Unreachable(cause) => Failure::Unreachable(format!("token service {host}: {cause}")),
            Failure::Tls { cause, .. } => {
                Failure::Tls { cause: format!("token service {host}: {cause}"), is_plain: false }
            }
            Failure::TooLarge => {
                Failure::Unreachable(format!("token service {host} sent more than {MAX_ANSWER} bytes"))
            }
        })?;
        let body = Zeroizing::new(answer.body);
        match answer.status {
            200..300 => {}
            400..500 if answer.status != 429 => {
                let message = ErrorBody::parse(&body).message();
                return Err(AuthFailure::Denied(format!("the token service {host} says {}: {message}", answer.status)));
            }
            status => {
                let message = format!("token service {host}: {}", ErrorBody::parse(&body).message());
                return Err(AuthFailure::Unavailable { status, message });
            }
        }
        let unusable = || AuthFailure::Denied(format!("the token service {host} gave no token"));
        let answer: Answer = serde_json::from_slice(&body).map_err(|_| unusable())?;
        let is_some = |token: &Secret| !token.expose().is_empty();
        let token = answer.access_token.filter(is_some).or(answer.token.filter(is_some)).ok_or_else(unusable)?;
        // Counted from before it was asked for, by this process's own clock: no other one is involved.
        let life = answer.expires_in.unwrap_or(LEAST_LIFE).clamp(LEAST_LIFE, MOST_LIFE);
        Ok(Token { header: bearer(&token)?, until: asked + Duration::from_secs(life) })
    }

    fn get(&self, scope: &Scope, user: Option<&str>) -> Request {
        let mut url = self.realm.clone();
        self.describe(&mut url, scope);
        if let Some(user) = user {
            url.query_pairs_mut().append_pair("account", user);
        }
        Request { time: Some(TIME), ..Request::new(Method::GET, url, MAX_ANSWER) }
    }

    fn refresh(&self, scope: &Scope, token: &Secret) -> Request {
        // The form has the syntax of a query.
        let mut form = self.realm.clone();
        form.set_query(None);
        self.describe(&mut form, scope);
        form.query_pairs_mut()
            .append_pair("grant_type", "refresh_token")
            .append_pair("client_id", "trust")
            .append_pair("refresh_token", token.expose());
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let body = form.query().unwrap_or_default().to_owned();
        let request = Request::new(Method::POST, self.realm.clone(), MAX_ANSWER);
        Request { body: Some((kind, body.into())), time: Some(TIME), ..request }
    }

    fn describe(&self, url: &mut Url, scope: &Scope) {
        let mut pairs = url.query_pairs_mut();
        if !self.service.is_empty() {
            pairs.append_pair("service", &self.service);
        }
        pairs.append_pair("scope", &scope.to_string());
    }
}

pub(super) fn basic(user: &str, password: &Secret) -> Result<HeaderValue, AuthFailure> {
    let pair = Zeroizing::new(format!("{user}:{}", password.expose()));
    header(&Zeroizing::new(format!("Basic {}", &*Zeroizing::new(BASE64_STANDARD.encode(&*pair)))))
}

fn bearer(token: &Secret) -> Result<HeaderValue, AuthFailure> {
    header(&Zeroizing::new(format!("Bearer {}", token.expose())))
}

fn header(text: &str) -> Result<HeaderValue, AuthFailure> {
    let unusable = |_| AuthFailure::Denied("the token has characters that cannot be sent".to_owned());
    let mut value = HeaderValue::from_str(text).map_err(unusable)?;
    value.set_sensitive(true);
    Ok(value)
}
