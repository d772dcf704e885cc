//! Delegations to named roles.

use super::{Signatories, TufEditError};
use crate::metadata::{Delegation, Delegations, HashPrefix, SuccinctRoles};
use crate::names::{DelegationName, KeyId, RoleName};

/// What a delegated role may list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// Paths that match one of these shell patterns.
    Paths(Vec<String>),
    /// Paths whose lower-case hex SHA-256 begins with one of these.
    HashPrefixes(Vec<String>),
}

/// Delegates to a new role, after those that are there.
///
/// # Errors
/// If there is a role of that name, or the file has hash bins in short form, or the keys cannot sign it.
pub fn add_delegation(
    delegations: &mut Delegations,
    delegator: &RoleName,
    name: &DelegationName,
    signatories: &Signatories,
    admitted: Admitted,
    terminating: bool,
) -> Result<(), TufEditError> {
    if delegations.succinct.is_some() {
        return Err(TufEditError::MixedForms { delegator: delegator.clone() });
    }
    if delegations.roles.iter().any(|role| role.name == *name) {
        return Err(TufEditError::Taken { delegator: delegator.clone(), role: name.to_string() });
    }
    let (paths, hash_prefixes) = match admitted {
        Admitted::Paths(paths) => (paths, None),
        Admitted::HashPrefixes(prefixes) => {
            if let Some(wrong) = prefixes.iter().find(|prefix| !is_hash_prefix(prefix)) {
                return Err(TufEditError::HashPrefix { prefix: wrong.chars().take(64).collect() });
            }
            (Vec::new(), Some(prefixes.iter().map(|prefix| HashPrefix::new(prefix)).collect()))
        }
    };
    let keys = signatories.listed_in(name.as_str(), &mut delegations.keys)?;
    delegations.roles.push(Delegation { name: name.clone(), keys, paths, hash_prefixes, terminating });
    Ok(())
}

fn is_hash_prefix(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Takes a delegation back: that to a role or, by their common prefix, to all hash bins of the short form. What the role
/// lists is no longer reached from here.
///
/// # Errors
/// If there is none.
pub fn remove_delegation(delegations: &mut Delegations, name: &str) -> Result<(), TufEditError> {
    let count = delegations.roles.len();
    delegations.roles.retain(|role| role.name.as_str() != name);
    let bins = delegations.succinct.take_if(|bins| bins.name_prefix() == name);
    if bins.is_none() && delegations.roles.len() == count {
        return Err(TufEditError::NoSuchRole(name.to_owned()));
    }
    delegations.forget_unused();
    Ok(())
}

/// Gives a delegated role other keys or, by their common prefix or the name of one, all hash bins of the short form. Keys
/// that no role has any more go.
///
/// # Errors
/// If there is none, or the keys cannot sign it.
pub fn replace_delegation_keys(
    delegations: &mut Delegations,
    name: &str,
    signatories: &Signatories,
) -> Result<(), TufEditError> {
    let keys = signatories.listed_in(name, &mut delegations.keys)?;
    let bin = DelegationName::in_tuf(name).ok();
    let is_bins =
        |bins: &&mut SuccinctRoles| bins.name_prefix() == name || bin.as_ref().is_some_and(|name| bins.has(name));
    let role = delegations.roles.iter_mut().find(|role| role.name.as_str() == name).map(|role| &mut role.keys);
    let found = role.or_else(|| delegations.succinct.as_mut().filter(is_bins).map(|bins| &mut bins.keys));
    let replaced = found.map(|found| *found = keys).ok_or_else(|| TufEditError::NoSuchRole(name.to_owned()));
    delegations.forget_unused();
    replaced
}

impl Delegations {
    fn forget_unused(&mut self) {
        let Self { keys, roles, succinct } = self;
        let used = |id: &KeyId| {
            let bins = succinct.as_ref().is_some_and(|bins| bins.keys.key_ids.contains(id));
            bins || roles.iter().any(|role| role.keys.key_ids.contains(id))
        };
        keys.retain(|id, _| used(id));
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::tests::key;
    use super::*;
    use crate::keys::KeyAlgorithm;

    fn name(text: &str) -> DelegationName {
        DelegationName::in_tuf(text).unwrap()
    }

    fn add(
        delegations: &mut Delegations,
        role: &str,
        by: &Signatories,
        admitted: Admitted,
    ) -> Result<(), TufEditError> {
        add_delegation(delegations, &RoleName::Targets, &name(role), by, admitted, false)
    }

    #[test]
    fn roles_come_and_go_with_their_keys() {
        let (one, two) = (key(KeyAlgorithm::Ecdsa), key(KeyAlgorithm::Ed25519));
        let mut delegations = Delegations::default();
        let paths = || Admitted::Paths(vec!["a/*".to_owned()]);
        add(&mut delegations, "a", &Signatories::one(one.clone()), paths()).unwrap();
        add(&mut delegations, "b", &Signatories::one(one.clone()), paths()).unwrap();
        assert!(matches!(add(&mut delegations, "a", &Signatories::one(one), paths()), Err(TufEditError::Taken { .. })));
        assert_eq!(delegations.keys.len(), 1);
        replace_delegation_keys(&mut delegations, "b", &Signatories::one(two)).unwrap();
        assert_eq!(delegations.keys.len(), 2);
        remove_delegation(&mut delegations, "b").unwrap();
        assert_eq!(delegations.keys.len(), 1);
        assert!(remove_delegation(&mut delegations, "b").is_err());
    }

    #[test]
    fn a_prefix_that_would_match_nothing_is_refused() {
        let by = Signatories::one(key(KeyAlgorithm::Ecdsa));
        for (prefix, taken) in [("", true), ("0a", true), ("0A", false), ("g", false)] {
            let prefixes = Admitted::HashPrefixes(vec![prefix.to_owned()]);
            assert_eq!(add(&mut Delegations::default(), "a", &by, prefixes).is_ok(), taken, "{prefix:?}");
        }
    }
}
