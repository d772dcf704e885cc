//! Publishing: update, apply the changes, sign what they touch, send all of it at once.
//!
//! If somebody else was quicker, the same changes are applied to what they published, and sent again.

mod certificate;
mod discard;
mod error;
mod in_tuf;
mod init;
mod partial;
mod prepared;
mod preview;
mod relocate;
mod roles;
mod rotate;
mod signing;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use error::PublishError;
pub use in_tuf::{TufForm, TufPublication};
pub use init::{Init, SnapshotHolder};
pub use partial::{InvalidPartialFile, PartialFile, SignatureGroup};
pub use rotate::{NewKeys, Rotation};

use super::{Client, Collection, KeyStore, Offline, TransportError, UpdateError};
use crate::dialect::Dialect;
use crate::edit::{Change, Draft};
use crate::metadata::{Metadata as _, Snapshot, Targets, Version};
use crate::names::{Gun, RoleName};

/// How often a publication is based anew on what others published in between.
const ATTEMPTS: u32 = 8;

/// Changes collections with the keys at hand.
#[derive(Clone)]
pub struct Publisher {
    client: Client,
    keys: Arc<dyn KeyStore>,
    read_as_of: Option<DateTime<Utc>>,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The roles that were sent, with their versions. None if every change was already true.
    pub roles: Vec<(RoleName, Version)>,
    /// How often it was based anew on what others had published.
    pub rebased: u32,
    /// What followed in TUF 1.0, for a collection that has that form.
    pub in_tuf: Option<TufPublication>,
}

impl Publisher {
    /// A publisher that reads through `client` and signs with `keys`.
    #[must_use]
    pub fn new(client: Client, keys: Arc<dyn KeyStore>) -> Self {
        Self { client, keys, read_as_of: None }
    }

    /// Reads collections as of another time, and still signs as of now: so that what has expired since can be signed anew
    /// by those who hold its keys.
    #[must_use]
    pub fn reading_as_of(self, time: DateTime<Utc>) -> Self {
        Self { read_as_of: Some(time), ..self }
    }

    /// What it reads through.
    #[must_use]
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The keys it signs with.
    #[must_use]
    pub fn keys(&self) -> &dyn KeyStore {
        &*self.keys
    }

    /// Publishes changes, in one upload, all or none.
    ///
    /// # Errors
    /// Why not; see [`PublishError::Transport`] about broken connections.
    pub async fn publish(&self, gun: &Gun, changes: &[Change]) -> Result<Publication, PublishError> {
        match self.publish_with(gun, |_| Ok(changes.to_vec())).await {
            Err(PublishError::Update(UpdateError::NoTrustData { server, gun })) => {
                self.publish_prepared(&gun, &server, changes).await
            }
            published => published,
        }
    }

    /// Publishes the changes that `plan` makes of the collection's current state. It is asked again after each conflict.
    ///
    /// # Errors
    /// As [`Publisher::publish`], and what `plan` returns.
    pub async fn publish_with(
        &self,
        gun: &Gun,
        plan: impl Fn(&Collection) -> Result<Vec<Change>, PublishError> + Send + Sync,
    ) -> Result<Publication, PublishError> {
        let mut rebased = 0;
        let mut witnessed = BTreeMap::new();
        loop {
            let collection = match self.read_as_of {
                Some(time) => self.client.clone().with_clock(time).update(gun, Offline::Never).await?,
                None => self.client.update(gun, Offline::Never).await?,
            };
            let mut draft = collection.draft();
            if rebased > 0 {
                // No role has a higher version than the snapshot, also one that was removed and is remembered.
                draft.begin_new_roles_at(collection.snapshot().version.next());
            }
            for change in plan(&collection)? {
                if let Change::Witness { role } = &change {
                    let file = collection.snapshot().meta.get(role.as_str()).copied();
                    // Whoever said so looked at the file of then, not at what came since.
                    if *witnessed.entry(role.clone()).or_insert(file) != file {
                        return Err(PublishError::WitnessedOther { gun: gun.clone(), role: role.clone() });
                    }
                }
                draft.apply(&change)?;
            }
            if draft.changed().is_empty() {
                let in_tuf = self.follow_in_tuf(gun).await?;
                return Ok(Publication { roles: Vec::new(), rebased, in_tuf });
            }
            draft.advance(self.client.now());
            let previous: &Snapshot = collection.snapshot();
            let files = self.sign(gun, &draft, Some(collection.root()), Some(previous))?;
            let roles = versions(&draft, &files, previous.version());
            match self.client.transport().publish(gun, &files).await {
                Ok(()) => {
                    let in_tuf = self.follow_in_tuf(gun).await?;
                    return Ok(Publication { roles, rebased, in_tuf });
                }
                Err(TransportError::Conflict { .. }) if rebased + 1 < ATTEMPTS => rebased += 1,
                Err(last @ TransportError::Conflict { .. }) => {
                    return Err(PublishError::Contended { attempts: ATTEMPTS, last });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Removes the collection from the server and from the cache. Private keys stay.
    ///
    /// # Errors
    /// If the server did not remove it; the cache is then as it was.
    pub async fn delete(&self, gun: &Gun) -> Result<(), PublishError> {
        self.client.transport().delete(gun).await?;
        Ok(self.client.cache().forget(gun)?)
    }
}

impl Collection {
    /// Its root and targets, for changing.
    #[must_use]
    pub fn draft(&self) -> Draft {
        let targets: BTreeMap<RoleName, Targets> =
            self.targets().roles().map(|file| (file.role().clone(), (**file).clone())).collect();
        let set_aside = self.set_aside().iter();
        let set_aside = set_aside.filter_map(|role| Some((role.role.clone(), role.content().cloned()?))).collect();
        Draft::new(Dialect::Notary, (**self.root()).clone(), targets, set_aside)
    }
}

fn versions(draft: &Draft, files: &signing::Files, snapshot: Version) -> Vec<(RoleName, Version)> {
    let version = |role: &RoleName| match role {
        RoleName::Root => Some(draft.root().version),
        RoleName::Snapshot => Some(snapshot.next()),
        role => draft.role(role).map(|file| file.version),
    };
    files.iter().filter_map(|(role, _)| Some((role.clone(), version(role)?))).collect()
}
