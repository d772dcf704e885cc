//! Reading a collection in order: root, timestamp, snapshot, targets, delegations. Each step is made by the last, so no
//! step can be left out; a step that fails leaves the last as it was.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::links::{is_in, is_named, snapshot_names};
use super::rollback::{Known, not_older, snapshot_follows, timestamp_follows};
use super::threshold::SigningKeys;
use super::{Expiration, Verified, VerifyError, verify};
use crate::dialect::{Envelope, LinkRule, Spelled};
use crate::metadata::{FileMeta, Metadata, Root, Snapshot, Targets, Timestamp, Version};
use crate::names::{DelegationName, RoleName};

/// A collection whose root is trusted.
#[derive(Debug, Clone)]
pub struct TrustedRoot {
    root: Arc<Verified<Root>>,
    expiration: Expiration,
}

/// A collection whose timestamp is trusted too.
#[derive(Debug, Clone)]
pub struct TrustedTimestamp {
    before: TrustedRoot,
    timestamp: Arc<Verified<Timestamp>>,
}

/// A collection whose snapshot is trusted too.
#[derive(Debug, Clone)]
pub struct TrustedSnapshot {
    before: TrustedTimestamp,
    snapshot: Arc<Verified<Snapshot>>,
}

/// A collection whose targets are trusted; delegations are added one by one.
#[derive(Debug, Clone)]
pub struct TrustedTargets {
    before: TrustedSnapshot,
    targets: BTreeMap<RoleName, Arc<Verified<Targets>>>,
}

impl TrustedRoot {
    /// Starts from a root that the caller trusts; every later file is judged with `expiration`, so that one time
    /// holds for the whole read.
    #[must_use]
    pub fn new(root: Verified<Root>, expiration: Expiration) -> Self {
        Self { root: Arc::new(root), expiration }
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// Checks that the root itself has not expired.
    ///
    /// # Errors
    /// [`VerifyError::Expired`].
    pub fn check_fresh(&self) -> Result<(), VerifyError> {
        self.fresh(&self.root)
    }

    /// Checks that the root itself has not expired, then the timestamp, which must follow what is `known`.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn timestamp<'k>(
        &self,
        file: &Envelope<'_>,
        known: impl Into<Known<'k, Timestamp>>,
    ) -> Result<TrustedTimestamp, VerifyError> {
        self.check_fresh()?;
        let timestamp = self.role(file, &RoleName::Timestamp)?;
        timestamp_follows(&timestamp, known.into())?;
        self.fresh(&timestamp)?;
        Ok(TrustedTimestamp { before: self.clone(), timestamp: Arc::new(timestamp) })
    }

    /// As [`Self::timestamp`], for readers that keep the file they have as long as its version is the newest: nothing if
    /// `file` is a sound timestamp of that very version, whatever else it says (TUF 1.0, 5.4.3).
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn newer_timestamp(
        &self,
        file: &Envelope<'_>,
        known: &Verified<Timestamp>,
    ) -> Result<Option<TrustedTimestamp>, VerifyError> {
        self.check_fresh()?;
        let timestamp: Verified<Timestamp> = self.role(file, &RoleName::Timestamp)?;
        if timestamp.version == known.version {
            return Ok(None);
        }
        timestamp_follows(&timestamp, Known::File(known))?;
        self.fresh(&timestamp)?;
        Ok(Some(TrustedTimestamp { before: self.clone(), timestamp: Arc::new(timestamp) }))
    }

    fn role<T: Spelled + Metadata>(&self, file: &Envelope<'_>, role: &RoleName) -> Result<Verified<T>, VerifyError> {
        let is_it = file.role() == role && file.dialect() == self.root.dialect();
        let keys = SigningKeys::of_role(&self.root, role).filter(|_| is_it);
        let keys = keys.ok_or_else(|| VerifyError::NotDelegated(file.role().clone()))?;
        // What is older than what is known is a rollback, expired or not: that is asked last.
        verify(file, &keys, Expiration::Ignored)
    }

    fn fresh<T: Metadata>(&self, file: &Verified<T>) -> Result<(), VerifyError> {
        self.expiration.check(file.dialect(), file.role(), &**file)
    }
}

