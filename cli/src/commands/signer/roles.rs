//! What a collection says of its signers, and of the role that releases what they sign.

use std::collections::BTreeSet;

use libtrust::client::{Collection, KeyStore, RELEASES};
use libtrust::metadata::Delegation;
use libtrust::names::{DelegationName, KeyId, RoleName};

use crate::commands::shown;
use crate::exit::Exit;
use crate::failure::Failure;

/// The role of a signer.
///
/// # Errors
/// If no role can have that name.
pub fn of_signer(name: &str) -> Result<DelegationName, Failure> {
    format!("targets/{name}").parse().map_err(|why| Failure::caused(Exit::Usage, &why))
}

/// The role that releases, `targets/releases`.
///
/// # Errors
/// Never: it is a name that roles can have.
pub fn releases() -> Result<DelegationName, Failure> {
    RELEASES.parse().map_err(|why| Failure::caused(Exit::Failure, &why))
}

/// A direct delegation of `targets`.
pub fn find<'a>(collection: &'a Collection, name: &DelegationName) -> Option<&'a Delegation> {
    let targets = collection.role(&RoleName::Targets)?;
    targets.delegations.roles.iter().find(|role| role.name == *name)
}

/// The role of a signer who must be there.
///
/// # Errors
/// If nobody of that name signs here.
pub fn must_be_there<'a>(collection: &'a Collection, signer: &str) -> Result<&'a Delegation, Failure> {
    find(collection, &of_signer(signer)?).ok_or_else(|| {
        let message = format!("{signer} is no signer of {}", collection.gun());
        Failure::new(Exit::Usage, message)
            .hint(format!("signers are listed by: trust signer list {}", collection.gun()))
    })
}

/// The keys of a role, by canonical id.
pub fn keys(collection: &Collection, role: &Delegation) -> BTreeSet<KeyId> {
    let known = collection.role(&RoleName::Targets).map(|targets| &targets.delegations.keys);
    let canonical = |id: &KeyId| known.and_then(|known| known.get(id)).map_or_else(|| id.clone(), shown::canonical);
    role.keys.key_ids.iter().map(canonical).collect()
}

/// The keys of every signer but this one, by canonical id.
pub fn keys_of_others(collection: &Collection, signer: &DelegationName) -> BTreeSet<KeyId> {
    let Some(targets) = collection.role(&RoleName::Targets) else { return BTreeSet::new() };
    let others = targets.delegations.roles.iter().filter(|role| role.name != *signer && role.name.as_str() != RELEASES);
    others.flat_map(|role| keys(collection, role)).collect()
}

/// The keys whose signatures count on a role's file now, by canonical id; nothing if the role has none that counts.
pub fn signers_of(collection: &Collection, role: &Delegation) -> Option<BTreeSet<KeyId>> {
    let file = collection.role(&RoleName::Delegation(role.name.clone()))?;
    let known = &collection.role(&RoleName::Targets)?.delegations.keys;
    let canonical = |id: &KeyId| known.get(id).map_or_else(|| id.clone(), shown::canonical);
    Some(file.signers().iter().map(canonical).collect())
}

/// How many of these keys are here.
///
/// # Errors
/// If the key store cannot be read.
pub fn here(keys: &dyn KeyStore, wanted: &BTreeSet<KeyId>) -> Result<usize, Failure> {
    let here: BTreeSet<KeyId> = keys.list()?.into_iter().map(|entry| entry.id).collect();
    Ok(here.intersection(wanted).count())
}
