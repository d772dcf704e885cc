//! The compact serialisation: five base64url parts, the first a JSON header (RFC 7516 section 7.1).

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use serde::{Deserialize, Serialize};

use super::{Iterations, OpenError};

pub(super) const KEY_WRAP: &str = "PBES2-HS256+A128KW";
pub(super) const ENCRYPTION: &str = "A256GCM";

pub(super) const WRAPPED_KEY_BYTES: usize = 40;
pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;
/// Our headers have 77 bytes and Notary's as many; this leaves room for a `kid`.
const MAX_HEADER_BYTES: usize = 1024;
/// RFC 7518 section 4.8.1.1 asks for at least 8; nobody needs more than 64.
const SALT_BYTES: std::ops::RangeInclusive<usize> = 8..=64;

/// A token's parts, decoded and of the right sizes; nothing is decrypted.
pub(super) struct Token<'a> {
    /// The first part as it stands: what the tag covers.
    pub(super) header: &'a str,
    pub(super) iterations: Iterations,
    pub(super) salt: Vec<u8>,
    pub(super) wrapped_key: [u8; WRAPPED_KEY_BYTES],
    pub(super) nonce: [u8; NONCE_BYTES],
    /// The encrypted bytes and the tag after them.
    pub(super) ciphertext: Vec<u8>,
}

/// The header as written; members in alphabetical order, as Notary has them.
#[derive(Serialize)]
struct WrittenHeader<'a> {
    alg: &'a str,
    enc: &'a str,
    p2c: u32,
    p2s: &'a str,
}

/// The header as read: by name. Members that change the meaning (`crit`, `zip`) are refused, others are covered by the
/// tag and otherwise ignored, as RFC 7516 section 4 says.
#[derive(Deserialize)]
struct ReadHeader {
    alg: String,
    enc: String,
    p2c: u64,
    p2s: String,
    crit: Option<serde::de::IgnoredAny>,
    zip: Option<serde::de::IgnoredAny>,
}

impl<'a> Token<'a> {
    pub(super) fn parse(token: &'a [u8]) -> Result<Self, OpenError> {
        if token.len() > super::MAX_TOKEN_BYTES {
            return Err(OpenError::Malformed { part: "token" });
        }
        let text = std::str::from_utf8(token).map_err(|_| OpenError::Malformed { part: "token" })?;
        let mut parts = text.split('.');
        let mut next = |part| parts.next().ok_or(OpenError::Malformed { part });
        let header = next("header")?;
        let wrapped_key = next("encrypted key")?;
        let nonce = next("initialization vector")?;
        let ciphertext = next("ciphertext")?;
        let tag = next("tag")?;
        if parts.next().is_some() {
            return Err(OpenError::Malformed { part: "token" });
        }
        let (iterations, salt) = parse_header(header)?;
        let mut sealed = decode("ciphertext", ciphertext)?;
        sealed.extend_from_slice(&decode_exact::<TAG_BYTES>("tag", tag)?);
        Ok(Self {
            header,
            iterations,
            salt,
            wrapped_key: decode_exact("encrypted key", wrapped_key)?,
            nonce: decode_exact("initialization vector", nonce)?,
            ciphertext: sealed,
        })
    }
}

/// The encoded header: the first part of a token.
pub(super) fn write_header(iterations: Iterations, salt: &[u8]) -> Result<String, serde_json::Error> {
    let p2s = BASE64_URL_SAFE_NO_PAD.encode(salt);
    let header = WrittenHeader { alg: KEY_WRAP, enc: ENCRYPTION, p2c: iterations.count().get(), p2s: &p2s };
    Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&header)?))
}

/// Puts the five parts together; `sealed` is the ciphertext with its tag.
pub(super) fn write(header: &str, wrapped_key: &[u8], nonce: &[u8], ciphertext: &[u8], tag: &[u8]) -> String {
    let [wrapped_key, nonce, ciphertext, tag] =
        [wrapped_key, nonce, ciphertext, tag].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{wrapped_key}.{nonce}.{ciphertext}.{tag}")
}

fn parse_header(encoded: &str) -> Result<(Iterations, Vec<u8>), OpenError> {
    const PART: &str = "header";
    if encoded.len() > MAX_HEADER_BYTES {
        return Err(OpenError::Malformed { part: PART });
    }
    let json = decode(PART, encoded)?;
    let header: ReadHeader = serde_json::from_slice(&json).map_err(|_| OpenError::Malformed { part: PART })?;
    let unsupported = |member, value: &str| OpenError::Unsupported { member, value: value.chars().take(64).collect() };
    if header.alg != KEY_WRAP {
        return Err(unsupported("alg", &header.alg));
    }
    if header.enc != ENCRYPTION {
        return Err(unsupported("enc", &header.enc));
    }
    if header.crit.is_some() || header.zip.is_some() {
        return Err(unsupported(if header.crit.is_some() { "crit" } else { "zip" }, "present"));
    }
    let iterations = Iterations::try_from(header.p2c).map_err(OpenError::Iterations)?;
    let salt = decode("p2s", &header.p2s)?;
    if !SALT_BYTES.contains(&salt.len()) {
        return Err(OpenError::Malformed { part: "p2s" });
    }
    Ok((iterations, salt))
}

fn decode(part: &'static str, encoded: &str) -> Result<Vec<u8>, OpenError> {
    BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| OpenError::Malformed { part })
}

fn decode_exact<const N: usize>(part: &'static str, encoded: &str) -> Result<[u8; N], OpenError> {
    decode(part, encoded)?.try_into().map_err(|_| OpenError::Malformed { part })
}
