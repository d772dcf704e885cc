//! The member `delegations` of targets files.

use std::collections::{BTreeMap, HashSet};

use super::common::{keys, keys_value, role_keys, role_keys_members};
use crate::dialect::Fault;
use crate::dialect::reader::At;
use crate::dialect::writer::{map, object};
use crate::json::Value;
use crate::keys::PublicKey;
use crate::limits::Limits;
use crate::metadata::{Delegation, Delegations, HashPrefix, SuccinctRoles};
use crate::names::{DelegationName, KeyId};

pub(super) fn read(at: &At<'_, '_, '_>, limits: &Limits) -> Result<Delegations, Fault> {
    let keys = keys(&at.need("keys", "an object")?)?;
    let (roles, succinct) = match (at.member("roles"), at.member("succinct_roles")) {
        (Some(listed), None) => (roles(&listed, &keys, limits)?, None),
        (None, Some(bins)) => (Vec::new(), Some(succinct(&bins, &keys, limits)?)),
        _ => return Err(at.fault("an object with either roles or succinct_roles")),
    };
    Ok(Delegations { keys, roles, succinct })
}

type Keys = BTreeMap<KeyId, PublicKey>;

fn roles(at: &At<'_, '_, '_>, known: &Keys, limits: &Limits) -> Result<Vec<Delegation>, Fault> {
    let listed = at.array()?;
    if listed.len() > limits.delegations {
        let what = "delegations".to_owned();
        return Err(Fault::TooMany { what, found: listed.len(), limit: limits.delegations });
    }
    let mut roles = Vec::with_capacity(listed.len());
    for at in listed {
        roles.push(role(&at, known, limits)?);
    }
    match repeated(&roles) {
        Some(name) => Err(Fault::DelegationName(name.to_string())),
        None => Ok(roles),
    }
}

/// A name that two roles have.
fn repeated(roles: &[Delegation]) -> Option<&DelegationName> {
    // Thousands of hash bins stand in order.
    if roles.is_sorted_by(|a, b| a.name < b.name) {
        return None;
    }
    let mut names = HashSet::with_capacity(roles.len());
    roles.iter().map(|role| &role.name).find(|name| !names.insert(*name))
}

fn role(at: &At<'_, '_, '_>, known: &Keys, limits: &Limits) -> Result<Delegation, Fault> {
    let text = at.need("name", "a string")?.str()?;
    let invalid = |_| Fault::DelegationName(text.chars().take(DelegationName::MAX_BYTES).collect());
    let name = DelegationName::in_tuf(text).map_err(invalid)?;
    let keys = role_keys(at, text, known, limits)?;
    let (paths, hash_prefixes) = match (at.member("paths"), at.member("path_hash_prefixes")) {
        (Some(_), Some(_)) => return Err(at.fault("an object with either paths or path_hash_prefixes")),
        (paths, prefixes) => (
            paths.map(|at| texts(&at)).transpose()?.unwrap_or_default(),
            prefixes.map(|at| hash_prefixes(&at)).transpose()?,
        ),
    };
    let terminating = match at.member("terminating") {
        None => false,
        Some(at) => match at.value {
            Value::Bool(value) => *value,
            _ => return Err(at.fault("a boolean")),
        },
    };
    Ok(Delegation { name, keys, paths, hash_prefixes, terminating })
}

fn succinct(at: &At<'_, '_, '_>, known: &Keys, limits: &Limits) -> Result<SuccinctRoles, Fault> {
    let name_prefix = at.need("name_prefix", "a string")?.str()?;
    let keys = role_keys(at, name_prefix, known, limits)?;
    let bits = u8::try_from(at.need("bit_length", "a whole number")?.whole()?).unwrap_or_default();
    SuccinctRoles::new(keys, bits, name_prefix.to_owned())
        .map_err(|_| at.fault("hash bins of 1 to 32 bits with a prefix that can name roles"))
}

fn texts(at: &At<'_, '_, '_>) -> Result<Vec<String>, Fault> {
    at.array()?.map(|text| text.str().map(str::to_owned)).collect()
}

fn hash_prefixes(at: &At<'_, '_, '_>) -> Result<Vec<HashPrefix>, Fault> {
    at.array()?.map(|text| text.str().map(HashPrefix::new)).collect()
}

/// Nothing if there are no delegations and never were any keys for them.
pub(super) fn value(delegations: &Delegations) -> Option<Value<'_>> {
    let keys = ("keys", keys_value(&delegations.keys));
    if let Some(bins) = &delegations.succinct {
        return Some(object([keys, ("succinct_roles", succinct_value(bins))]));
    }
    if delegations.keys.is_empty() && delegations.roles.is_empty() {
        return None;
    }
    let roles = delegations.roles.iter().map(role_value).collect();
    Some(object([keys, ("roles", Value::Array(roles))]))
}

fn role_value(role: &Delegation) -> Value<'_> {
    let names = match &role.hash_prefixes {
        Some(prefixes) => ("path_hash_prefixes", prefixes.iter().map(|prefix| prefix.as_str().into()).collect()),
        None => ("paths", role.paths.iter().map(|path| path.as_str().into()).collect()),
    };
    let names = (names.0, Value::Array(names.1));
    let members = [("name", role.name.as_str().into()), ("terminating", Value::Bool(role.terminating)), names];
    map(role_keys_members(&role.keys).into_iter().chain(members))
}

fn succinct_value(bins: &SuccinctRoles) -> Value<'_> {
    let members = [("bit_length", u64::from(bins.bit_length()).into()), ("name_prefix", bins.name_prefix().into())];
    map(role_keys_members(&bins.keys).into_iter().chain(members))
}
