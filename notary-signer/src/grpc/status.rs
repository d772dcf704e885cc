//! The one table from our errors to gRPC's codes.
//!
//! NOT_FOUND means that there is no such key, and nothing else does: Notary's server makes a new key for one that is not
//! found. A key that is there and does not open is FAILED_PRECONDITION with its row named, because an operator has to
//! act; a store that is away is UNAVAILABLE, because waiting helps. Details of the store go to the log.

use tonic::Status;

use crate::keystore::KeyStoreError;
use crate::policy::Refusal;
use crate::signer::SignError;

/// `not_found` and `broken` are Notary's words for the call.
pub(super) fn of(error: &SignError, not_found: impl Fn() -> String, broken: impl Fn() -> String) -> Status {
    match error {
        SignError::UnknownKey(_) => Status::not_found(not_found()),
        SignError::Refused(refusal) => refused(refusal),
        SignError::Store(error) => store(error, broken),
        SignError::Signing(_) => Status::internal(broken()),
    }
}

fn refused(refusal: &Refusal) -> Status {
    let words = refusal.to_string();
    match refusal {
        Refusal::MessageTooLarge { .. } => Status::resource_exhausted(words),
        // PERMISSION_DENIED is for callers: another request of the same one may be in order.
        _ => Status::invalid_argument(words),
    }
}

fn store(error: &KeyStoreError, broken: impl Fn() -> String) -> Status {
    match error {
        KeyStoreError::MissingPassphrase { .. }
        | KeyStoreError::WrongPassphrase { .. }
        | KeyStoreError::NewKeyPassphrase(_)
        | KeyStoreError::TokenLacks { .. }
        | KeyStoreError::UnreadableRow { .. } => Status::failed_precondition(error.to_string()),
        KeyStoreError::NewKey(_) | KeyStoreError::Seal(_) => Status::internal(broken()),
        _ => Status::unavailable("the key store is not available"),
    }
}

#[cfg(test)]
mod tests {
    use libtrust::names::KeyId;
    use tonic::Code;

    use super::*;
    use crate::keystore::PassphraseError;

    #[test]
    fn only_a_missing_key_is_not_found() {
        let id: KeyId = "k".parse().unwrap();
        let alias = || "main".to_owned();
        let reason = PassphraseError::Unknown { alias: alias(), places: String::new() };
        let origin = "a variable".to_owned();
        for (error, code) in [
            (SignError::UnknownKey(id.clone()), Code::NotFound),
            (
                KeyStoreError::WrongPassphrase { id: id.clone(), alias: alias(), origin }.into(),
                Code::FailedPrecondition,
            ),
            (KeyStoreError::NewKeyPassphrase(reason.clone()).into(), Code::FailedPrecondition),
            (KeyStoreError::MissingPassphrase { id, alias: alias(), reason }.into(), Code::FailedPrecondition),
            (KeyStoreError::Database { action: "read", reason: "secret host".to_owned() }.into(), Code::Unavailable),
            (KeyStoreError::Stopped.into(), Code::Unavailable),
            (Refusal::EmptyMessage.into(), Code::InvalidArgument),
            (Refusal::MessageTooLarge { bytes: 2, limit: 1 }.into(), Code::ResourceExhausted),
            (Refusal::Role { role: "root".parse().unwrap() }.into(), Code::InvalidArgument),
        ] {
            let status = of(&error, || "not found".to_owned(), || "broken".to_owned());
            assert_eq!(status.code(), code, "{error:?}");
            assert!(!status.message().contains("secret host"));
        }
    }
}
