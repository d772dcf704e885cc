//! Why a request was not let in.

/// Why a token was not taken. Its text is for the log; clients learn only the class.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No `Authorization: Bearer`.
    #[error("no bearer token")]
    Missing,
    /// Longer than any token.
    #[error("the token has more than {limit} bytes")]
    TooLarge {
        /// The bound in bytes.
        limit: usize,
    },
    /// Not a compact JWS of a header and claims as registries use them.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// `alg` is absent, `none`, symmetric, or not one we know.
    #[error("the token's algorithm is not one of RS, PS 256/384/512, ES256, ES384 and EdDSA")]
    Algorithm,
    /// `crit` names what must be understood, and nothing is.
    #[error("the token has critical header members")]
    Critical,
    /// The header has no `x5c`, `jwk` or `kid`.
    #[error("the token does not say which key signed it")]
    NoKey,
    /// The key it names is not one of ours.
    #[error("the token is signed with a key that is neither in rootcertbundle nor in jwks")]
    UnknownKey,
    /// Its certificates do not lead to `rootcertbundle`.
    #[error("the token's certificate is not trusted: {0}")]
    Chain(String),
    /// The algorithm is not one for this key.
    #[error("the token's algorithm does not fit its key")]
    KeyMismatch,
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    Signature,
    /// `iss` is another.
    #[error("the token is from another issuer")]
    Issuer,
    /// `aud` is another.
    #[error("the token is for another service")]
    Audience,
    /// `exp` has passed.
    #[error("the token expired")]
    Expired,
    /// `nbf` has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// A good token that does not grant what is asked.
    #[error("the token does not grant this")]
    Scope,
    /// We hold no keys to check with.
    #[error("the keys of the token issuer were not read yet")]
    NoKeysYet,
}

impl Refusal {
    /// Every [`Refusal::reason`].
    pub const REASONS: [&'static str; 16] = [
        "missing",
        "too_large",
        "malformed",
        "algorithm",
        "critical",
        "no_key",
        "unknown_key",
        "chain",
        "key_mismatch",
        "signature",
        "issuer",
        "audience",
        "expired",
        "not_yet_valid",
        "scope",
        "no_keys_yet",
    ];

    /// Its name in metrics.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::TooLarge { .. } => "too_large",
            Self::Malformed(_) => "malformed",
            Self::Algorithm => "algorithm",
            Self::Critical => "critical",
            Self::NoKey => "no_key",
            Self::UnknownKey => "unknown_key",
            Self::Chain(_) => "chain",
            Self::KeyMismatch => "key_mismatch",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Scope => "scope",
            Self::NoKeysYet => "no_keys_yet",
        }
    }

    /// The `error` of the challenge (RFC 6750, 3.1), if it has one.
    #[must_use]
    pub const fn challenge_error(&self) -> Option<&'static str> {
        match self {
            Self::Missing => None,
            Self::Scope => Some("insufficient_scope"),
            _ => Some("invalid_token"),
        }
    }
}
