//! Publishing and deleting.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use libtrust::dialect::Dialect;
use libtrust::edit::{next_snapshot, next_timestamp};
use libtrust::metadata::{Metadata, Root, Snapshot, Timestamp, Version};
use libtrust::names::{Gun, RoleName};
use libtrust::verify::Verified;

use super::ground::{Floors, Ground};
use super::sign::{NotSigned, Signed};
use super::{Collections, Current, PublishFailure, ReadFailure, ServedFile};
use crate::accept::{Accepted, Form, Judgement, Refusal, SnapshotPlan, Stored, StoredRole, Upload, accept, storable};
use crate::storage::{Base, NewFile, PublishError, Sha256};

/// How often a publication is tried again when only files the server makes are in conflict.
const ATTEMPTS: u32 = 4;
/// Uploads from this size on, in bytes, are judged off the threads that serve requests.
pub(super) const LARGE: usize = 256 << 10;

impl Collections {
    /// Judges an upload and stores it with a new timestamp, and a new snapshot if that is the server's to sign.
    ///
    /// Runs to its end even if the caller goes away: what was begun is finished, and the cache follows. `held`, what the
    /// caller reserved for the upload, is kept until then.
    ///
    /// # Errors
    /// If it breaks a rule, if a stored version is as new, or if storage or signer fail; nothing is stored then, but for
    /// a storage failure in the moment of commit, where all of it may be.
    pub async fn publish<H: Send + 'static>(
        self: &Arc<Self>,
        gun: Gun,
        upload: Upload,
        held: H,
    ) -> Result<(), PublishFailure> {
        let this = self.clone();
        let task = tokio::spawn(async move {
            let _held = held;
            let _writer = this.locks.lock(&gun).await;
            this.publish_alone(&gun, Arc::new(upload)).await
        });
        task.await.unwrap_or_else(|panic| Err(ReadFailure::Broken(format!("publishing failed: {panic}")).into()))
    }

    /// Removes a collection with all its versions. True if there was one.
    ///
    /// # Errors
    /// If storage fails.
    pub async fn delete(self: &Arc<Self>, gun: Gun) -> Result<bool, PublishFailure> {
        let this = self.clone();
        let task = tokio::spawn(async move {
            let _writer = this.locks.lock(&gun).await;
            let deleted = this.storage.delete(&gun, this.now()).await;
            this.cache.deleted(&gun);
            deleted
        });
        match task.await {
            Ok(deleted) => Ok(deleted?),
            Err(panic) => Err(ReadFailure::Broken(format!("deleting failed: {panic}")).into()),
        }
    }

    async fn publish_alone(&self, gun: &Gun, upload: Arc<Upload>) -> Result<(), PublishFailure> {
        let mut floors = Floors::default();
        for attempt in 0..ATTEMPTS {
            let ground = self.ground(gun, &upload, attempt > 0).await?;
            let drafted = match self.judge(gun, &upload, &ground).await {
                Ok(accepted) => self.complete(gun, accepted, &ground, &floors).await,
                Err(refused) => Err(refused),
            };
            let drafted = match drafted {
                // What was in memory may have been replaced elsewhere; only what is stored refuses an upload.
                Err(PublishFailure::Refused(_)) if attempt == 0 && self.has_moved(gun, &ground).await? => continue,
                drafted => drafted?,
            };
            let Some(draft) = drafted else { return Ok(()) };
            match self.store(gun, draft, &ground).await {
                Err(PublishError::Moved) => {}
                Err(PublishError::Conflict { role, stored, .. }) if upload.part(&role).is_none() => {
                    floors.raise(role, stored);
                }
                Err(PublishError::Conflict { role, offered, stored }) => {
                    return Err(PublishFailure::Conflict { role, offered, stored });
                }
                Err(PublishError::NameTaken { stored, .. }) => return Err(PublishFailure::NameTaken { stored }),
                Err(PublishError::Unavailable(error)) => return Err(error.into()),
                Ok(()) => return Ok(()),
            }
        }
        Err(PublishFailure::Contended { gun: gun.clone(), attempts: ATTEMPTS })
    }

    /// Whether another process published since this was the ground.
    async fn has_moved(&self, gun: &Gun, ground: &Ground) -> Result<bool, PublishFailure> {
        Ok(self.cache.coherence().is_shared() && self.storage.head(gun).await? != ground.head)
    }

    /// Loads what the upload needs and runs the rules on it.
    async fn judge(&self, gun: &Gun, upload: &Arc<Upload>, ground: &Ground) -> Result<Accepted, PublishFailure> {
        let mut stored = Stored { root: ground.root.clone(), ..Stored::default() };
        if let Some(current) = &ground.current {
            stored.snapshot = Some(current.snapshot.bytes.clone());
            stored.named.clone_from(&current.snapshot_says.meta);
            stored.targets = self.needed_targets(gun, upload, current).await?;
        }
        let (dialect, now, limits) = (self.dialect, self.now(), self.settings.limits);
        let form = if self.storage.is_shared_with_notary() { Form::AsNotaryWrites } else { Form::Any };
        // What is stored is judged as well: a small upload may hang on much.
        let stored_size: usize = stored.targets.values().map(|role| role.bytes.len()).sum();
        let size = upload.sizes().sum::<usize>() + stored_size;
        Ok(if size < LARGE {
            accept(upload, &stored, Judgement { dialect, gun, now, limits: &limits, form })
        } else {
            // What is judged takes many times its size in memory.
            let _turn = self.large.acquire().await;
            let (gun, upload) = (gun.clone(), upload.clone());
            let judging =
                move || accept(&upload, &stored, Judgement { dialect, gun: &gun, now, limits: &limits, form });
            let judged = tokio::task::spawn_blocking(judging).await;
            judged.map_err(|panic| ReadFailure::Broken(format!("judging failed: {panic}")))?
        }?)
    }

    async fn needed_targets(
        &self,
        gun: &Gun,
        upload: &Upload,
        current: &Current,
    ) -> Result<BTreeMap<RoleName, StoredRole>, PublishFailure> {
        if self.dialect == Dialect::Tuf {
            return Ok(self.delegators(gun, upload, current).await?);
        }
        let mut needed = upload.missing_ancestors();
        if upload.part(&RoleName::Root).is_some() && upload.part(&RoleName::Targets).is_none() {
            needed.push(RoleName::Targets);
        }
        let mut targets = BTreeMap::new();
        for role in needed {
            if let Some(bytes) = self.current_role(gun, &role, current).await? {
                targets.insert(role, StoredRole { bytes });
            }
        }
        Ok(targets)
    }

    /// Signs what is the server's to sign. Nothing if the upload changes nothing.
    async fn complete(
        &self,
        gun: &Gun,
        accepted: Accepted,
        ground: &Ground,
        floors: &Floors,
    ) -> Result<Option<Draft>, PublishFailure> {
        let Accepted { root, files, snapshot } = accepted;
        let mut files: Vec<NewFile> = files
            .into_iter()
            .filter_map(|file| {
                let sha256 = file.meta.digests.sha256?;
                Some(NewFile { role: file.role, version: file.version, bytes: file.bytes, sha256 })
            })
            .collect();
        let named = match snapshot {
            SnapshotPlan::Unchanged => return Ok(None),
            SnapshotPlan::Uploaded { meta } | SnapshotPlan::Stands { meta } => meta,
            SnapshotPlan::Generate { changed } => {
                let previous = ground.current.as_ref().map(|current| &current.snapshot_says);
                let changed = changed.iter().map(|(role, meta)| (role, meta));
                let mut next = next_snapshot(previous, changed, self.now());
                next.version = floors.above(&RoleName::Snapshot, next.version);
                storable(self.dialect, &RoleName::Snapshot, next.version)?;
                let signed = self.sign_snapshot(gun, &root, &next).await?;
                let meta = *signed.says.file();
                files.extend(new_file(&RoleName::Snapshot, &signed));
                meta
            }
        };
        if files.iter().any(|file| file.role == RoleName::Timestamp) {
            return Ok(Some(Draft { dialect: self.dialect, files, root }));
        }
        let mut next = next_timestamp(ground.head.map(|head| head.version), named, self.now());
        next.version = floors.above(&RoleName::Timestamp, next.version);
        storable(self.dialect, &RoleName::Timestamp, next.version)?;
        let timestamp = self.sign_timestamp(gun, &root, &next).await?;
        files.extend(new_file(&RoleName::Timestamp, &timestamp));
        Ok(Some(Draft { dialect: self.dialect, files, root }))
    }

    async fn sign_snapshot(
        &self,
        gun: &Gun,
        root: &Root,
        snapshot: &Snapshot,
    ) -> Result<Signed<Snapshot>, PublishFailure> {
        self.sign(gun, root, &RoleName::Snapshot, snapshot).await.map_err(|error| match error {
            NotSigned::KeysMissing { .. } => Refusal::BadHierarchy {
                missing: RoleName::Snapshot,
                message: "no snapshot was included in update and server does not hold current snapshot key for \
                          repository"
                    .to_owned(),
            }
            .into(),
            other => other.into(),
        })
    }

    async fn sign_timestamp(
        &self,
        gun: &Gun,
        root: &Root,
        timestamp: &Timestamp,
    ) -> Result<Signed<Timestamp>, PublishFailure> {
        self.sign(gun, root, &RoleName::Timestamp, timestamp).await.map_err(|error| match error {
            NotSigned::KeysMissing { .. } if self.dialect == Dialect::Tuf => Refusal::BadHierarchy {
                missing: RoleName::Timestamp,
                message: format!("no timestamp was sent, and the server cannot sign one: {error}"),
            }
            .into(),
            // Two spaces: Notary's own words.
            NotSigned::KeysMissing { .. } => {
                Refusal::BadRoot(format!("no  timestamp keys exist on the server: {error}")).into()
            }
            other => other.into(),
        })
    }

    /// Stores a draft on its ground and moves the cache.
    pub(super) async fn store(&self, gun: &Gun, draft: Draft, ground: &Ground) -> Result<(), PublishError> {
        let now = self.now();
        let base = Base::Timestamp(ground.head.map(|head| head.sha256));
        let before = self.cache.mark(gun);
        let stored = self.storage.publish(gun, base, draft.files.clone(), now).await;
        // Also after a failure: it may have been stored all the same.
        self.cache.written(gun);
        stored?;
        self.pauses.end(gun);
        if let Some(set) = draft.into_current(ground.current.as_deref(), now) {
            // This write is known; what another process wrote meanwhile is not.
            self.cache.insert_current(gun, self.cache.mark(gun).seen(before), Arc::new(set));
        }
        Ok(())
    }
}

