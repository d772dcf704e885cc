//! Giving somebody Docker's two roles of a signer, and which roles can be signed here.

use std::collections::BTreeSet;

use libtrust::client::{Collection, KeyStore};
use libtrust::dialect::Dialect;
use libtrust::edit::Change;
use libtrust::keys::PublicKey;
use libtrust::metadata::RoleKeys;
use libtrust::names::{KeyId, RoleName};

use crate::commands::signer::roles::{of_signer, releases};
use crate::failure::Failure;

/// The changes that give somebody the right to sign and to release every tag.
pub(super) fn signer(name: &str, keys: &[PublicKey]) -> Result<Vec<Change>, Failure> {
    let add = |role| Change::AddDelegation { role, keys: keys.to_vec(), threshold: None, paths: vec![String::new()] };
    Ok(vec![add(of_signer(name)?), add(releases()?)])
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

fn key_id(key: &PublicKey) -> KeyId {
    Dialect::Notary.canonical_key_id(key)
}
