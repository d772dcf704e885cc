//! The member `delegations` of targets files.

use std::collections::BTreeSet;

use super::common::{key_ids_value, keys, keys_value, object, role_keys};
use crate::dialect::Fault;
use crate::dialect::reader::At;
use crate::json::Value;
use crate::limits::Limits;
use crate::metadata::{Delegation, Delegations};
use crate::names::{DelegationName, RoleName};

/// Reads the delegations of the file of `parent`; absent and `null` are none.
pub(super) fn read(at: &At<'_, '_, '_>, parent: &RoleName, limits: &Limits) -> Result<Delegations, Fault> {
    let Some(at) = at.member("delegations").filter(|at| *at.value != Value::Null) else {
        return Ok(Delegations::default());
    };
    at.refuse_ambiguous(&["keys", "roles"])?;
    let keys = at.member("keys").map(|at| keys(&at)).transpose()?.unwrap_or_default();
    let mut roles: Vec<Delegation> = Vec::new();
    let mut names = BTreeSet::new();
    let Some(listed) = at.member("roles") else { return Ok(Delegations { keys, roles, succinct: None }) };
    let listed = listed.list()?;
    if listed.len() > limits.delegations {
        let what = format!("delegations of {parent}");
        return Err(Fault::TooMany { what, found: listed.len(), limit: limits.delegations });
    }
    for at in listed {
        let text = at.need("name", "a string")?.str()?;
        let invalid = || Fault::DelegationName(text.chars().take(DelegationName::MAX_BYTES).collect());
        let name: DelegationName = text.parse().map_err(|_| invalid())?;
        if name.parent() != *parent || !names.insert(name.clone()) {
            return Err(invalid());
        }
        let paths = at.member("paths").map(|at| texts(&at)).transpose()?.unwrap_or_default();
        let keys = role_keys(&at, text, &keys, limits)?;
        roles.push(Delegation::of_paths(name, keys, paths));
    }
    Ok(Delegations { keys, roles, succinct: None })
}

fn texts(at: &At<'_, '_, '_>) -> Result<Vec<String>, Fault> {
    at.list()?.map(|text| text.str().map(str::to_owned)).collect()
}

pub(super) fn value(delegations: &Delegations) -> Value<'_> {
    let roles = delegations.roles.iter().map(|role| {
        // Go writes a list that lost its last element as `null`.
        let ids = &role.keys.key_ids;
        let key_ids = if ids.is_empty() { Value::Null } else { key_ids_value(ids) };
        let mut members = vec![
            ("keyids".into(), key_ids),
            ("name".into(), role.name.as_str().into()),
            ("threshold".into(), u64::from(role.keys.threshold.get()).into()),
        ];
        if !role.paths.is_empty() {
            members.push(("paths".into(), Value::Array(role.paths.iter().map(|p| p.as_str().into()).collect())));
        }
        members.into_iter().collect()
    });
    object([("keys", keys_value(&delegations.keys)), ("roles", Value::Array(roles.collect()))])
}
