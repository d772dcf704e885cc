//! `NOTARY_AUTH`, as the `notary` command reads it.

use async_trait::async_trait;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use zeroize::Zeroizing;

use super::{Credential, Credentials, CredentialsError, CredentialsRequest, Secret};

/// A name and a password from one variable, for whatever server asks.
#[derive(Debug, Clone)]
pub struct NotaryAuth(Credential);

impl NotaryAuth {
    /// The variable.
    pub const VARIABLE: &'static str = "NOTARY_AUTH";

    /// Reads [`NotaryAuth::VARIABLE`]; `None` if it is unset or empty.
    ///
    /// # Errors
    /// As [`NotaryAuth::parse`].
    pub fn from_env() -> Result<Option<Self>, CredentialsError> {
        match std::env::var(Self::VARIABLE).map(Zeroizing::new) {
            Ok(text) if !text.is_empty() => Self::parse(&text).map(Some),
            Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(malformed()),
        }
    }

    /// Reads base64 of `user:password`: split at the first colon, white space around the password does not count.
    ///
    /// # Errors
    /// If it is not of that form.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let (user, password) = decode_pair(text.trim()).ok_or_else(malformed)?;
        let password = Secret::from(password.expose().trim().to_owned());
        Ok(Self(Credential::Password { user, password }))
    }
}

fn malformed() -> CredentialsError {
    CredentialsError::malformed(NotaryAuth::VARIABLE, "expected base64 of user:password")
}

/// Base64 of `user:password`, split at the first colon.
pub(super) fn decode_pair(text: &str) -> Option<(String, Secret)> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(text).ok()?);
    let (user, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some((user.to_owned(), Secret::from(password.to_owned())))
}

#[async_trait]
impl Credentials for NotaryAuth {
    async fn credential(&self, _: CredentialsRequest<'_>) -> Result<Option<Credential>, CredentialsError> {
        Ok(Some(self.0.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_may_hold_colons_and_loses_its_newline() {
        let auth = NotaryAuth::parse(&BASE64_STANDARD.encode("alice:a:b \n")).unwrap();
        let expected = Credential::Password { user: "alice".into(), password: Secret::from("a:b".to_owned()) };
        assert_eq!(auth.0, expected);
        assert!(!format!("{auth:?}").contains("a:b"));
    }

    #[test]
    fn what_is_no_pair_is_an_error_that_does_not_repeat_it() {
        for text in ["alice:secret", "", "c2VjcmV0"] {
            let error = NotaryAuth::parse(text).unwrap_err().to_string();
            assert_eq!(error, "NOTARY_AUTH: expected base64 of user:password");
        }
    }
}
