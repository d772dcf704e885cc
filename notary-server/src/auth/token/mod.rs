//! A token: a JWS in compact form (RFC 7515) around the registries' claims.
//!
//! Strict where tokens of registries are: three parts in unpadded base64url, no name twice, nothing critical, no
//! algorithm that is not a public-key signature. Nothing is looked at before it is bounded, and the claims not before
//! the signature holds.

mod claims;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine as _};
use chrono::{DateTime, Utc};
use libtrust::json::Value;
use rustls::pki_types::CertificateDer;

use super::keys::{Algorithm, TokenKey, TrustedKeys, Unverified};
use super::refusal::Refusal;

pub use claims::{Claims, Expected};

/// Longest token, in bytes: group memberships make some long; the listener takes no longer header.
pub const MAX_TOKEN: usize = 64 << 10;
/// Deepest nesting in header and claims.
const MAX_DEPTH: usize = 16;
/// Most JSON values in the header.
const MAX_HEADER_VALUES: usize = 200;

/// What a header says about how the token is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// `alg`.
    pub algorithm: Algorithm,
    /// The key, as the first of `x5c`, `jwk` and `kid` names it.
    pub key: KeySource,
}

/// How a header names its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `x5c`: a chain of certificates, the signer's first.
    Certificates(Vec<CertificateDer<'static>>),
    /// `jwk`.
    Key {
        /// The key itself.
        key: TokenKey,
        /// Its own `x5c`.
        certificates: Option<Vec<CertificateDer<'static>>>,
    },
    /// `kid`.
    Id(String),
}

/// Checks a token: form, key, signature, then claims.
///
/// # Errors
/// The first [`Refusal`].
pub fn verify(token: &str, keys: &TrustedKeys, expected: &Expected, now: DateTime<Utc>) -> Result<Claims, Refusal> {
    if token.len() > MAX_TOKEN {
        return Err(Refusal::TooLarge { limit: MAX_TOKEN });
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed("it has no parts"))?;
    let (header, claims) = message.split_once('.').ok_or(Refusal::Malformed("it has two parts"))?;
    if claims.contains('.') {
        return Err(Refusal::Malformed("it has more than three parts"));
    }
    let header = Header::parse(&decode(header)?)?;
    let signature = decode(signature)?;
    let key = keys.key_of(&header, now)?;
    key.verify(header.algorithm, message.as_bytes(), &signature).map_err(|unverified| match unverified {
        Unverified::Mismatch => Refusal::KeyMismatch,
        Unverified::Signature => Refusal::Signature,
    })?;
    let claims = Claims::parse(&decode(claims)?, expected)?;
    claims.is_current(now)?;
    Ok(claims)
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed("a part is not unpadded base64url"))
}

impl Header {
    fn parse(json: &[u8]) -> Result<Self, Refusal> {
        let header = Value::parse_within(json, MAX_DEPTH, MAX_HEADER_VALUES)
            .map_err(|_| Refusal::Malformed("the header is not JSON with each name once"))?;
        if header.get("crit").is_some() {
            return Err(Refusal::Critical);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::parse);
        let algorithm = algorithm.ok_or(Refusal::Algorithm)?;
        let key = if let Some(x5c) = header.get("x5c") {
            KeySource::Certificates(certificates(x5c)?)
        } else if let Some(jwk) = header.get("jwk") {
            let key = TokenKey::from_jwk(jwk).map_err(|_| Refusal::Malformed("jwk is no key that can check tokens"))?;
            KeySource::Key { key, certificates: jwk.get("x5c").map(certificates).transpose()? }
        } else if let Some(id) = header.get("kid") {
            KeySource::Id(id.as_str().ok_or(Refusal::Malformed("kid is not a string"))?.to_owned())
        } else {
            return Err(Refusal::NoKey);
        };
        Ok(Self { algorithm, key })
    }
}

fn certificates(x5c: &Value<'_>) -> Result<Vec<CertificateDer<'static>>, Refusal> {
    const WHY: Refusal = Refusal::Malformed("x5c is not a list of certificates in base64");
    let Value::Array(list) = x5c else { return Err(WHY) };
    let read = |item: &Value<'_>| BASE64_STANDARD.decode(item.as_str()?).ok().map(CertificateDer::from);
    list.iter().map(read).collect::<Option<_>>().ok_or(WHY)
}
