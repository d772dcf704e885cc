//! What changed between two versions of a file, for people and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use libtrust::dialect::Dialect;
use libtrust::keys::PublicKey;
use libtrust::metadata::{Delegation, RoleKeys, Root, Target, Targets};
use libtrust::names::KeyId;
use serde::Serialize;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What it is about: `tag`, `role`, `keys`, `threshold`, `paths`.
    pub what: &'static str,
    /// Of which tag or role.
    pub of: String,
    /// What it was; absent if there was none.
    pub before: Option<String>,
    /// What it is; absent if there is none.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, of, .. } = self;
        let name = if matches!(*what, "tag" | "role") { format!("{what} {of}") } else { format!("{what} of {of}") };
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "+ {name}  {after}"),
            (Some(before), None) => write!(f, "- {name}  {before}"),
            (before, after) => {
                let text = |side: &Option<String>| side.clone().unwrap_or_default();
                write!(f, "~ {name}  {} -> {}", text(before), text(after))
            }
        }
    }
}

/// Between two roots; without an older one, what it begins with.
pub fn of_roots(before: Option<&Root>, after: &Root) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (role, keys) in &after.roles {
        let known = before.and_then(|root| Some((root.roles.get(role)?, &root.keys)));
        of_keys(role.as_str(), known, Some((keys, &after.keys)), &mut differences);
    }
    differences
}

/// Between two targets files; without an older one, what it begins with.
pub fn of_targets(before: Option<&Targets>, after: &Targets) -> Vec<Difference> {
    let mut differences = Vec::new();
    let none = BTreeMap::new();
    let known = before.map_or(&none, |file| &file.targets);
    let names: BTreeSet<&String> = known.keys().chain(after.targets.keys()).collect();
    for name in names {
        let (before, after) = (known.get(name).map(digest), after.targets.get(name).map(digest));
        if before != after {
            differences.push(Difference { what: "tag", of: name.clone(), before, after });
        }
    }
    let known: &[Delegation] = before.map_or(&[], |file| &file.delegations.roles);
    let find = |roles: &[Delegation], name: &str| roles.iter().position(|role| role.name.as_str() == name);
    let names = known.iter().chain(&after.delegations.roles).map(|role| role.name.as_str());
    for name in names.collect::<BTreeSet<_>>() {
        let old = find(known, name).and_then(|at| known.get(at));
        let new = find(&after.delegations.roles, name).and_then(|at| after.delegations.roles.get(at));
        let keys = before.map_or(&after.delegations.keys, |file| &file.delegations.keys);
        let old_keys = old.map(|role| (&role.keys, keys));
        let new_keys = new.map(|role| (&role.keys, &after.delegations.keys));
        of_keys(name, old_keys, new_keys, &mut differences);
        let paths = |role: Option<&Delegation>| role.map(|role| quoted(&role.paths));
        if let (Some(before), Some(after)) = (paths(old), paths(new))
            && before != after
        {
            let (of, before, after) = (name.to_owned(), Some(before), Some(after));
            differences.push(Difference { what: "paths", of, before, after });
        }
    }
    differences
}

type Listed<'a> = (&'a RoleKeys, &'a BTreeMap<KeyId, PublicKey>);

fn of_keys(role: &str, before: Option<Listed<'_>>, after: Option<Listed<'_>>, differences: &mut Vec<Difference>) {
    let ids = |(listed, keys): Listed<'_>| {
        let plain = listed.key_ids.iter().map(|id| match keys.get(id) {
            Some(key) => Dialect::Notary.canonical_key_id(key).to_string(),
            None => id.to_string(),
        });
        plain.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
    };
    let of = role.to_owned();
    match (before, after) {
        (Some(old), Some(new)) => {
            let (before, after) = (Some(ids(old)), Some(ids(new)));
            if before != after {
                differences.push(Difference { what: "keys", of: of.clone(), before, after });
            }
            let (before, after) = (old.0.threshold, new.0.threshold);
            if before != after {
                let (before, after) = (Some(before.to_string()), Some(after.to_string()));
                differences.push(Difference { what: "threshold", of, before, after });
            }
        }
        (before, after) => {
            let (before, after) = (before.map(ids), after.map(ids));
            differences.push(Difference { what: "role", of, before, after });
        }
    }
}

fn digest(target: &Target) -> String {
    match (target.digests.sha256, target.digests.sha512) {
        (Some(sha256), _) => format!("sha256:{}", hex::encode(sha256)),
        (None, Some(sha512)) => format!("sha512:{}", hex::encode(sha512)),
        (None, None) => "no digest".to_owned(),
    }
}

fn quoted(paths: &[String]) -> String {
    paths.iter().map(|path| format!("{path:?}")).collect::<Vec<_>>().join(", ")
}
