//! The roles of a collection as Docker's users know them: signers, and what releases their tags.

use std::collections::BTreeSet;

use libtrust::client::{Collection, KeyStore, RELEASES};
use libtrust::dialect::Dialect;
use libtrust::edit::Change;
use libtrust::keys::PublicKey;
use libtrust::metadata::RoleKeys;
use libtrust::names::{DelegationName, KeyId, RoleName};

use crate::exit::Exit;
use crate::failure::Failure;

/// The role of a signer.
pub(super) fn of_signer(name: &str) -> Result<DelegationName, Failure> {
    format!("targets/{name}").parse().map_err(|why| Failure::caused(Exit::Usage, &why))
}

/// The role that releases, `targets/releases`.
pub(super) fn releases() -> Result<DelegationName, Failure> {
    RELEASES.parse().map_err(|why| Failure::caused(Exit::Failure, &why))
}

/// The changes that give somebody the right to sign and to release every tag.
pub(super) fn signer(name: &str, keys: &[PublicKey]) -> Result<Vec<Change>, Failure> {
    let add = |role| Change::AddDelegation { role, keys: keys.to_vec(), threshold: None, paths: vec![String::new()] };
    Ok(vec![add(of_signer(name)?), add(releases()?)])
}

/// The keys of a direct delegation, by canonical id; nothing if there is no such delegation.
pub(super) fn keys_of(collection: &Collection, name: &DelegationName) -> Option<BTreeSet<KeyId>> {
    let targets = collection.role(&RoleName::Targets)?;
    let role = targets.delegations.roles.iter().find(|role| role.name == *name)?;
    Some(canonical(&role.keys.key_ids, collection))
}

/// The keys of every signer but one, by canonical id.
pub(super) fn keys_of_others(collection: &Collection, signer: &DelegationName) -> BTreeSet<KeyId> {
    let Some(targets) = collection.role(&RoleName::Targets) else { return BTreeSet::new() };
    let others = targets.delegations.roles.iter().filter(|role| role.name != *signer && role.name.as_str() != RELEASES);
    others.flat_map(|role| canonical(&role.keys.key_ids, collection)).collect()
}

/// The keys whose signatures count on the file that releases, by canonical id; none if nothing is released there.
pub(super) fn releasing(collection: &Collection, releases: &DelegationName) -> BTreeSet<KeyId> {
    let file = collection.role(&RoleName::Delegation(releases.clone()));
    file.map(|file| canonical(file.signers(), collection)).unwrap_or_default()
}

/// How many signatures a direct delegation needs.
pub(super) fn threshold(collection: &Collection, name: &DelegationName) -> usize {
    let targets = collection.role(&RoleName::Targets);
    let role = targets.and_then(|targets| targets.delegations.roles.iter().find(|role| role.name == *name));
    role.map_or(1, |role| role.keys.threshold.get() as usize)
}

/// Whether enough keys of a role are here to sign it.
pub(super) fn signable(collection: &Collection, role: &RoleName, here: &BTreeSet<KeyId>) -> bool {
    let enough = |listed: &RoleKeys, canonical: BTreeSet<KeyId>| {
        canonical.intersection(here).count() >= listed.threshold.get() as usize
    };
    match role {
        RoleName::Delegation(name) => {
            let Some(parent) = collection.role(&name.parent()) else { return false };
            let Some(found) = parent.delegations.roles.iter().find(|role| role.name == *name) else { return false };
            let keys = found.keys.key_ids.iter();
            let known = &parent.delegations.keys;
            enough(&found.keys, keys.map(|id| known.get(id).map_or_else(|| id.clone(), key_id)).collect())
        }
        role => {
            let root = collection.root();
            root.roles.get(role).is_some_and(|listed| {
                let keys = listed.key_ids.iter();
                enough(listed, keys.map(|id| root.keys.get(id).map_or_else(|| id.clone(), key_id)).collect())
            })
        }
    }
}

/// The keys that are here, by canonical id.
pub(super) fn here(keys: &dyn KeyStore) -> Result<BTreeSet<KeyId>, Failure> {
    Ok(keys.list()?.into_iter().map(|entry| entry.id).collect())
}

fn canonical(ids: &[KeyId], collection: &Collection) -> BTreeSet<KeyId> {
    let known = collection.role(&RoleName::Targets).map(|targets| &targets.delegations.keys);
    ids.iter().map(|id| known.and_then(|known| known.get(id)).map_or_else(|| id.clone(), key_id)).collect()
}

fn key_id(key: &PublicKey) -> KeyId {
    Dialect::Notary.canonical_key_id(key)
}
