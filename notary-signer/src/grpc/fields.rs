//! Fields of messages as our types, and back.

use libtrust::keys::KeyAlgorithm;
use libtrust::names::{Gun, KeyId, RoleName};
use signer_proto::proto;
use tonic::Status;

/// Digits of a key id: a SHA-256 in hex.
const KEY_ID_DIGITS: usize = 64;

/// A key id, which is there and is 64 lower-case hex digits. Anything else cannot name one key, and must never come to
/// mean another or all of them.
pub(super) fn key_id(id: Option<&proto::KeyId>) -> Result<KeyId, Status> {
    let Some(proto::KeyId { id }) = id else { return Err(Status::invalid_argument("keyID is missing")) };
    if id.is_empty() {
        return Err(Status::invalid_argument("keyID is empty"));
    }
    let is_hex = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if id.len() != KEY_ID_DIGITS || !id.bytes().all(is_hex) {
        return Err(Status::invalid_argument("keyID is not 64 lower-case hex digits"));
    }
    id.parse().map_err(|error| Status::invalid_argument(format!("keyID: {error}")))
}

pub(super) fn gun(text: &str) -> Result<Gun, Status> {
    text.parse().map_err(|error| Status::invalid_argument(format!("gun: {error}")))
}

pub(super) fn role(text: &str) -> Result<RoleName, Status> {
    text.parse().map_err(|error| Status::invalid_argument(format!("role: {error}")))
}

/// The words are Notary's, the code is not: it says UNKNOWN.
pub(super) fn algorithm(name: &str) -> Result<KeyAlgorithm, Status> {
    name.parse().map_err(|_| {
        let shown: String = name.chars().take(64).collect();
        Status::invalid_argument(format!("algorithm {shown} not supported for create key"))
    })
}

pub(super) fn key_info(id: &KeyId, algorithm: KeyAlgorithm) -> proto::KeyInfo {
    proto::KeyInfo {
        key_id: Some(proto::KeyId { id: id.as_str().to_owned() }),
        algorithm: Some(proto::Algorithm { algorithm: algorithm.as_str().to_owned() }),
    }
}
