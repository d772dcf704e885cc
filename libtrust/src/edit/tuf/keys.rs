//! Who signs the four roles.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::TufEditError;
use crate::dialect::{Dialect, tuf};
use crate::keys::PublicKey;
use crate::metadata::{Delegations, RoleKeys, Root, Targets, Threshold, Version};
use crate::names::{KeyId, RoleName};

/// Who signs a role, and how many of them must.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signatories {
    /// The keys, plain or as TUF has them.
    pub keys: Vec<PublicKey>,
    /// How many of them must sign.
    pub threshold: Threshold,
}

impl Signatories {
    /// One key, which signs alone.
    #[must_use]
    pub fn one(key: PublicKey) -> Self {
        Self { keys: vec![key], threshold: Threshold::ONE }
    }

    /// Puts the keys into a file's map, and gives their ids. A key that is there keeps the id it has.
    pub(super) fn listed_in(
        &self,
        role: &str,
        known: &mut BTreeMap<KeyId, PublicKey>,
    ) -> Result<RoleKeys, TufEditError> {
        let mut key_ids: Vec<KeyId> = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let key = tuf::key_of(key);
            key.verifying_key().map_err(|cause| TufEditError::Key { role: role.to_owned(), cause })?;
            let there = known.iter().find(|(_, other)| **other == key).map(|(id, _)| id.clone());
            let id = there.unwrap_or_else(|| Dialect::Tuf.key_id(&key));
            known.insert(id.clone(), key);
            if !key_ids.contains(&id) {
                key_ids.push(id);
            }
        }
        let (needed, listed) = (self.threshold, key_ids.len());
        if needed.get() as usize > listed {
            return Err(TufEditError::Threshold { role: role.to_owned(), needed, listed });
        }
        Ok(RoleKeys { key_ids, threshold: needed })
    }
}

/// The first root of a repository: who signs each of the four roles.
///
/// # Errors
/// If a role is missing, or cannot be signed by those keys.
pub fn first_root(roles: &BTreeMap<RoleName, Signatories>, expires: DateTime<Utc>) -> Result<Root, TufEditError> {
    let mut root = Root {
        version: Version::FIRST,
        expires,
        consistent_snapshot: true,
        keys: BTreeMap::new(),
        roles: BTreeMap::new(),
    };
    for role in RoleName::TOP_LEVEL {
        let signatories = roles.get(&role).ok_or_else(|| TufEditError::NoSuchRole(role.to_string()))?;
        let listed = signatories.listed_in(role.as_str(), &mut root.keys)?;
        root.roles.insert(role, listed);
    }
    Ok(root)
}

/// The first file of a role that lists targets: it lists none.
#[must_use]
pub fn first_targets(expires: DateTime<Utc>) -> Targets {
    Targets { version: Version::FIRST, expires, targets: BTreeMap::new(), delegations: Delegations::default() }
}

/// Gives one of the four roles other keys. Keys that no role has any more go.
///
/// # Errors
/// If it is none of the four, or cannot be signed by those keys.
pub fn replace_role_keys(root: &mut Root, role: &RoleName, signatories: &Signatories) -> Result<(), TufEditError> {
    if !root.roles.contains_key(role) {
        return Err(TufEditError::NoSuchRole(role.to_string()));
    }
    let listed = signatories.listed_in(role.as_str(), &mut root.keys)?;
    root.roles.insert(role.clone(), listed);
    let Root { keys, roles, .. } = root;
    keys.retain(|id, _| roles.values().any(|role| role.key_ids.contains(id)));
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use ring::rand::SystemRandom;

    use super::*;
    use crate::keys::{KeyAlgorithm, SigningKey};

    pub fn key(algorithm: KeyAlgorithm) -> PublicKey {
        SigningKey::generate(algorithm, &SystemRandom::new()).unwrap().public_key().clone()
    }

    fn root(key: &PublicKey) -> Root {
        let roles = RoleName::TOP_LEVEL;
        let roles = roles.into_iter().map(|role| (role, Signatories::one(key.clone()))).collect();
        first_root(&roles, DateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_key_is_listed_once_and_goes_with_its_last_role() {
        let (old, new) = (key(KeyAlgorithm::Ecdsa), key(KeyAlgorithm::Ed25519));
        let mut root = root(&old);
        assert_eq!(root.keys.len(), 1);
        replace_role_keys(&mut root, &RoleName::Targets, &Signatories::one(new.clone())).unwrap();
        assert_eq!(root.keys.len(), 2);
        for role in [RoleName::Root, RoleName::Snapshot, RoleName::Timestamp] {
            replace_role_keys(&mut root, &role, &Signatories::one(new.clone())).unwrap();
        }
        assert_eq!(root.keys.values().collect::<Vec<_>>(), [&tuf::key_of(&new)]);
    }

    #[test]
    fn a_key_with_a_foreign_id_keeps_it() {
        let key = key(KeyAlgorithm::Ecdsa);
        let mut known = BTreeMap::from([("foreign".parse().unwrap(), tuf::key_of(&key))]);
        let listed = Signatories::one(key).listed_in("a", &mut known).unwrap();
        assert_eq!(listed.key_ids, ["foreign".parse().unwrap()]);
        assert_eq!(known.len(), 1);
    }

    #[test]
    fn what_could_never_be_signed_is_refused() {
        let key = key(KeyAlgorithm::Ecdsa);
        let threshold = Threshold::try_from(2).unwrap();
        let twice = Signatories { keys: vec![key.clone(), key.clone()], threshold };
        let mut root = root(&key);
        let before = root.clone();
        let refused = replace_role_keys(&mut root, &RoleName::Root, &twice);
        assert!(matches!(refused, Err(TufEditError::Threshold { listed: 1, .. })), "{refused:?}");
        assert_eq!(root.roles, before.roles);
        let none = RoleName::in_tuf("other").unwrap();
        assert!(replace_role_keys(&mut root, &none, &Signatories::one(key)).is_err());
    }
}
