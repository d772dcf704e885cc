//! The client workflow of TUF 1.0 (specification, 5.1 to 5.6): from a trusted root to the top-level targets.
//!
//! Each file is stored as soon as its own checks pass, so what was learned survives whatever fails behind it. The rules
//! are in [`crate::verify`]; here is what is asked for, in which order, and what is kept.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::files::Files;
use super::{MetadataName, Source, Store, StoreError, TufError};
use crate::dialect::{Dialect, Envelope, MalformedFile, Spelled};
use crate::limits::Limits;
use crate::metadata::{FileMeta, Metadata, Root, Snapshot, Timestamp, Version};
use crate::names::RoleName;
use crate::verify::{
    Expiration, Known, SigningKeys, TrustedRoot, TrustedSnapshot, TrustedTargets, TrustedTimestamp, Verified,
    VerifyError, has_retired_online_keys, matches_file, repository_root, verify,
};

/// Bounds on what a repository may make a client do. The defaults are those of the reference client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepositoryLimits {
    /// How many newer roots are followed in one run; the next run goes on from there.
    pub root_hops: u32,
    /// How many delegated roles are visited for one target.
    pub roles_per_target: usize,
    /// How many bytes of delegated roles are read for one target.
    pub bytes_per_target: u64,
    /// Largest root, in bytes.
    pub root_bytes: u64,
    /// Largest timestamp, in bytes.
    pub timestamp_bytes: u64,
    /// Largest snapshot, in bytes, where the timestamp does not say.
    pub snapshot_bytes: u64,
    /// Largest targets file, in bytes, where the snapshot does not say.
    pub targets_bytes: u64,
    /// Largest file of these last two kinds where that is said: nobody's word makes a client read more.
    pub named_bytes: u64,
}

impl Default for RepositoryLimits {
    fn default() -> Self {
        Self {
            root_hops: 256,
            roles_per_target: 32,
            bytes_per_target: 160_000_000,
            root_bytes: 512_000,
            timestamp_bytes: 16_384,
            snapshot_bytes: 2_000_000,
            targets_bytes: 5_000_000,
            named_bytes: 100 << 20,
        }
    }
}

/// Reads one repository.
#[derive(Clone)]
pub struct RepositoryClient {
    pub(super) source: Arc<dyn Source>,
    pub(super) store: Arc<dyn Store>,
    pub(super) limits: RepositoryLimits,
}

/// A repository as it is trusted now.
pub struct Repository {
    pub(super) client: RepositoryClient,
    pub(super) chain: TrustedTargets,
}

/// How long a run waits for another one on the same store.
pub(super) const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

impl RepositoryClient {
    /// Reads from `source` and remembers in `store`, in which trust has begun ([`super::begin`]).
    #[must_use]
    pub fn new(source: Arc<dyn Source>, store: Arc<dyn Store>, limits: RepositoryLimits) -> Self {
        Self { source, store, limits }
    }

    /// Brings the top-level roles up to date. `now` is the time for every expiry of this run.
    ///
    /// # Errors
    /// What went wrong first; what was trusted until then is stored.
    pub async fn refresh(&self, now: DateTime<Utc>) -> Result<Repository, TufError> {
        let _turn = super::turn(&*self.store, PATIENCE).await?;
        let root = TrustedRoot::new(self.newest_root().await?, Expiration::Enforced(now));
        root.check_fresh()?;
        let timestamp = self.timestamp(&root).await?;
        let snapshot = self.snapshot(&root, &timestamp).await?;
        let chain = self.targets(&root, &snapshot).await?;
        Ok(Repository { client: self.clone(), chain })
    }

    /// Follows the chain of roots from the stored one (5.3).
    async fn newest_root(&self) -> Result<Verified<Root>, TufError> {
        let mut root = self.stored_root()?;
        let first = root.clone();
        for _ in 0..self.limits.root_hops {
            if root.version.next() == root.version {
                break;
            }
            let name = MetadataName::versioned(RoleName::Root, root.version.next());
            let Some(bytes) = self.source.metadata(&name, self.limits.root_bytes).await? else { break };
            let next = repository_root(&parse(&RoleName::Root, &bytes)?, Some(&root))?;
            if has_retired_online_keys(&first, &next) {
                // Before the root is stored: an end in between must not lose that they have to go.
                self.store.remove(&RoleName::Timestamp)?;
                self.store.remove(&RoleName::Snapshot)?;
            }
            self.store.save_root(next.version, &bytes)?;
            root = next;
        }
        Ok(root)
    }

    fn stored_root(&self) -> Result<Verified<Root>, TufError> {
        let store = || self.store.name().to_owned();
        let bytes = self.store.load(&RoleName::Root, self.limits.root_bytes)?;
        let bytes = bytes.ok_or_else(|| TufError::NoRoot { store: store() })?;
        let damaged = |cause: TufError| TufError::DamagedRoot { store: store(), cause: Box::new(cause) };
        let envelope = parse(&RoleName::Root, &bytes).map_err(|error| damaged(error.into()))?;
        repository_root(&envelope, None).map_err(|error| damaged(error.into()))
    }

