//! What a publication would come to, without making it.

use std::collections::BTreeSet;

use super::{Collection, PublishError, Publisher, signing};
use crate::edit::Change;
use crate::metadata::Version;
use crate::names::{KeyId, RoleName};

impl Publisher {
    /// The roles that `changes` would have signed anew, with the versions they would get, the snapshot left out. No key is
    /// opened: whether its passphrase is known shows only when it signs.
    ///
    /// # Errors
    /// If a change does not fit the collection, or too few keys of a role are here.
    pub fn preview(
        &self,
        collection: &Collection,
        changes: &[Change],
    ) -> Result<Vec<(RoleName, Version)>, PublishError> {
        let mut draft = collection.draft();
        for change in changes {
            draft.apply(change)?;
        }
        draft.advance(self.client.now());
        let here: BTreeSet<KeyId> = self.keys.list()?.into_iter().map(|entry| entry.id).collect();
        let before = collection.root().roles.get(&RoleName::Root).map(|listed| (listed, &collection.root().keys));
        for role in draft.changed() {
            let before = before.filter(|_| *role == RoleName::Root);
            for (listed, keys) in before.into_iter().chain(draft.keys_of(role)) {
                let canonical: BTreeSet<KeyId> = listed.key_ids.iter().map(|id| signing::canonical(id, keys)).collect();
                let found = canonical.intersection(&here).count();
                if found < listed.threshold.get() as usize {
                    let wanted = canonical.difference(&here).cloned().collect();
                    let (gun, role, needed) = (collection.gun().clone(), role.clone(), listed.threshold);
                    return Err(PublishError::MissingKeys { gun, role, needed, found, wanted, refused: Vec::new() });
                }
            }
        }
        let version = |role: &RoleName| match role {
            RoleName::Root => Some(draft.root().version),
            role => draft.role(role).map(|file| file.version),
        };
        Ok(draft.changed().iter().filter_map(|role| Some((role.clone(), version(role)?))).collect())
    }
}
