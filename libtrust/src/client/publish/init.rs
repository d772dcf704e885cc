//! The first publication of a collection.

use std::collections::BTreeMap;

use ring::rand::SystemRandom;

use super::{Publication, PublishError, Publisher, certificate, versions};
use crate::client::{KeyEntry, KeyStoreError, KeyUse, RemoteFile, TransportError};
use crate::dialect::Dialect;
use crate::edit::{Change, Draft, ROOT_LIFETIME};
use crate::keys::{KeyAlgorithm, PublicKey, SigningKey};
use crate::metadata::{Delegations, RoleKeys, Root, Targets, Threshold, Version};
use crate::names::{Gun, KeyId, RoleName};

/// How a collection begins.
#[derive(Debug, Clone, Default)]
pub struct Init {
    /// Root keys by canonical id. None: the one that is in the store, or a new one if there is none.
    pub root_keys: Vec<KeyId>,
    /// Certificates of root keys, used instead of new ones.
    pub root_certificates: Vec<PublicKey>,
    /// How many root keys must sign; nothing: one.
    pub root_threshold: Option<Threshold>,
    /// Who signs snapshots.
    pub snapshot: SnapshotHolder,
    /// Where several root keys are in the store and none is named: take the first by id, as Docker does.
    pub any_root_key: bool,
}

/// Who signs snapshots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SnapshotHolder {
    /// The server, so that several people can publish without sharing a key. Docker's choice.
    #[default]
    Server,
    /// Whoever publishes. Notary's choice.
    Publisher,
}

impl Publisher {
    /// Makes a collection and publishes it, with `changes` already in it.
    ///
    /// # Errors
    /// [`PublishError::AlreadyThere`] if server or cache know it, else why not. Keys made for a collection that the server
    /// refused are removed again.
    pub async fn init(&self, gun: &Gun, init: &Init, changes: &[Change]) -> Result<Publication, PublishError> {
        self.must_be_new(gun).await?;
        let mut made = Vec::new();
        let published = self.init_with(gun, init, changes, &mut made).await;
        if let Err(error) = &published {
            self.discard(gun, made, error).await;
        }
        published
    }

    /// The files of a new collection, signed and not sent, for those who publish later as Notary does.
    ///
    /// # Errors
    /// As [`Publisher::init`].
    pub async fn init_locally(&self, gun: &Gun, init: &Init) -> Result<(), PublishError> {
        self.must_be_new(gun).await?;
        let draft = self.first_draft(gun, init, &mut Vec::new()).await?;
        let files = self.sign(gun, &draft, None, None)?;
        let files: Vec<(&RoleName, &[u8])> = files.iter().map(|(role, bytes)| (role, bytes.as_slice())).collect();
        self.client.cache().commit(gun, None, &files, self.client.now())?;
        Ok(())
    }

    /// The certificate of a root key for a collection, to be listed in its root with those of others.
    ///
    /// # Errors
    /// If the key is not here or cannot sign one.
    pub fn root_certificate(&self, gun: &Gun, key: &KeyId) -> Result<PublicKey, PublishError> {
        certificate::self_signed(gun, &*self.keys.open(key)?, self.client.now())
    }

    /// Whether a collection could be begun.
    ///
    /// # Errors
    /// [`PublishError::AlreadyThere`] if server or cache know it, or why that cannot be told.
    pub async fn must_be_new(&self, gun: &Gun) -> Result<(), PublishError> {
        let there = |place: String| PublishError::AlreadyThere { gun: gun.clone(), place };
        if self.client.cache().load(gun, &RoleName::Root)?.is_some() {
            return Err(there("in the trust folder".to_owned()));
        }
        let limit = self.client.limits.file_bytes as u64;
        let transport = self.client.transport();
        match transport.fetch(gun, &RemoteFile::Current(RoleName::Root), limit).await {
            Err(TransportError::NotFound { .. }) => Ok(()),
            Ok(_) => Err(there(format!("on {}", transport.name()))),
            Err(error) => Err(error.into()),
        }
    }

