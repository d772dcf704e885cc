//! Key objects and their ids.

use ring::digest::{SHA256, digest};

use crate::dialect::Fault;
use crate::dialect::reader::At;
use crate::dialect::writer::object;
use crate::json::{Numbers, Value, to_canonical};
use crate::keys::{KeyType, P256_SPKI_PREFIX, PublicKey, SignatureScheme};
use crate::names::KeyId;

/// Longest public part of a key that is looked at, in bytes: each signature that names a key parses it. A longer one is
/// a key that never counts.
const MAX_KEY_BYTES: usize = 64 << 10;
const PUBLIC_KEY: &str = "PUBLIC KEY";

/// Reads a key object. One that can never count stays, with its text as it is: a new kind of key must not make a file
/// unreadable.
pub(super) fn read(at: &At<'_, '_, '_>) -> Result<PublicKey, Fault> {
    let key_type = at.need("keytype", "a string")?.str()?;
    let scheme = at.need("scheme", "a string")?.str()?;
    let value = at.need("keyval", "an object")?;
    if !matches!(value.value, Value::Object(_)) {
        return Err(value.fault("an object"));
    }
    // Keys of other kinds have other members than `public`.
    let public = value.member("public").and_then(|public| public.value.as_str());
    let public = public.filter(|public| public.len() <= MAX_KEY_BYTES).unwrap_or_default();
    let decoded = match key_type {
        "ed25519" => ed25519(public).map(|public| (KeyType::Ed25519, public)),
        "ecdsa" | "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" => ecdsa(public).map(|public| (KeyType::Ecdsa, public)),
        "rsa" => pem(public).map(|public| (KeyType::Rsa, public)),
        _ => None,
    };
    let (key_type, public) =
        decoded.unwrap_or_else(|| (KeyType::Other(key_type.to_owned()), public.as_bytes().to_vec()));
    Ok(PublicKey { key_type, public, scheme: Some(read_scheme(scheme)) })
}

fn ed25519(text: &str) -> Option<Vec<u8>> {
    hex::decode(text).ok().filter(|bytes| bytes.len() == 32)
}

/// PEM; old repositories wrote the bare point in hex.
fn ecdsa(text: &str) -> Option<Vec<u8>> {
    if let Some(point) = hex::decode(text).ok().filter(|point| point.len() == 65) {
        return Some([&P256_SPKI_PREFIX[..], &point].concat());
    }
    pem(text)
}

fn pem(text: &str) -> Option<Vec<u8>> {
    let block = pem::parse(text).ok()?;
    (block.tag() == PUBLIC_KEY).then(|| block.into_contents())
}

fn read_scheme(name: &str) -> SignatureScheme {
    match name {
        "ed25519" => SignatureScheme::Ed25519,
        "ecdsa-sha2-nistp256" => SignatureScheme::EcdsaP256Der,
        "ecdsa-sha2-nistp384" => SignatureScheme::EcdsaP384Der,
        "rsassa-pss-sha256" => SignatureScheme::RsaPss,
        "rsassa-pss-sha384" => SignatureScheme::RsaPssSha384,
        "rsassa-pss-sha512" => SignatureScheme::RsaPssSha512,
        other => SignatureScheme::Other(other.to_owned()),
    }
}

const fn scheme_name(scheme: &SignatureScheme) -> &str {
    match scheme {
        SignatureScheme::Ed25519 => "ed25519",
        SignatureScheme::EcdsaP256Der | SignatureScheme::EcdsaFixed | SignatureScheme::OfKey => "ecdsa-sha2-nistp256",
        SignatureScheme::EcdsaP384Der => "ecdsa-sha2-nistp384",
        SignatureScheme::RsaPss => "rsassa-pss-sha256",
        SignatureScheme::RsaPssSha384 => "rsassa-pss-sha384",
        SignatureScheme::RsaPssSha512 => "rsassa-pss-sha512",
        SignatureScheme::RsaPkcs1v15 => "rsa-pkcs1v15-sha256",
        SignatureScheme::Other(name) => name.as_str(),
    }
}

/// The key object.
pub(super) fn value(key: &PublicKey) -> Value<'_> {
    let spki = |der: &[u8]| {
        let line_feeds = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        pem::encode_config(&pem::Pem::new(PUBLIC_KEY, der), line_feeds)
    };
    let public = match &key.key_type {
        KeyType::Ed25519 => hex::encode(&key.public),
        KeyType::Ecdsa | KeyType::Rsa => spki(&key.public),
        KeyType::EcdsaX509 | KeyType::RsaX509 | KeyType::Other(_) => String::from_utf8_lossy(&key.public).into_owned(),
    };
    let scheme = match &key.scheme {
        Some(scheme) => scheme_name(scheme).into(),
        None => scheme_name(&default_scheme(&key.key_type)).to_owned().into(),
    };
    object([
        ("keytype", key.key_type.as_str().into()),
        ("keyval", object([("public", public.into())])),
        ("scheme", scheme),
    ])
}

fn default_scheme(key_type: &KeyType) -> SignatureScheme {
    match key_type {
        KeyType::Ecdsa | KeyType::EcdsaX509 => SignatureScheme::EcdsaP256Der,
        KeyType::Rsa | KeyType::RsaX509 => SignatureScheme::RsaPss,
        KeyType::Ed25519 => SignatureScheme::Ed25519,
        KeyType::Other(name) => SignatureScheme::Other(name.clone()),
    }
}

/// The id that is written for a key: lower-case hex SHA-256 of the canonical key object of `keytype`, `keyval` and
/// `scheme`. On reading, ids are opaque.
#[must_use]
pub fn key_id(key: &PublicKey) -> KeyId {
    // Strings alone: there is no number that could fail.
    let object = to_canonical(&value(key), Numbers::Integers).unwrap_or_default();
    let id = hex::encode(digest(&SHA256, &object));
    #[expect(clippy::expect_used, reason = "64 hex digits are a key id")]
    id.parse().expect("64 hex digits")
}

/// A key as TUF 1.0 writes it, out of one as Notary or a key store has it; of a certificate the plain key inside.
#[must_use]
pub fn key_of(key: &PublicKey) -> PublicKey {
    let plain = key.plain().unwrap_or_else(|| key.clone());
    let is_p384 = plain.verifying_key().is_ok_and(|key| key.is_p384());
    let scheme = if is_p384 { SignatureScheme::EcdsaP384Der } else { default_scheme(&plain.key_type) };
    PublicKey { scheme: Some(scheme), ..plain }
}

/// The same key as Notary and the key stores have it: without what it says about its signatures.
#[must_use]
pub fn plain_key(key: &PublicKey) -> PublicKey {
    PublicKey { scheme: None, ..key.clone() }
}
