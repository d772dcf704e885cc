//! Which roles an image is signed in.

use std::collections::BTreeSet;

use super::{PublishError, Publisher};
use crate::client::Collection;
use crate::dialect::Dialect;
use crate::edit::Change;
use crate::metadata::{Target, Targets};
use crate::names::{KeyId, RoleName};
use crate::verify::Verified;

impl Publisher {
    /// The roles to sign `name` in, as Docker chooses them: with delegations, every direct one whose paths admit the name
    /// and one of whose keys is here (a signer's own and `targets/releases`); without any, `targets`.
    ///
    /// # Errors
    /// If no key here may sign it.
    pub fn signing_roles(&self, collection: &Collection, name: &str) -> Result<Vec<RoleName>, PublishError> {
        let Some(targets) = collection.role(&RoleName::Targets) else { return Ok(vec![RoleName::Targets]) };
        if targets.delegations.roles.is_empty() {
            return Ok(vec![RoleName::Targets]);
        }
        let here: BTreeSet<KeyId> = self.keys.list()?.into_iter().map(|entry| entry.id).collect();
        let admitting: Vec<(RoleName, bool)> = direct_roles(targets, name, &here).collect();
        let roles: Vec<RoleName> = admitting.iter().filter(|(_, signs)| *signs).map(|(role, _)| role.clone()).collect();
        if roles.is_empty() {
            let roles = admitting.into_iter().map(|(role, _)| role).collect();
            return Err(PublishError::NoSigningRole { gun: collection.gun().clone(), name: name.to_owned(), roles });
        }
        Ok(roles)
    }

    /// The changes that sign `target` as `name`.
    ///
    /// # Errors
    /// As [`Publisher::signing_roles`].
    pub fn sign_image(
        &self,
        collection: &Collection,
        name: &str,
        target: &Target,
    ) -> Result<Vec<Change>, PublishError> {
        let roles = self.signing_roles(collection, name)?;
        let change = |role| Change::AddTarget { role, name: name.to_owned(), target: target.clone() };
        Ok(roles.into_iter().map(change).collect())
    }

    /// The changes that take `name` out of every role that lists it, so that nobody can pull it as trusted any more.
    /// Docker leaves it in `targets` once there are signers, where it stays trusted.
    #[must_use]
    pub fn revoke_image(collection: &Collection, name: &str) -> Vec<Change> {
        let listed = collection.targets().roles().filter(|file| file.targets.contains_key(name));
        listed.map(|file| Change::RemoveTarget { role: file.role().clone(), name: name.to_owned() }).collect()
    }
}

/// The direct delegations that may speak for `name`, and whether a key of theirs is here.
fn direct_roles<'a>(
    targets: &'a Verified<Targets>,
    name: &'a str,
    here: &'a BTreeSet<KeyId>,
) -> impl Iterator<Item = (RoleName, bool)> + 'a {
    let admits = move |paths: &[String]| paths.iter().any(|path| name.starts_with(path));
    let roles = targets.delegations.roles.iter().filter(move |role| admits(&role.paths));
    roles.map(move |role| {
        let keys = role.keys.key_ids.iter().filter_map(|id| targets.delegations.keys.get(id));
        let signs = keys.map(|key| Dialect::Notary.canonical_key_id(key)).any(|id| here.contains(&id));
        (RoleName::Delegation(role.name.clone()), signs)
    })
}