    async fn init_with(
        &self,
        gun: &Gun,
        init: &Init,
        changes: &[Change],
        made: &mut Vec<KeyEntry>,
    ) -> Result<Publication, PublishError> {
        let mut draft = self.first_draft(gun, init, made).await?;
        for change in changes {
            draft.apply(change)?;
        }
        draft.advance(self.client.now());
        let files = self.sign(gun, &draft, None, None)?;
        let mut roles = versions(&draft, &files, Version::FIRST);
        roles.iter_mut().filter(|(role, _)| *role == RoleName::Snapshot).for_each(|(_, v)| *v = Version::FIRST);
        match self.client.transport().publish(gun, &files).await {
            Ok(()) => {
                // Whoever made the root need not take it on trust.
                let root: Vec<(&RoleName, &[u8])> = files
                    .iter()
                    .filter(|(role, _)| *role == RoleName::Root)
                    .map(|(role, bytes)| (role, bytes.as_slice()))
                    .collect();
                // If that fails it is a first use again, and nothing worse: it is published.
                let _ = self.client.cache().commit(gun, None, &root, self.client.now());
                Ok(Publication { roles, rebased: 0, in_tuf: None })
            }
            Err(TransportError::Conflict { server, .. }) => {
                Err(PublishError::AlreadyThere { gun: gun.clone(), place: format!("on {server}") })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn first_draft(&self, gun: &Gun, init: &Init, made: &mut Vec<KeyEntry>) -> Result<Draft, PublishError> {
        let root_keys = self.root_certificates(gun, init)?;
        let transport = self.client.transport();
        let mut of_role = BTreeMap::from([(RoleName::Root, root_keys)]);
        of_role.insert(RoleName::Timestamp, vec![transport.server_key(gun, &RoleName::Timestamp).await?]);
        let snapshot = match init.snapshot {
            SnapshotHolder::Server => transport.server_key(gun, &RoleName::Snapshot).await?,
            SnapshotHolder::Publisher => self.new_key(gun, "snapshot", made)?,
        };
        of_role.insert(RoleName::Snapshot, vec![snapshot]);
        of_role.insert(RoleName::Targets, vec![self.new_key(gun, "targets", made)?]);

        let now = self.client.now_in_seconds();
        let (mut keys, mut roles) = (BTreeMap::new(), BTreeMap::new());
        for (role, listed) in of_role {
            let key_ids: Vec<KeyId> = listed.iter().map(|key| Dialect::Notary.key_id(key)).collect();
            let threshold = init.root_threshold.filter(|_| role == RoleName::Root).unwrap_or(Threshold::ONE);
            if threshold.get() as usize > key_ids.len() {
                let listed = key_ids.len();
                return Err(crate::edit::EditError::Threshold { role, needed: threshold, listed }.into());
            }
            keys.extend(key_ids.iter().cloned().zip(listed));
            roles.insert(role, RoleKeys { key_ids, threshold });
        }
        let root =
            Root { version: Version::FIRST, expires: now + ROOT_LIFETIME, consistent_snapshot: false, keys, roles };
        let targets = Targets {
            version: Version::FIRST,
            expires: now + crate::edit::TARGETS_LIFETIME,
            targets: BTreeMap::new(),
            delegations: Delegations::default(),
        };
        let targets = BTreeMap::from([(RoleName::Targets, targets)]);
        Ok(Draft::first(Dialect::Notary, root, targets))
    }

    /// The root keys, each in a certificate for this collection.
    fn root_certificates(&self, gun: &Gun, init: &Init) -> Result<Vec<PublicKey>, PublishError> {
        if !init.root_certificates.is_empty() {
            return Ok(init.root_certificates.clone());
        }
        let mut ids = init.root_keys.clone();
        if ids.is_empty() {
            let stored = self.keys.list()?.into_iter().filter(|entry| entry.key_use.role == "root");
            ids = stored.map(|entry| entry.id).collect();
            if ids.len() > 1 && !init.any_root_key {
                return Err(PublishError::AmbiguousRootKey { gun: gun.clone(), keys: ids });
            }
            ids.truncate(1);
        }
        if ids.is_empty() {
            // A root key is for every collection of this person, so it stays also if this one is refused.
            let key_use = KeyUse { role: "root".to_owned(), gun: None };
            ids.push(self.keys.add(generate()?, key_use)?.id);
        }
        let now = self.client.now();
        ids.iter().map(|id| certificate::self_signed(gun, &*self.keys.open(id)?, now)).collect()
    }

    /// A new key of a role, stored.
    pub(super) fn new_key(&self, gun: &Gun, role: &str, made: &mut Vec<KeyEntry>) -> Result<PublicKey, PublishError> {
        let key = generate()?;
        let public = key.public_key().clone();
        let gun = (role != "root").then(|| gun.clone());
        made.push(self.keys.add(key, KeyUse { role: role.to_owned(), gun })?);
        Ok(public)
    }
}

/// A new key of the kind every client reads: ECDSA P-256.
fn generate() -> Result<SigningKey, KeyStoreError> {
    SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new()).map_err(|_| KeyStoreError::Unusable {
        what: "a new key".to_owned(),
        why: "the source of random numbers failed".to_owned(),
    })
}
