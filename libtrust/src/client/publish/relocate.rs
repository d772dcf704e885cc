//! Taking a collection to another server.
//!
//! A server signs timestamps, and often snapshots, with keys of its own that the root names. So a collection that is to live
//! elsewhere needs a root that names the other server's keys, signed by the collection's root keys; copying files is not
//! enough. Targets and delegations go over as they are.

use std::sync::Arc;

use super::{Publication, PublishError, Publisher, versions};
use crate::client::{Offline, RemoteFile, Transport, TransportError, UpdateError};
use crate::edit::Change;
use crate::metadata::{Metadata as _, Snapshot, Threshold};
use crate::names::{Gun, RoleName};

impl Publisher {
    /// Publishes a collection, as it is trusted now, on a server that does not have it, under a new root that names that
    /// server's keys: for the timestamp, and for the snapshot unless its key is here. Readers who know the old root follow.
    ///
    /// The old server keeps what it has, and knows nothing of it.
    ///
    /// # Errors
    /// [`PublishError::AlreadyThere`] if that server has it, [`PublishError::MissingKeys`] without the root keys, else why
    /// not.
    pub async fn relocate(&self, gun: &Gun, to: Arc<dyn Transport>) -> Result<Publication, PublishError> {
        let collection = self.client.update(gun, Offline::Never).await?;
        match to.fetch(gun, &RemoteFile::Current(RoleName::Root), self.client.limits.file_bytes as u64).await {
            Err(TransportError::NotFound { .. }) => {}
            Ok(_) => {
                return Err(PublishError::AlreadyThere { gun: gun.clone(), place: format!("on {}", to.name()) });
            }
            Err(error) => return Err(error.into()),
        }
        let mut draft = collection.draft();
        let mut roles = vec![RoleName::Timestamp];
        if !self.holds_snapshot_key(&draft)? {
            roles.push(RoleName::Snapshot);
        }
        for role in roles {
            let keys = vec![to.server_key(gun, &role).await?];
            draft.apply(&Change::ReplaceKeys { role, keys, threshold: Some(Threshold::ONE) })?;
        }
        draft.apply(&Change::RenewRoot)?;
        draft.advance(self.client.now());
        let previous: &Snapshot = collection.snapshot();
        let mut files = self.sign(gun, &draft, Some(collection.root()), Some(previous))?;
        let published = versions(&draft, &files, previous.version());
        files.extend(collection.set_aside().iter().map(|one| (one.role.clone(), one.bytes().to_vec())));
        for role in collection.targets().roles().map(|file| file.role()) {
            let bytes = self.client.cache().load(gun, role)?;
            let missing = || UpdateError::NotCached { gun: gun.clone(), role: role.clone() };
            files.push((role.clone(), bytes.ok_or_else(missing)?));
        }
        to.publish(gun, &files).await?;
        Ok(Publication { roles: published, rebased: 0, in_tuf: None })
    }
}
