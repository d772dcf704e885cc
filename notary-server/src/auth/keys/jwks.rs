//! `jwks`: a set of JSON Web Keys (RFC 7517).

use libtrust::json::Value;

use super::public::{Algorithm, TokenKey};

/// Most keys in a set.
const MAX_KEYS: usize = 200;
/// Most JSON values in a set.
const MAX_VALUES: usize = 20_000;

/// The keys of a set that can check tokens.
#[derive(Debug, Default)]
pub struct JwkSet(Vec<Jwk>);

#[derive(Debug)]
struct Jwk {
    id: Option<String>,
    thumbprint: String,
    algorithm: Option<Algorithm>,
    key: TokenKey,
}

impl JwkSet {
    /// Reads a set. Keys of other kinds, for other uses and for algorithms we do not know are passed over, as RFC 7517
    /// (section 5) asks.
    ///
    /// # Errors
    /// If it is not a set, names two keys alike, or no key in it can check tokens.
    pub fn parse(text: &[u8]) -> Result<Self, InvalidJwks> {
        let set = Value::parse_within(text, 8, MAX_VALUES).map_err(|error| InvalidJwks::Json(error.to_string()))?;
        let Some(Value::Array(keys)) = set.get("keys") else { return Err(InvalidJwks::Shape) };
        if keys.len() > MAX_KEYS {
            return Err(InvalidJwks::TooMany);
        }
        let keys: Vec<Jwk> = keys.iter().filter_map(Jwk::read).collect();
        for (position, key) in keys.iter().enumerate() {
            if let Some(id) =
                key.id.as_ref().filter(|id| keys.iter().skip(position + 1).any(|other| other.id.as_ref() == Some(id)))
            {
                return Err(InvalidJwks::Twice { id: id.chars().take(100).collect() });
            }
        }
        if keys.is_empty() { Err(InvalidJwks::Empty) } else { Ok(Self(keys)) }
    }

    /// The key with this id, or with this thumbprint (RFC 7638), and the one algorithm it may be used with if it says.
    #[must_use]
    pub fn by_id(&self, id: &str) -> Option<(&TokenKey, Option<Algorithm>)> {
        let named = self.0.iter().find(|jwk| jwk.id.as_deref() == Some(id));
        let found = named.or_else(|| self.0.iter().find(|jwk| jwk.thumbprint == id))?;
        Some((&found.key, found.algorithm))
    }

    /// The one algorithm of a key if it is one of these.
    #[must_use]
    pub fn of_key(&self, key: &TokenKey) -> Option<Option<Algorithm>> {
        self.0.iter().find(|jwk| jwk.key == *key).map(|jwk| jwk.algorithm)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Jwk {
    fn read(jwk: &Value<'_>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let algorithm = match jwk.get("alg") {
            None => None,
            Some(name) => Some(Algorithm::parse(name.as_str()?)?),
        };
        let key = TokenKey::from_jwk(jwk).ok()?;
        Some(Self { id: text("kid").map(str::to_owned), thumbprint: key.thumbprint(), algorithm, key })
    }
}

/// Why a set of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwks {
    /// Not JSON, or an object repeats a name.
    #[error("is not JSON: {0}")]
    Json(String),
    /// No list of keys.
    #[error("is not a JWK set: expected an object with a list \"keys\"")]
    Shape,
    /// More keys than any issuer has.
    #[error("has more than {MAX_KEYS} keys")]
    TooMany,
    /// Two keys with one id.
    #[error("has two keys with the id {id:?}")]
    Twice {
        /// The id, cut to 100 characters.
        id: String,
    },
    /// Nothing to check with.
    #[error("holds no RSA, P-256, P-384 or Ed25519 key for signatures")]
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = r#""kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo""#;

    fn parse(keys: &str) -> Result<JwkSet, InvalidJwks> {
        JwkSet::parse(format!(r#"{{"keys":[{keys}]}}"#).as_bytes())
    }

    #[test]
    fn keys_are_found_by_id_and_by_thumbprint() {
        let set =
            parse(&format!(r#"{{{ED},"kid":"one","alg":"EdDSA"}},{{"kty":"oct","k":"AA","kid":"two"}}"#)).unwrap();
        assert_eq!(set.len(), 1);
        assert!(matches!(set.by_id("one"), Some((_, Some(Algorithm::EdDsa)))));
        // RFC 8037, appendix A.3.
        assert!(set.by_id("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k").is_some());
        assert!(set.by_id("two").is_none());
    }

    #[test]
    fn sets_that_leave_nothing_to_check_with_are_refused() {
        assert_eq!(parse("").unwrap_err(), InvalidJwks::Empty);
        assert_eq!(parse(&format!(r#"{{{ED},"use":"enc"}}"#)).unwrap_err(), InvalidJwks::Empty);
        assert_eq!(parse(&format!(r#"{{{ED},"alg":"HS256"}}"#)).unwrap_err(), InvalidJwks::Empty);
        assert_eq!(
            parse(&format!(r#"{{{ED},"kid":"a"}},{{{ED},"kid":"a"}}"#)).unwrap_err(),
            InvalidJwks::Twice { id: "a".to_owned() }
        );
        assert_eq!(JwkSet::parse(b"{}").unwrap_err(), InvalidJwks::Shape);
        assert!(matches!(JwkSet::parse(b"<html>"), Err(InvalidJwks::Json(_))));
    }
}
