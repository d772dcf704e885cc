//! What PKCS#11 libraries say, in our words.

use cryptoki::error::{Error, RvError};

use crate::keystore::KeyStoreError;

/// What stops work in a session.
#[derive(Debug)]
pub(super) enum Fault {
    /// The library.
    Library(Error),
    /// What it said cannot be used; already put into words.
    Said(KeyStoreError),
}

impl Fault {
    /// The session, or the token under it, is gone. Nothing was done, and a new session may work.
    pub(super) const fn is_lost_session(&self) -> bool {
        matches!(
            self,
            Self::Library(Error::Pkcs11(
                RvError::SessionHandleInvalid
                    | RvError::SessionClosed
                    | RvError::DeviceRemoved
                    | RvError::DeviceError
                    | RvError::TokenNotPresent
                    | RvError::TokenNotRecognized
                    | RvError::SlotIdInvalid
                    | RvError::UserNotLoggedIn
                    | RvError::CryptokiNotInitialized,
                _,
            ))
        )
    }

    /// An object that was found before is no longer there under its handle.
    pub(super) const fn is_lost_object(&self) -> bool {
        matches!(self, Self::Library(Error::Pkcs11(RvError::ObjectHandleInvalid | RvError::KeyHandleInvalid, _)))
    }

    /// The token says no more than that it failed. SoftHSM does so now and then when somebody else takes an object away
    /// while it makes one.
    pub(super) const fn is_unexplained(&self) -> bool {
        matches!(self, Self::Library(Error::Pkcs11(RvError::GeneralError, _)))
    }

    /// The token does not know how to do this, or not with this curve.
    pub(super) const fn is_unsupported(&self) -> bool {
        matches!(
            self,
            Self::Library(Error::Pkcs11(
                RvError::MechanismInvalid | RvError::DomainParamsInvalid | RvError::CurveNotSupported,
                _,
            ))
        )
    }

    pub(super) fn at(self, token: &str, action: &'static str) -> KeyStoreError {
        match self {
            Self::Said(error) => error,
            Self::Library(error) => KeyStoreError::Token { token: token.to_owned(), action, reason: reason(&error) },
        }
    }
}

/// Short: the return code and the function that gave it.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("{function}: {code:?}"),
        other => other.to_string(),
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<KeyStoreError> for Fault {
    fn from(error: KeyStoreError) -> Self {
        Self::Said(error)
    }
}