/// A publication that only has to be stored.
pub(super) struct Draft {
    pub(super) dialect: Dialect,
    pub(super) files: Vec<NewFile>,
    pub(super) root: Arc<Verified<Root>>,
}

impl Draft {
    /// The current set once this is stored, so that the next reader does not have to load it.
    fn into_current(self, before: Option<&Current>, now: chrono::DateTime<chrono::Utc>) -> Option<Current> {
        let Self { dialect, files, root: root_says } = self;
        let served = |role: &RoleName| {
            let file = files.iter().find(|file| file.role == *role)?;
            Some(Arc::new(ServedFile::new(file.version, file.bytes.clone(), file.sha256, now)))
        };
        let timestamp = served(&RoleName::Timestamp)?;
        let timestamp_says = super::current::decode(dialect, &RoleName::Timestamp, &timestamp.bytes).ok()?;
        let snapshot = served(&RoleName::Snapshot).or_else(|| Some(before?.snapshot.clone()))?;
        let snapshot_says = super::current::decode(dialect, &RoleName::Snapshot, &snapshot.bytes).ok()?;
        let root = served(&RoleName::Root).or_else(|| Some(before?.root.clone()))?;
        Some(Current { stored_at: now, timestamp, timestamp_says, snapshot, snapshot_says, root, root_says })
    }
}

/// A file the server signed, ready to store.
pub(super) fn new_file<T: Metadata>(role: &RoleName, signed: &Signed<T>) -> Option<NewFile> {
    let sha256: Sha256 = signed.says.file().digests.sha256?;
    let version: Version = signed.says.version();
    Some(NewFile { role: role.clone(), version, bytes: Bytes::clone(&signed.bytes), sha256 })
}

impl From<NotSigned> for PublishFailure {
    fn from(error: NotSigned) -> Self {
        match error {
            NotSigned::Signer(error) => error.into(),
            other => ReadFailure::Broken(other.to_string()).into(),
        }
    }
}
