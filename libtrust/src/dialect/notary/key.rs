//! Key objects and their ids.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::digest::{SHA256, digest};

use super::common;
use crate::dialect::Fault;
use crate::dialect::reader::At;
use crate::json::{Numbers, Value, to_wire};
use crate::keys::PublicKey;
use crate::names::KeyId;

/// Reads a key object that stands alone, as Notary's server sends its own.
///
/// # Errors
/// If it is not the JSON of a key.
pub fn read_key(bytes: &[u8]) -> Result<PublicKey, Fault> {
    let value = Value::parse(bytes, MAX_DEPTH)
        .map_err(|_| Fault::Member { member: String::new(), expected: "the JSON of a key" })?;
    common::key(&At::root(&value))
}

/// A key object that stands alone, as [`read_key`] reads it.
#[must_use]
pub fn key_text(key: &PublicKey) -> Vec<u8> {
    // Strings alone: there is no number that could fail.
    to_wire(&common::key_value(key), Numbers::WithinDoubles).unwrap_or_default()
}

/// A key object holds one other object.
const MAX_DEPTH: usize = 8;

/// The id of a key: lower-case hex SHA-256 of the canonical key object with `private` null.
#[must_use]
pub fn key_id(key: &PublicKey) -> KeyId {
    let key_type = key.key_type.as_str().replace('\\', r"\\").replace('"', r#"\""#);
    let public = BASE64_STANDARD.encode(&key.public);
    let object = format!(r#"{{"keytype":"{key_type}","keyval":{{"private":null,"public":"{public}"}}}}"#);
    let id = hex::encode(digest(&SHA256, object.as_bytes()));
    #[expect(clippy::expect_used, reason = "64 hex digits are a key id")]
    id.parse().expect("64 hex digits")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyType;

    #[test]
    fn ids_are_those_notary_computes() {
        for (key_type, public, id) in [
            (
                KeyType::Ecdsa,
                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEAwkEBjzL2NXi/QN12obv59QedngMXsap2Q4Wwg8Zr/n4IC586PXUxkQZFhnNz5Ftf68bbmuxgxp0J7P9sTjF9g==",
                "ff180555cc76103055962649fc99b2c8fa281fdfdcbc003bd2dc26aee4927c02",
            ),
            (
                KeyType::Ed25519,
                "0eOiV/8UAUjfped/9WBSBjtzJF98zthH+DIRT59Az6g=",
                "51964248251d6690073544896c25b3473c57ef494bc0bbdf75d63da5b96ab073",
            ),
        ] {
            let public = BASE64_STANDARD.decode(public).unwrap();
            assert_eq!(key_id(&PublicKey::new(key_type, public)).as_str(), id);
        }
    }
}
