//! Giving a role other keys.

use std::collections::BTreeSet;

use super::{PartialFile, Publication, PublishError, Publisher, certificate};
use crate::client::{Collection, KeyEntry, Offline};
use crate::dialect::Dialect;
use crate::edit::Change;
use crate::keys::PublicKey;
use crate::metadata::Threshold;
use crate::names::{Gun, KeyId, RoleName};

/// The keys a role is to have.
#[derive(Debug, Clone)]
pub enum NewKeys {
    /// A new one, made here.
    Generate,
    /// These, which are in the key store, by canonical id.
    Stored(Vec<KeyId>),
    /// A new one of the server's, for timestamp and snapshot.
    Server,
}

/// What a rotation did.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// What was published.
    pub publication: Publication,
    /// The keys the role has now, by canonical id.
    pub keys: Vec<KeyId>,
    /// The keys it had, by canonical id.
    pub retired: Vec<KeyId>,
}

impl Publisher {
    /// Replaces all keys of one of the four roles and publishes at once. Old private keys stay in the store: what becomes
    /// of them is decided once the server has agreed.
    ///
    /// # Errors
    /// Why not. Keys made for a rotation that the server refused are removed again.
    pub async fn rotate(
        &self,
        gun: &Gun,
        role: &RoleName,
        new: &NewKeys,
        threshold: Option<Threshold>,
    ) -> Result<Rotation, PublishError> {
        may_rotate(role, new)?;
        let before = self.client.update(gun, Offline::Never).await?;
        let mut made = Vec::new();
        let keys = self.keys_for(gun, role, new, &mut made).await?;
        let change = Change::ReplaceKeys { role: role.clone(), keys: keys.clone(), threshold };
        let published = self.publish(gun, &[change]).await;
        if let Err(error) = &published {
            self.discard(gun, made, error).await;
        }
        let publication = published?;
        let canonical = |key: &PublicKey| Dialect::Notary.canonical_key_id(key);
        let keys: Vec<KeyId> = keys.iter().map(canonical).collect();
        let retired = keys_of(&before, role).filter(|id| !keys.contains(id)).collect();
        Ok(Rotation { publication, keys, retired })
    }

    /// As [`Publisher::rotate`], into files that others must sign before they are published; the root comes first. A new
    /// key that is made here stays in the store.
    ///
    /// # Errors
    /// As [`Publisher::prepare`], and if the role's keys are not changed so.
    pub async fn prepare_rotation(
        &self,
        gun: &Gun,
        role: &RoleName,
        new: &NewKeys,
        threshold: Option<Threshold>,
    ) -> Result<Vec<PartialFile>, PublishError> {
        may_rotate(role, new)?;
        let mut made = Vec::new();
        let keys = self.keys_for(gun, role, new, &mut made).await?;
        let prepared = self.prepare(gun, &[Change::ReplaceKeys { role: role.clone(), keys, threshold }]).await;
        if prepared.is_err() {
            for key in &made {
                self.keys.remove(&key.id)?;
            }
        }
        prepared
    }

    async fn keys_for(
        &self,
        gun: &Gun,
        role: &RoleName,
        new: &NewKeys,
        made: &mut Vec<KeyEntry>,
    ) -> Result<Vec<PublicKey>, PublishError> {
        let ids = match new {
            NewKeys::Server => return Ok(vec![self.client.transport().new_server_key(gun, role).await?]),
            NewKeys::Generate => {
                self.new_key(gun, role.as_str(), made)?;
                made.iter().map(|entry| entry.id.clone()).collect()
            }
            NewKeys::Stored(ids) => ids.clone(),
        };
        let now = self.client.now();
        let key = |id: &KeyId| {
            let signer = self.keys.open(id)?;
            match role {
                RoleName::Root => certificate::self_signed(gun, &*signer, now),
                _ => Ok(signer.public_key().clone()),
            }
        };
        ids.iter().map(key).collect()
    }
}

/// Whether a role may get such keys.
fn may_rotate(role: &RoleName, new: &NewKeys) -> Result<(), PublishError> {
    let why = match (role, new) {
        (RoleName::Delegation(_), _) => "a delegation's keys are changed with its signers",
        (RoleName::Timestamp, NewKeys::Generate | NewKeys::Stored(_)) => "the server signs timestamps",
        (RoleName::Root | RoleName::Targets, NewKeys::Server) => "the server never holds keys of root or targets",
        _ => return Ok(()),
    };
    Err(PublishError::Rotation { role: role.clone(), why })
}

/// The keys of one of the four roles, by canonical id.
fn keys_of(collection: &Collection, role: &RoleName) -> impl Iterator<Item = KeyId> {
    let root = collection.root();
    let ids: BTreeSet<KeyId> = root.roles.get(role).into_iter().flat_map(|keys| &keys.key_ids).cloned().collect();
    let canonical = |id: KeyId| root.keys.get(&id).map_or(id, |key| Dialect::Notary.canonical_key_id(key));
    ids.into_iter().map(canonical).collect::<Vec<_>>().into_iter()
}
