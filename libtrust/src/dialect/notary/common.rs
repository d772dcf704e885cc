//! Pieces that several roles share.

use std::collections::BTreeMap;

use crate::dialect::reader::At;
pub(super) use crate::dialect::writer::{map, object, time_value};
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::Value;
use crate::keys::{KeyType, PublicKey};
use crate::limits::Limits;
use crate::metadata::{Digests, FileMeta, RoleKeys, Threshold, Version};
use crate::names::{KeyId, RoleName};
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// Standard base64 with padding; as Go, without a look at the unused bits of the last character.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Longest public part of a key. Each signature that names a key hashes and parses it. Notary's clients read no larger
/// key from a server.
const MAX_KEY_BYTES: usize = 256 << 10;

pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    if text.contains(['\r', '\n']) {
        return BASE64.decode(text.replace(['\r', '\n'], "")).ok();
    }
    BASE64.decode(text).ok()
}

/// Runs `read` on the value of `signed`; its fault gets the role and version.
pub(super) fn decode<T>(
    envelope: &Envelope<'_>,
    expected_type: &'static str,
    read: impl FnOnce(&At<'_, '_, '_>, Version) -> Result<T, Fault>,
) -> Result<T, InvalidMetadata> {
    let header = envelope.header();
    let version = u64::try_from(header.version).ok().and_then(|version| Version::try_from(version).ok());
    let at = At::root(envelope.signed());
    let expected = type_of(envelope.role());
    let result = if header.type_name == expected && expected == expected_type {
        let least = if expected == "Root" { "1" } else { "one" };
        version.ok_or(Fault::Version { found: header.version, least }).and_then(|version| read(&at, version))
    } else {
        let found = header.type_name.chars().take(64).collect();
        Err(Fault::Type { expected, found })
    };
    result.map_err(|fault| InvalidMetadata { role: envelope.role().clone(), version, fault })
}

/// What `_type` says in files of `role`.
const fn type_of(role: &RoleName) -> &'static str {
    match role {
        RoleName::Root => "Root",
        RoleName::Targets | RoleName::Delegation(_) => "Targets",
        RoleName::Snapshot => "Snapshot",
        RoleName::Timestamp => "Timestamp",
    }
}

pub(super) fn keys(at: &At<'_, '_, '_>) -> Result<BTreeMap<KeyId, PublicKey>, Fault> {
    at.members()?.map(|(id, at)| Ok((key_id(id, &at)?, key(&at)?))).collect()
}

fn key_id(text: &str, at: &At<'_, '_, '_>) -> Result<KeyId, Fault> {
    text.parse().map_err(|_| at.fault("a key under its id"))
}

pub(super) fn key(at: &At<'_, '_, '_>) -> Result<PublicKey, Fault> {
    at.refuse_ambiguous(&["keytype", "keyval"])?;
    let key_type = KeyType::from(at.need("keytype", "a string")?.str()?);
    let value = at.need("keyval", "an object")?;
    value.refuse_ambiguous(&["public", "private"])?;
    let public = value.need("public", "a base64 string")?;
    let bytes = decode_base64(public.str()?).filter(|bytes| bytes.len() <= MAX_KEY_BYTES);
    let public = bytes.ok_or_else(|| public.fault("a base64 string of at most 256 KiB"))?;
    Ok(PublicKey::new(key_type, public))
}

/// `keyids` and `threshold` of one role, each key id present in `known`.
pub(super) fn role_keys(
    at: &At<'_, '_, '_>,
    role: &str,
    known: &BTreeMap<KeyId, PublicKey>,
    limits: &Limits,
) -> Result<RoleKeys, Fault> {
    at.refuse_ambiguous(&["keyids", "threshold", "name", "paths"])?;
    let listed = at.need("keyids", "a list")?;
    let ids = listed.list()?;
    if ids.len() > limits.keys_per_role {
        let what = format!("keys of {role}");
        return Err(Fault::TooMany { what, found: ids.len(), limit: limits.keys_per_role });
    }
    // Absent and `null` are zero to Notary's readers, and zero is refused.
    let found = match at.member("threshold") {
        Some(threshold) if *threshold.value != Value::Null => threshold.whole()?,
        _ => 0,
    };
    let threshold = u32::try_from(found).ok().and_then(|n| Threshold::try_from(n).ok());
    let threshold = threshold.ok_or_else(|| Fault::Threshold { role: role.to_owned(), found: found.to_string() })?;
    let mut key_ids = Vec::with_capacity(ids.len());
    for id in ids {
        let key = id.str()?;
        let known = key.parse().ok().filter(|id| known.contains_key(id));
        let missing = || Fault::MissingKey { key: key.chars().take(80).collect(), role: role.to_owned() };
        key_ids.push(known.ok_or_else(missing)?);
    }
    Ok(RoleKeys { key_ids, threshold })
}

/// A member of `meta`: `hashes` and `length`. SHA-256 must be there if `sha256_required`.
pub(super) fn file_meta(at: &At<'_, '_, '_>, name: &str, sha256_required: bool) -> Result<FileMeta, Fault> {
    at.refuse_ambiguous(&["hashes", "length", "custom"])?;
    let length = match at.member("length") {
        Some(length) => u64::try_from(length.whole()?).map_err(|_| length.fault("a size in bytes"))?,
        None => 0,
    };
    let digests = match at.member("hashes") {
        Some(hashes) => digests(&hashes, name)?,
        None => Digests::default(),
    };
    if sha256_required && digests.sha256.is_none() {
        return Err(Fault::MissingChecksum(name.to_owned()));
    }
    Ok(FileMeta { version: None, length: Some(length), digests })
}

fn digests(at: &At<'_, '_, '_>, file: &str) -> Result<Digests, Fault> {
    fn digest<const N: usize>(
        at: &At<'_, '_, '_>,
        file: &str,
        algorithm: &'static str,
    ) -> Result<Option<[u8; N]>, Fault> {
        let Some(at) = at.member(algorithm) else { return Ok(None) };
        let bytes = decode_base64(at.str()?).and_then(|bytes| bytes.try_into().ok());
        let invalid = || Fault::Checksum { file: file.chars().take(80).collect(), algorithm };
        bytes.map(Some).ok_or_else(invalid)
    }
    Ok(Digests { sha256: digest(at, file, "sha256")?, sha512: digest(at, file, "sha512")?, others: false })
}

pub(super) fn keys_value(keys: &BTreeMap<KeyId, PublicKey>) -> Value<'_> {
    map(keys.iter().map(|(id, key)| (id.as_str(), key_value(key))))
}

pub(super) fn key_value(key: &PublicKey) -> Value<'_> {
    let public = BASE64_STANDARD.encode(&key.public);
    let keyval = object([("private", Value::Null), ("public", public.into())]);
    object([("keytype", key.key_type.as_str().into()), ("keyval", keyval)])
}

pub(super) fn key_ids_value(ids: &[KeyId]) -> Value<'_> {
    Value::Array(ids.iter().map(|id| id.as_str().into()).collect())
}

pub(super) fn digests_value(digests: &Digests) -> Value<'_> {
    let sha256 = digests.sha256.map(|digest| ("sha256", BASE64_STANDARD.encode(digest).into()));
    let sha512 = digests.sha512.map(|digest| ("sha512", BASE64_STANDARD.encode(digest).into()));
    map(sha256.into_iter().chain(sha512))
}

pub(super) fn file_meta_value(meta: &FileMeta) -> Value<'_> {
    object([("hashes", digests_value(&meta.digests)), ("length", meta.length.unwrap_or_default().into())])
}
