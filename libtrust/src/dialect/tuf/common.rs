//! Pieces that several roles share.

use std::collections::{BTreeMap, BTreeSet};

use crate::dialect::reader::At;
use crate::dialect::writer::{map, object};
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::Value;
use crate::keys::PublicKey;
use crate::limits::Limits;
use crate::metadata::{Digests, FileMeta, RoleKeys, Threshold, Version};
use crate::names::{KeyId, RoleName};

use super::{SPEC_VERSION, key};

/// Runs `read` on the value of `signed`; its fault gets the role and version.
pub(super) fn decode<T>(
    envelope: &Envelope<'_>,
    expected: &'static str,
    read: impl FnOnce(&At<'_, '_, '_>, Version) -> Result<T, Fault>,
) -> Result<T, InvalidMetadata> {
    let header = envelope.header();
    let version = u64::try_from(header.version).ok().and_then(|version| Version::try_from(version).ok());
    let at = At::root(envelope.signed());
    let result = if header.type_name == expected && expected == type_of(envelope.role()) {
        let fault = Fault::Version { found: header.version, least: "1" };
        version.ok_or(fault).and_then(|version| read(&at, version))
    } else {
        let found = header.type_name.chars().take(64).collect();
        Err(Fault::Type { expected: type_of(envelope.role()), found })
    };
    result.map_err(|fault| InvalidMetadata { role: envelope.role().clone(), version, fault })
}

/// What `_type` says in files of `role`.
pub(super) const fn type_of(role: &RoleName) -> &'static str {
    match role {
        RoleName::Root => "root",
        RoleName::Targets | RoleName::Delegation(_) => "targets",
        RoleName::Snapshot => "snapshot",
        RoleName::Timestamp => "timestamp",
    }
}

/// The members that every role begins with.
pub(super) fn head(type_name: &'static str, version: Version) -> [(&'static str, Value<'static>); 3] {
    [("_type", type_name.into()), ("spec_version", SPEC_VERSION.into()), ("version", version.get().into())]
}

pub(super) fn keys(at: &At<'_, '_, '_>) -> Result<BTreeMap<KeyId, PublicKey>, Fault> {
    at.object()?
        .map(|(id, at)| Ok((id.parse().map_err(|_| at.fault("a key under its id"))?, key::read(&at)?)))
        .collect()
}

pub(super) fn keys_value(keys: &BTreeMap<KeyId, PublicKey>) -> Value<'_> {
    map(keys.iter().map(|(id, key)| (id.as_str(), key::value(key))))
}

/// `keyids` and `threshold` of one role. The ids of `known` keys are shared.
pub(super) fn role_keys(
    at: &At<'_, '_, '_>,
    role: &str,
    known: &BTreeMap<KeyId, PublicKey>,
    limits: &Limits,
) -> Result<RoleKeys, Fault> {
    let ids = at.need("keyids", "a list")?;
    let ids = ids.array()?;
    if ids.len() > limits.keys_per_role {
        let what = format!("keys of {role}");
        return Err(Fault::TooMany { what, found: ids.len(), limit: limits.keys_per_role });
    }
    let several = ids.len() > 1;
    let mut seen = BTreeSet::new();
    let mut key_ids: Vec<KeyId> = Vec::with_capacity(ids.len());
    for at in ids {
        let text = at.str()?;
        let id = match known.get_key_value(text) {
            Some((id, _)) => id.clone(),
            None => text.parse().map_err(|_| at.fault("a key id"))?,
        };
        if several && !seen.insert(text) {
            return Err(at.fault("listed once"));
        }
        key_ids.push(id);
    }
    let found = at.need("threshold", "a whole number")?.whole()?;
    let threshold = u32::try_from(found).ok().and_then(|n| Threshold::try_from(n).ok());
    let threshold = threshold.ok_or_else(|| Fault::Threshold { role: role.to_owned(), found: found.to_string() })?;
    Ok(RoleKeys { key_ids, threshold })
}

pub(super) fn role_keys_members(keys: &RoleKeys) -> [(&'static str, Value<'_>); 2] {
    let ids = keys.key_ids.iter().map(|id| id.as_str().into()).collect();
    [("keyids", Value::Array(ids)), ("threshold", u64::from(keys.threshold.get()).into())]
}

/// A member of `meta`: `version`, and perhaps `length` and `hashes`.
pub(super) fn file_meta(at: &At<'_, '_, '_>, name: &str) -> Result<FileMeta, Fault> {
    let version = at.need("version", "a whole number")?;
    let version = version.size()?.try_into().map_err(|_| version.fault("a version of 1 to 2^53"))?;
    let length = at.member("length").map(|length| length.size()).transpose()?;
    let digests = at.member("hashes").map(|hashes| digests(&hashes, name)).transpose()?;
    Ok(FileMeta { version: Some(version), length, digests: digests.unwrap_or_default() })
}

pub(super) fn file_meta_value(meta: &FileMeta) -> Value<'_> {
    let version = meta.version.unwrap_or(Version::FIRST);
    let hashes = (!meta.digests.is_empty()).then(|| ("hashes", digests_value(&meta.digests)));
    let length = meta.length.map(|length| ("length", length.into()));
    map([("version", version.get().into())].into_iter().chain(hashes).chain(length))
}

/// `hashes`: hex digests by algorithm, at least one.
pub(super) fn digests(at: &At<'_, '_, '_>, file: &str) -> Result<Digests, Fault> {
    fn digest<const N: usize>(
        at: &At<'_, '_, '_>,
        file: &str,
        algorithm: &'static str,
    ) -> Result<Option<[u8; N]>, Fault> {
        let mut bytes = [0; N];
        let invalid = || Fault::Checksum { file: file.chars().take(80).collect(), algorithm };
        hex::decode_to_slice(at.str()?, &mut bytes).map_err(|_| invalid())?;
        Ok(Some(bytes))
    }
    let mut found = Digests::default();
    for (algorithm, at) in at.object()? {
        match algorithm {
            "sha256" => found.sha256 = digest(&at, file, "sha256")?,
            "sha512" => found.sha512 = digest(&at, file, "sha512")?,
            _ => found.others = at.str().map(|_| true)?,
        }
    }
    if found.is_empty() {
        return Err(at.fault("an object with at least one digest"));
    }
    Ok(found)
}

pub(super) fn digests_value(digests: &Digests) -> Value<'_> {
    let sha256 = digests.sha256.map(|digest| ("sha256", hex::encode(digest).into()));
    let sha512 = digests.sha512.map(|digest| ("sha512", hex::encode(digest).into()));
    map(sha256.into_iter().chain(sha512))
}

/// The value of `signed` for a role with these members besides the head.
pub(super) fn signed<'v, const N: usize>(
    type_name: &'static str,
    version: Version,
    members: [(&'static str, Value<'v>); N],
) -> Value<'v> {
    map(head(type_name, version).into_iter().chain(members))
}

/// `keyids`, `threshold` and nothing else.
pub(super) fn role_keys_value(keys: &RoleKeys) -> Value<'_> {
    object(role_keys_members(keys))
}
