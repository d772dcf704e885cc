//! Staged changes, as Notary's changelist files hold them: `action`, `role`, `type`, `path`, and `data` as base64 of JSON.

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::common::{decode_base64, key, key_value, map, object};
use super::targets::{target, target_value};
use crate::dialect::Fault;
use crate::dialect::reader::At;
use crate::edit::Change;
use crate::json::{InvalidJson, NotCanonical, Number, Numbers, Value, to_wire};
use crate::metadata::Threshold;
use crate::names::{DelegationName, KeyId, RoleName};

/// Deepest nesting read.
const MAX_DEPTH: usize = 32;
/// Most values read.
const MAX_VALUES: usize = 100_000;

/// The changes a staged file stands for.
///
/// # Errors
/// If it is not such a file, or of a kind that is not staged.
pub fn read_change(text: &[u8]) -> Result<Change, InvalidChange> {
    let file = Value::parse_within(text, MAX_DEPTH, MAX_VALUES)?;
    let at = At::root(&file);
    let member = |name| at.need(name, "a string").and_then(|at| at.str());
    let (action, role, kind) = (member("action")?, member("role")?, member("type")?);
    let path = at.member("path").map(|at| at.str()).transpose()?.unwrap_or_default();
    let data = match at.member("data") {
        Some(data) if *data.value != Value::Null => {
            let text = data.str()?;
            Some(decode_base64(text).ok_or_else(|| data.fault("a base64 string"))?)
        }
        _ => None,
    };
    let data = data.map(|data| Value::parse_within(&data, MAX_DEPTH, MAX_VALUES).map(Value::into_owned)).transpose()?;
    let data = data.unwrap_or(Value::Null);
    let unknown = || InvalidChange::Kind(format!("{action} {kind} of {role}").chars().take(120).collect());
    let targets_role = || role.parse::<RoleName>().ok().filter(RoleName::lists_targets).ok_or_else(unknown);
    let delegation = || role.parse::<DelegationName>().map_err(|_| unknown());
    let at = At::root(&data);
    Ok(match (kind, action) {
        ("target", "create") => {
            Change::AddTarget { role: targets_role()?, name: path.to_owned(), target: target(&at, path)? }
        }
        ("target", "delete") => Change::RemoveTarget { role: targets_role()?, name: path.to_owned() },
        ("delegation", "create") => {
            let keys = at.member("add_keys");
            let keys = keys.map(|at| at.list()?.map(|at| key(&at)).collect()).transpose()?.unwrap_or_default();
            Change::AddDelegation {
                role: delegation()?,
                keys,
                threshold: threshold(&at)?.filter(|threshold| *threshold != Threshold::ONE),
                paths: texts(&at, "add_paths")?,
            }
        }
        ("delegation", "update") if role == "targets/*" => Change::PurgeKeys { keys: key_ids(&at)? },
        ("delegation", "update") => Change::ReduceDelegation {
            role: delegation()?,
            keys: key_ids(&at)?,
            paths: texts(&at, "remove_paths")?,
            all_paths: matches!(data.get("clear_paths"), Some(Value::Bool(true))),
        },
        ("delegation", "delete") => Change::RemoveDelegation { role: delegation()? },
        ("witness", "update") => Change::Witness { role: targets_role()? },
        _ => return Err(unknown()),
    })
}

fn texts(at: &At<'_, '_, '_>, name: &str) -> Result<Vec<String>, Fault> {
    let Some(at) = at.member(name) else { return Ok(Vec::new()) };
    at.list()?.map(|text| text.str().map(str::to_owned)).collect()
}

fn key_ids(at: &At<'_, '_, '_>) -> Result<Vec<KeyId>, Fault> {
    let Some(at) = at.member("remove_keys") else { return Ok(Vec::new()) };
    at.list()?.map(|id| id.str()?.parse().map_err(|_| id.fault("a key id"))).collect()
}

fn threshold(at: &At<'_, '_, '_>) -> Result<Option<Threshold>, Fault> {
    let Some(at) = at.member("threshold") else { return Ok(None) };
    Ok(u32::try_from(at.whole()?).ok().and_then(|number| Threshold::try_from(number).ok()))
}