    /// 5.4.
    async fn timestamp(&self, root: &TrustedRoot) -> Result<TrustedTimestamp, TufError> {
        let role = RoleName::Timestamp;
        let stored = self.stored(&role, self.limits.timestamp_bytes)?;
        let known = stored.as_ref().and_then(|bytes| baseline::<Timestamp>(&role, bytes, root.root()));
        let name = MetadataName::current(role.clone());
        let bytes = self.files().fetch(&name, self.limits.timestamp_bytes).await?;
        let envelope = parse(&role, &bytes)?;
        let newer = match &known {
            Some(known) => root.newer_timestamp(&envelope, known)?,
            None => Some(root.timestamp(&envelope, Known::Nothing)?),
        };
        match (newer, stored) {
            (Some(newer), _) => {
                self.store.save(&role, &bytes)?;
                Ok(newer)
            }
            // The same version: the one that is stored stays, and must be good now.
            (None, Some(stored)) => Ok(root.timestamp(&parse(&role, &stored)?, Known::Nothing)?),
            (None, None) => Ok(root.timestamp(&envelope, Known::Nothing)?),
        }
    }

    /// 5.5.
    async fn snapshot(&self, root: &TrustedRoot, timestamp: &TrustedTimestamp) -> Result<TrustedSnapshot, TufError> {
        let role = RoleName::Snapshot;
        let named = timestamp.timestamp().snapshot;
        let stored = self.stored(&role, self.limits.named_bytes)?;
        if let Some(bytes) = &stored
            && let Ok(envelope) = parse(&role, bytes)
            && let Ok(kept) = timestamp.kept_snapshot(&envelope)
        {
            return Ok(kept);
        }
        let known = stored.and_then(|bytes| baseline::<Snapshot>(&role, &bytes, root.root()));
        let bytes = self.named(root, &role, &named, &RoleName::Timestamp, self.limits.snapshot_bytes).await?;
        let snapshot = timestamp.snapshot(&parse(&role, &bytes)?, known.as_ref())?;
        self.store.save(&role, &bytes)?;
        Ok(snapshot)
    }

    /// 5.6, for the top-level role.
    async fn targets(&self, root: &TrustedRoot, snapshot: &TrustedSnapshot) -> Result<TrustedTargets, TufError> {
        let role = RoleName::Targets;
        let named = named_in(snapshot.snapshot(), &role)?;
        if let Some(bytes) = self.stored(&role, self.limits.named_bytes)?
            && matches_file(&role, &FileMeta::to_compare(&named, &bytes), &named, &RoleName::Snapshot).is_ok()
            && let Ok(envelope) = parse(&role, &bytes)
            && let Ok(targets) = snapshot.targets(&envelope, None)
        {
            return Ok(targets);
        }
        let bytes = self.named(root, &role, &named, &RoleName::Snapshot, self.limits.targets_bytes).await?;
        let targets = snapshot.targets(&parse(&role, &bytes)?, None)?;
        self.store.save(&role, &bytes)?;
        Ok(targets)
    }

    /// A stored file, to be verified. One over the limit is none: a later run must be able to succeed.
    pub(super) fn stored(&self, role: &RoleName, limit: u64) -> Result<Option<Vec<u8>>, TufError> {
        match self.store.load(role, limit) {
            Err(StoreError::TooLarge { .. }) => Ok(None),
            loaded => Ok(loaded?),
        }
    }

    /// Fetches the file that `named_by` names.
    pub(super) async fn named(
        &self,
        root: &TrustedRoot,
        role: &RoleName,
        named: &FileMeta,
        named_by: &RoleName,
        usual_limit: u64,
    ) -> Result<Bytes, TufError> {
        let is_consistent = root.root().consistent_snapshot;
        let (_, bytes) = self.files().named(role, named, named_by, is_consistent, usual_limit).await?;
        Ok(bytes)
    }

    fn files(&self) -> Files<'_> {
        Files { source: &*self.source, limits: &self.limits }
    }
}

/// Reads a file as one of this role.
pub(super) fn parse<'b>(role: &RoleName, bytes: &'b [u8]) -> Result<Envelope<'b>, MalformedFile> {
    Envelope::parse(Dialect::Tuf, role.clone(), bytes, &Limits::TUF)
}

/// What the snapshot says of a role's file.
pub(super) fn named_in(snapshot: &Verified<Snapshot>, role: &RoleName) -> Result<FileMeta, VerifyError> {
    let named = snapshot.meta.get(role.as_str()).copied();
    named.ok_or_else(|| VerifyError::NotInSnapshot { role: role.clone(), snapshot: snapshot.version })
}

/// A stored file that new ones must not fall behind: signed by the keys that count now, expired or not.
fn baseline<T: Spelled + Metadata>(role: &RoleName, bytes: &[u8], root: &Root) -> Option<Verified<T>> {
    let keys = SigningKeys::of_role(root, role)?;
    verify(&parse(role, bytes).ok()?, &keys, Expiration::Ignored).ok()
}

impl Repository {
    /// What was verified.
    #[must_use]
    pub const fn trusted(&self) -> &TrustedTargets {
        &self.chain
    }

    /// The version of the newest snapshot.
    #[must_use]
    pub fn snapshot_version(&self) -> Version {
        self.chain.snapshot().version
    }
}
