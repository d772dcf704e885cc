//! Which keys are believed: those of `rootcertbundle`, of certificates that lead there, and of `jwks`.

mod bundle;
mod jwks;
mod key_id;
mod public;

use chrono::{DateTime, Utc};

use super::refusal::Refusal;
use super::token::{Header, KeySource};

pub use bundle::{Bundle, InvalidBundle};
pub use jwks::{InvalidJwks, JwkSet};
pub use key_id::registry_key_id;
pub use public::{Algorithm, Sha2, TokenKey, UnusableKey, Unverified};

/// The keys in force.
#[derive(Debug, Default)]
pub struct TrustedKeys {
    /// `rootcertbundle`, if there is one.
    pub bundle: std::sync::Arc<Bundle>,
    /// `jwks`, if there is one and it was read.
    pub jwks: std::sync::Arc<JwkSet>,
    /// A set of keys is configured and was never read: whether a key is unknown cannot be told yet.
    pub awaits_jwks: bool,
}

impl TrustedKeys {
    /// The key that signed a token, if it is believed and may be used with the token's algorithm.
    ///
    /// # Errors
    /// A [`Refusal`] if not.
    pub fn key_of(&self, header: &Header, now: DateTime<Utc>) -> Result<TokenKey, Refusal> {
        let (key, algorithm) = match &header.key {
            KeySource::Certificates(chain) => (self.bundle.key_of_chain(chain, now).map_err(Refusal::Chain)?, None),
            KeySource::Key { key, certificates: Some(chain) } => {
                let certified = self.bundle.key_of_chain(chain, now).map_err(Refusal::Chain)?;
                if certified != *key {
                    return Err(Refusal::Chain("the certificate is not of the key beside it".to_owned()));
                }
                (certified, None)
            }
            KeySource::Key { key, certificates: None } => match self.jwks.of_key(key) {
                Some(algorithm) => (key.clone(), algorithm),
                None if self.bundle.has(key) => (key.clone(), None),
                None => return Err(self.unknown()),
            },
            KeySource::Id(id) => match (self.bundle.by_id(id), self.jwks.by_id(id)) {
                (Some(key), _) => (key.clone(), None),
                (None, Some((key, algorithm))) => (key.clone(), algorithm),
                (None, None) => return Err(self.unknown()),
            },
        };
        match algorithm {
            Some(only) if only != header.algorithm => Err(Refusal::KeyMismatch),
            _ => Ok(key),
        }
    }

    const fn unknown(&self) -> Refusal {
        if self.awaits_jwks { Refusal::NoKeysYet } else { Refusal::UnknownKey }
    }
}