/// The files that stage a change, in the order in which they must be applied. None for changes that are never staged:
/// new keys of the four roles, renewing the root, beginning a role anew.
///
/// # Errors
/// If it holds a number that has no place in metadata.
pub fn write_change(change: &Change) -> Result<Vec<Vec<u8>>, NotCanonical> {
    let staged: Vec<(&str, &str, &str, &str, Option<Value<'_>>)> = match change {
        Change::AddTarget { role, name, target } => {
            vec![("create", role.as_str(), "target", name, Some(target_value(target)))]
        }
        Change::RemoveTarget { role, name } => vec![("delete", role.as_str(), "target", name, None)],
        Change::AddDelegation { role, keys, threshold, paths } => {
            let mut staged = Vec::new();
            if !keys.is_empty() || threshold.is_some() {
                let needed = threshold.unwrap_or(Threshold::ONE).get();
                let keys = Value::Array(keys.iter().map(key_value).collect());
                let number = Value::Number(Number::Unsigned(needed.into()));
                let data = object([("add_keys", keys), ("threshold", number)]);
                staged.push(("create", role.as_str(), "delegation", "", Some(data)));
            }
            if !paths.is_empty() {
                let data = object([("add_paths", strings(paths))]);
                staged.push(("create", role.as_str(), "delegation", "", Some(data)));
            }
            staged
        }
        Change::ReduceDelegation { role, keys, paths, all_paths } => {
            let keys = (!keys.is_empty()).then(|| ("remove_keys", ids(keys)));
            let paths = (!paths.is_empty()).then(|| ("remove_paths", strings(paths)));
            let all = all_paths.then_some(("clear_paths", Value::Bool(true)));
            let data = map([keys, paths, all].into_iter().flatten());
            vec![("update", role.as_str(), "delegation", "", Some(data))]
        }
        Change::RemoveDelegation { role } => vec![("delete", role.as_str(), "delegation", "", None)],
        Change::PurgeKeys { keys } => {
            vec![("update", "targets/*", "delegation", "", Some(object([("remove_keys", ids(keys))])))]
        }
        Change::Witness { role } => vec![("update", role.as_str(), "witness", "", None)],
        Change::Empty { .. } | Change::ReplaceKeys { .. } | Change::RenewRoot => Vec::new(),
    };
    let write = |(action, role, kind, path, data): (&str, &str, &str, &str, Option<Value<'_>>)| {
        let data = data.map(|data| to_wire(&data, Numbers::WithinDoubles)).transpose()?;
        let data = data.map_or(Value::Null, |data| BASE64_STANDARD.encode(data).into());
        let members = object([
            ("action", action.into()),
            ("role", role.into()),
            ("type", kind.into()),
            ("path", path.into()),
            ("data", data),
        ]);
        to_wire(&members, Numbers::WithinDoubles)
    };
    staged.into_iter().map(write).collect()
}

fn strings(list: &[String]) -> Value<'_> {
    Value::Array(list.iter().map(|text| text.as_str().into()).collect())
}

fn ids(keys: &[KeyId]) -> Value<'_> {
    Value::Array(keys.iter().map(|id| id.as_str().into()).collect())
}

/// Why a file is no staged change.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidChange {
    /// Not JSON.
    #[error("not readable JSON: {0}")]
    Json(#[from] InvalidJson),
    /// A member is missing or of the wrong type.
    #[error("{0}")]
    Member(#[from] Fault),
    /// A change nobody stages.
    #[error("{0:?} is not a change that is staged")]
    Kind(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyAlgorithm;
    use crate::metadata::{Digests, Target};
    use crate::testing::Key;

    fn again(change: &Change) -> Vec<Change> {
        write_change(change).unwrap().iter().map(|file| read_change(file).unwrap()).collect()
    }

    #[test]
    fn what_is_staged_reads_back() {
        let role: DelegationName = "targets/a".parse().unwrap();
        let key = Key::new(KeyAlgorithm::Ecdsa);
        let target = Target { length: 12, digests: Digests::of(b"x"), custom: Some(Value::Bool(true)) };
        let (name, keys, paths) = ("v<1".to_owned(), vec![key.id.clone()], vec!["p/".to_owned()]);
        let changes = [
            Change::AddTarget { role: RoleName::Targets, name: name.clone(), target },
            Change::RemoveTarget { role: RoleName::Delegation(role.clone()), name },
            Change::ReduceDelegation { role: role.clone(), keys: keys.clone(), paths: paths.clone(), all_paths: true },
            Change::RemoveDelegation { role: role.clone() },
            Change::PurgeKeys { keys },
            Change::Witness { role: RoleName::Delegation(role.clone()) },
        ];
        for change in changes {
            assert_eq!(again(&change), [change]);
        }
        // Keys and paths are two files, as Notary stages them, keys first.
        let two = Threshold::try_from(2).ok();
        let public = vec![key.public];
        let both =
            Change::AddDelegation { role: role.clone(), keys: public.clone(), threshold: two, paths: paths.clone() };
        let keys = Change::AddDelegation { role: role.clone(), keys: public, threshold: two, paths: Vec::new() };
        let paths = Change::AddDelegation { role, keys: Vec::new(), threshold: None, paths };
        assert_eq!(again(&both), [keys, paths]);
    }

    #[test]
    fn other_texts_are_no_changes() {
        for text in [
            "",
            "[]",
            r#"{"action":"create","role":"targets","type":"target","path":"v1"}"#,
            r#"{"action":"create","role":"root","type":"target","path":"v1","data":"e30="}"#,
            r#"{"action":"create","role":"root","type":"role","path":"targets","data":"e30="}"#,
            r#"{"action":"delete","role":"targets/A","type":"delegation","path":"","data":null}"#,
            r#"{"action":"create","role":"targets","type":"target","path":"v1","data":"*"}"#,
        ] {
            let read = read_change(text.as_bytes());
            // An object without length and hashes is a target without any, which nothing can match.
            assert!(read.is_err() || matches!(read, Ok(Change::AddTarget { .. })), "{text}");
        }
        assert!(
            read_change(br#"{"action":"create","role":"root","type":"target","path":"v1","data":"e30="}"#).is_err()
        );
    }
}
