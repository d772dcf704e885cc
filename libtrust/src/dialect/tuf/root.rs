//! Root.

use std::collections::BTreeMap;

use super::common::{decode as decode_role, keys, keys_value, role_keys, role_keys_value, signed};
use crate::dialect::writer::{map, time_value};
use crate::dialect::{Envelope, Fault, InvalidMetadata};
use crate::json::Value;
use crate::metadata::Root;
use crate::names::RoleName;

pub(in crate::dialect) fn decode(envelope: &Envelope<'_>) -> Result<Root, InvalidMetadata> {
    decode_role(envelope, "root", |at, version| {
        let consistent_snapshot = match at.member("consistent_snapshot") {
            None => false,
            Some(flag) => match flag.value {
                Value::Bool(value) => *value,
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
    signed(
        "root",
        root.version,
        [
            ("consistent_snapshot", Value::Bool(root.consistent_snapshot)),
            ("expires", time_value(root.expires)),
            ("keys", keys_value(&root.keys)),
            ("roles", map(root.roles.iter().map(|(role, keys)| (role.as_str(), role_keys_value(keys))))),
        ],
    )
}
