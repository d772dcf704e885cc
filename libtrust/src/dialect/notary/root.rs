//! Root.

use std::collections::BTreeMap;

use super::common::{decode as decode_role, key_ids_value, keys, keys_value, map, object, role_keys, time_value};
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::{Number, Value};
use crate::metadata::{RoleKeys, Root};
use crate::names::RoleName;

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Root, InvalidMetadata> {
    decode_role(envelope, "Root", |at, version| {
        let consistent_snapshot = match at.member("consistent_snapshot") {
            None => false,
            Some(flag) => match flag.value {
                Value::Bool(value) => *value,
                Value::Null => false,
                _ => return Err(flag.fault("a boolean")),
            },
        };
        let keys = keys(&at.need("keys", "an object")?)?;
        let listed = at.need("roles", "an object")?;
        let mut roles = BTreeMap::new();
        for role in RoleName::TOP_LEVEL {
            let entry = listed.member(role.as_str()).ok_or_else(|| Fault::MissingRole(role.clone()))?;
            let entry = role_keys(&entry, role.as_str(), &keys, envelope.limits())?;
            roles.insert(role, entry);
        }
        Ok(Root { version, expires: envelope.header().expires, consistent_snapshot, keys, roles })
    })
}

pub(in crate::dialect) fn value(root: &Root) -> Value<'_> {
    object([
        ("_type", "Root".into()),
        ("consistent_snapshot", Value::Bool(root.consistent_snapshot)),
        ("expires", time_value(root.expires)),
        ("keys", keys_value(&root.keys)),
        ("roles", map(root.roles.iter().map(|(role, keys)| (role.as_str(), role_value(keys))))),
        ("version", root.version.get().into()),
    ])
}

fn role_value(keys: &RoleKeys) -> Value<'_> {
    let threshold = Value::Number(Number::Unsigned(keys.threshold.get().into()));
    object([("keyids", key_ids_value(&keys.key_ids)), ("threshold", threshold)])
}
