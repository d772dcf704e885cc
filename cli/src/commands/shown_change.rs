//! One change to a collection, as it is shown.

use libtrust::edit::Change;
use libtrust::keys::PublicKey;
use libtrust::metadata::{Target, Threshold};
use libtrust::names::KeyId;
use serde::Serialize;

use super::shown;
use crate::output::escape;

/// One change.
#[derive(Debug, Default, Serialize)]
pub struct ShownChange {
    action: &'static str,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u32>,
}

impl ShownChange {
    /// As it is shown.
    pub fn of(change: &Change) -> Self {
        let new = |action, role: &dyn std::fmt::Display| Self { action, role: role.to_string(), ..Self::default() };
        let ids = |keys: &[KeyId]| keys.iter().map(ToString::to_string).collect();
        let own = |keys: &[PublicKey]| keys.iter().map(|key| shown::canonical(key).to_string()).collect();
        let count = |threshold: &Option<Threshold>| threshold.map(Threshold::get);
        match change {
            Change::AddTarget { role, name, target } => {
                Self { name: Some(name.clone()), digest: digest(target), ..new("add-target", role) }
            }
            Change::RemoveTarget { role, name } => Self { name: Some(name.clone()), ..new("remove-target", role) },
            Change::AddDelegation { role, keys, threshold, paths } => Self {
                keys: own(keys),
                paths: paths.clone(),
                threshold: count(threshold),
                ..new("add-delegation", role)
            },
            Change::ReduceDelegation { role, keys, paths, all_paths: false } => {
                Self { keys: ids(keys), paths: paths.clone(), ..new("reduce-delegation", role) }
            }
            Change::ReduceDelegation { role, keys, .. } => {
                Self { keys: ids(keys), ..new("clear-delegation-paths", role) }
            }
            Change::RemoveDelegation { role } => new("remove-delegation", role),
            Change::PurgeKeys { keys } => Self { keys: ids(keys), ..new("purge-keys", &"targets/*") },
            Change::Witness { role } => new("witness", role),
            Change::Empty { role } => new("begin-anew", role),
            Change::ReplaceKeys { role, keys, threshold } => {
                Self { keys: own(keys), threshold: count(threshold), ..new("replace-keys", role) }
            }
            Change::RenewRoot => new("renew", &"root"),
            _ => new("change", &"unknown"),
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let Self { action, role, name, digest, keys, paths, threshold } = self;
        let mut text = format!("{} {role}", action.replace('-', " "));
        if let Some(name) = name {
            text = format!(
                "{} {name} {} {role}",
                action.replace("-target", ""),
                if *action == "add-target" { "to" } else { "from" }
            );
        }
        if let Some(digest) = digest {
            text += &format!(", {digest}");
        }
        if !keys.is_empty() {
            text += &format!(", keys {}", keys.iter().map(|id| shown::short(id)).collect::<Vec<_>>().join(" "));
        }
        if !paths.is_empty() {
            let all = |path: &String| if path.is_empty() { "all names".to_owned() } else { format!("{path}*") };
            text += &format!(", for {}", paths.iter().map(all).collect::<Vec<_>>().join(" "));
        }
        if let Some(threshold) = threshold {
            text += &format!(", {threshold} must sign");
        }
        escape::line(&text).into_owned()
    }
}

fn digest(target: &Target) -> Option<String> {
    target.digests.sha256.map(|digest| format!("sha256:{}", hex::encode(digest)))
}

#[cfg(test)]
mod tests {
    use libtrust::metadata::Digests;
    use libtrust::names::RoleName;

    use super::*;

    fn line(change: &Change) -> String {
        ShownChange::of(change).line()
    }

    #[test]
    fn every_change_is_a_line() {
        let role: libtrust::names::DelegationName = "targets/a".parse().unwrap();
        let digests = Digests { sha256: Some([0xab; 32]), ..Digests::default() };
        let target = Target { length: 3, digests, custom: None };
        let name = "v\u{1b}1".to_owned();
        let keys: Vec<KeyId> = vec!["cd".repeat(32).parse().unwrap()];
        let add = Change::AddTarget { role: RoleName::Targets, name: name.clone(), target };
        assert_eq!(line(&add), format!("add v\\u{{1b}}1 to targets, sha256:{}", "ab".repeat(32)));
        let remove = Change::RemoveTarget { role: RoleName::Delegation(role.clone()), name };
        assert_eq!(line(&remove), "remove v\\u{1b}1 from targets/a");
        let (paths, threshold) = (vec![String::new(), "1.".to_owned()], Threshold::try_from(2).ok());
        let delegate = Change::AddDelegation { role: role.clone(), keys: vec![], threshold, paths: paths.clone() };
        assert_eq!(line(&delegate), "add delegation targets/a, for all names 1.*, 2 must sign");
        let reduce = Change::ReduceDelegation { role: role.clone(), keys: keys.clone(), paths, all_paths: false };
        assert_eq!(line(&reduce), "reduce delegation targets/a, keys cdcdcdcdcdcd, for all names 1.*");
        let clear = Change::ReduceDelegation { role: role.clone(), keys: vec![], paths: vec![], all_paths: true };
        assert_eq!(line(&clear), "clear delegation paths targets/a");
        assert_eq!(line(&Change::RemoveDelegation { role }), "remove delegation targets/a");
        assert_eq!(line(&Change::PurgeKeys { keys }), "purge keys targets/*, keys cdcdcdcdcdcd");
        assert_eq!(line(&Change::Witness { role: RoleName::Targets }), "witness targets");
        assert_eq!(line(&Change::RenewRoot), "renew root");
    }
}