impl TrustedTimestamp {
    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp
    }

    /// Checks the snapshot: the file the timestamp names, which follows what is `known`. Where the snapshot names the
    /// root, it must be the one in use.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn snapshot<'k>(
        &self,
        file: &Envelope<'_>,
        known: impl Into<Known<'k, Snapshot>>,
    ) -> Result<TrustedSnapshot, VerifyError> {
        let snapshot: Verified<Snapshot> = self.before.role(file, &RoleName::Snapshot)?;
        is_named(file, &snapshot, &self.timestamp.snapshot, &RoleName::Timestamp)?;
        snapshot_follows(&snapshot, known.into())?;
        if file.dialect().rules().links == LinkRule::Digest {
            snapshot_names(&snapshot, &RoleName::Root, self.before.root.file())?;
        }
        self.before.fresh(&snapshot)?;
        Ok(TrustedSnapshot { before: self.clone(), snapshot: Arc::new(snapshot) })
    }

    /// Checks a snapshot that was trusted before and has the version that the timestamp names: that is enough, also if the
    /// timestamp names other bytes (TUF 1.0, where a version is one file).
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn kept_snapshot(&self, file: &Envelope<'_>) -> Result<TrustedSnapshot, VerifyError> {
        let snapshot: Verified<Snapshot> = self.before.role(file, &RoleName::Snapshot)?;
        let named = FileMeta { version: self.timestamp.snapshot.version, ..FileMeta::default() };
        is_named(file, &snapshot, &named, &RoleName::Timestamp)?;
        self.before.fresh(&snapshot)?;
        Ok(TrustedSnapshot { before: self.clone(), snapshot: Arc::new(snapshot) })
    }
}

impl TrustedSnapshot {
    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// Checks the top-level targets: the file the snapshot names.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn targets(&self, file: &Envelope<'_>, newest_known: Option<Version>) -> Result<TrustedTargets, VerifyError> {
        let targets: Verified<Targets> = self.before.before.role(file, &RoleName::Targets)?;
        is_in(&self.snapshot, file, &targets)?;
        not_older(&targets, newest_known)?;
        self.before.before.fresh(&targets)?;
        let targets = BTreeMap::from([(RoleName::Targets, Arc::new(targets))]);
        Ok(TrustedTargets { before: self.clone(), targets })
    }
}

impl TrustedTargets {
    /// The first link of the chain.
    #[must_use]
    pub const fn trusted_root(&self) -> &TrustedRoot {
        &self.before.before.before
    }

    /// The root all of this hangs on.
    #[must_use]
    pub fn root(&self) -> &Verified<Root> {
        &self.before.before.before.root
    }

    /// The timestamp.
    #[must_use]
    pub fn timestamp(&self) -> &Verified<Timestamp> {
        &self.before.before.timestamp
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Verified<Snapshot> {
        &self.before.snapshot
    }

    /// Every targets file that was checked, `targets` first, then by name.
    pub fn roles(&self) -> impl Iterator<Item = &Verified<Targets>> {
        self.targets.values().map(AsRef::as_ref)
    }

    /// A targets file that was checked.
    #[must_use]
    pub fn role(&self, role: &RoleName) -> Option<&Verified<Targets>> {
        self.targets.get(role).map(AsRef::as_ref)
    }

    /// The top-level targets, shared.
    #[must_use]
    pub fn targets(&self) -> Option<Arc<Verified<Targets>>> {
        self.targets.get(&RoleName::Targets).cloned()
    }

    /// Checks a role that `delegator` delegates to: its keys, and the file the snapshot names. The proof holds for this
    /// delegator alone.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn delegated(
        &self,
        delegator: &Verified<Targets>,
        name: &DelegationName,
        file: &Envelope<'_>,
    ) -> Result<Verified<Targets>, VerifyError> {
        let role = RoleName::Delegation(name.clone());
        let is_it = *file.role() == role && file.dialect() == delegator.dialect();
        let keys = SigningKeys::of_delegation(&delegator.delegations, name).filter(|_| is_it);
        let keys = keys.ok_or_else(|| VerifyError::NotDelegated(role.clone()))?;
        let targets = verify::<Targets>(file, &keys, Expiration::Ignored)?;
        is_in(&self.before.snapshot, file, &targets)?;
        self.before.before.before.fresh(&targets)?;
        Ok(targets)
    }

    /// Adds a delegation whose parent was checked before.
    ///
    /// # Errors
    /// The first rule that does not hold; the collection stays as it was.
    pub fn delegation(
        &mut self,
        name: &DelegationName,
        file: &Envelope<'_>,
        newest_known: Option<Version>,
    ) -> Result<&Verified<Targets>, VerifyError> {
        let role = RoleName::Delegation(name.clone());
        let parent = self.targets.get(&name.parent()).cloned();
        let parent = parent.ok_or_else(|| VerifyError::NotDelegated(role.clone()))?;
        let targets = self.delegated(&parent, name, file)?;
        not_older(&targets, newest_known)?;
        Ok(match self.targets.entry(role) {
            Entry::Vacant(entry) => entry.insert(Arc::new(targets)),
            Entry::Occupied(entry) => {
                let known = entry.into_mut();
                *known = Arc::new(targets);
                known
            }
        })
    }
}
