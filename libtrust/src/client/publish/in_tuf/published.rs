//! What is published in TUF 1.0 now, read to be followed.

use std::collections::BTreeMap;

use super::parse;
use crate::client::publish::{PublishError, Publisher};
use crate::client::tuf::MetadataName;
use crate::client::{Collection, TransportError, UpdateError};
use crate::dialect::tuf;
use crate::keys::PublicKey;
use crate::metadata::{Root, Snapshot, Targets};
use crate::names::{Gun, RoleName};
use crate::verify::{Expiration, Known, TrustedRoot, TrustedSnapshot, Verified, VerifyError, repository_root};

/// The TUF 1.0 form as it is published now.
pub(super) struct Published {
    pub(super) root: Verified<Root>,
    pub(super) snapshot: Verified<Snapshot>,
    pub(super) targets: BTreeMap<RoleName, Verified<Targets>>,
}

/// How much of what is published is read.
const MAX_ROLES: usize = 1024;
const MAX_BYTES: usize = 256 << 20;

impl Publisher {
    /// What is published now, expired or not: it is what the next one follows.
    pub(super) async fn published_in_tuf(
        &self,
        gun: &Gun,
        collection: &Collection,
        root_file: &[u8],
    ) -> Result<Published, PublishError> {
        let root = repository_root(&parse(&RoleName::Root, root_file)?, None).map_err(untrusted)?;
        if !is_of(&root, collection.root()) {
            return Err(PublishError::ForeignInTuf { gun: gun.clone(), version: root.version });
        }
        let chain = TrustedRoot::new(root.clone(), Expiration::Ignored);
        let file = self.fetch_in_tuf(gun, MetadataName::current(RoleName::Timestamp)).await?;
        let chain = chain.timestamp(&parse(&RoleName::Timestamp, &file)?, Known::Nothing).map_err(untrusted)?;
        let name = MetadataName { role: RoleName::Snapshot, version: chain.timestamp().snapshot.version };
        let file = self.fetch_in_tuf(gun, name).await?;
        let chain = chain.snapshot(&parse(&RoleName::Snapshot, &file)?, Known::Nothing).map_err(untrusted)?;
        let targets = self.published_targets(gun, &chain).await?;
        Ok(Published { root, snapshot: chain.snapshot().clone(), targets })
    }

    async fn published_targets(
        &self,
        gun: &Gun,
        chain: &TrustedSnapshot,
    ) -> Result<BTreeMap<RoleName, Verified<Targets>>, PublishError> {
        let named = |role: &RoleName| MetadataName {
            role: role.clone(),
            version: chain.snapshot().meta.get(role.as_str()).and_then(|file| file.version),
        };
        let file = self.fetch_in_tuf(gun, named(&RoleName::Targets)).await?;
        let top = chain.targets(&parse(&RoleName::Targets, &file)?, None).map_err(untrusted)?;
        let mut found = BTreeMap::new();
        let mut pending: Vec<Verified<Targets>> = top.roles().cloned().collect();
        let mut bytes = file.len();
        while let Some(delegator) = pending.pop() {
            for delegation in &delegator.delegations.roles {
                let role = RoleName::Delegation(delegation.name.clone());
                if found.contains_key(&role) || !chain.snapshot().meta.contains_key(role.as_str()) {
                    continue;
                }
                let file = self.fetch_in_tuf(gun, named(&role)).await?;
                bytes += file.len();
                if bytes > MAX_BYTES || found.len() >= MAX_ROLES {
                    return Err(PublishError::TooLargeInTuf { gun: gun.clone(), roles: MAX_ROLES, bytes: MAX_BYTES });
                }
                // One that its new keys have not signed yet is none: it is signed anew.
                let Ok(targets) = top.delegated(&delegator, &delegation.name, &parse(&role, &file)?) else { continue };
                pending.push(targets.clone());
                found.insert(role, targets);
            }
            found.insert(delegator.role().clone(), delegator);
        }
        Ok(found)
    }

    pub(super) async fn fetch_in_tuf(&self, gun: &Gun, name: MetadataName) -> Result<Vec<u8>, TransportError> {
        self.client.transport().fetch_in_tuf(gun, &name, self.client.limits.file_bytes as u64).await
    }
}

/// Whether a published root is one of this collection's: all its root keys are, or once were, root keys of Notary's form,
/// where their certificates stay listed. It is signed by its own keys; without this, anybody's would do.
fn is_of(root: &Root, notary: &Root) -> bool {
    let known: Vec<PublicKey> = notary.keys.values().filter(|key| key.key_type.is_x509()).map(tuf::key_of).collect();
    let listed = root.roles.get(&RoleName::Root).map(|listed| listed.key_ids.as_slice()).unwrap_or_default();
    !listed.is_empty() && listed.iter().all(|id| root.keys.get(id).is_some_and(|key| known.contains(key)))
}

fn untrusted(error: VerifyError) -> PublishError {
    PublishError::Update(UpdateError::Verify(error))
}
