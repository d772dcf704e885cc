//! Reading a collection in order: root, timestamp, snapshot, targets, delegations. Each step consumes the last, so no
//! step can be left out.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::links::{matches_file, snapshot_names};
use super::rollback::not_older;
use super::threshold::SigningKeys;
use super::{Expiration, Verified, VerifyError, verify};
use crate::dialect::{Envelope, Spelled};
use crate::metadata::{Metadata, Root, Snapshot, Targets, Timestamp, Version};
use crate::names::{DelegationName, RoleName};

/// A collection whose root is trusted.
#[derive(Debug, Clone)]
pub struct TrustedRoot {
    root: Verified<Root>,
    expiration: Expiration,
}

/// A collection whose timestamp is trusted too.
#[derive(Debug, Clone)]
pub struct TrustedTimestamp {
    before: TrustedRoot,
    timestamp: Verified<Timestamp>,
}

/// A collection whose snapshot is trusted too.
#[derive(Debug, Clone)]
pub struct TrustedSnapshot {
    before: TrustedTimestamp,
    snapshot: Verified<Snapshot>,
}

/// A collection whose targets are trusted; delegations are added one by one.
#[derive(Debug, Clone)]
pub struct TrustedTargets {
    before: TrustedSnapshot,
    targets: BTreeMap<RoleName, Verified<Targets>>,
}

impl TrustedRoot {
    /// Starts from a root that the caller trusts; every later file is judged with `expiration`, so that one time
    /// holds for the whole read.
    #[must_use]
    pub const fn new(root: Verified<Root>, expiration: Expiration) -> Self {
        Self { root, expiration }
    }

    /// The root.
    #[must_use]
    pub const fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// Checks that the root itself has not expired, then the timestamp; `newest_known` is the version of the one seen
    /// before.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn timestamp(
        self,
        file: &Envelope<'_>,
        newest_known: Option<Version>,
    ) -> Result<TrustedTimestamp, VerifyError> {
        self.expiration.check(&RoleName::Root, &*self.root)?;
        let timestamp = self.role(file, &RoleName::Timestamp)?;
        not_older(&timestamp, newest_known)?;
        Ok(TrustedTimestamp { before: self, timestamp })
    }

    fn role<T: Spelled + Metadata>(&self, file: &Envelope<'_>, role: &RoleName) -> Result<Verified<T>, VerifyError> {
        let keys = SigningKeys::of_role(&self.root, role).filter(|_| file.role() == role);
        let keys = keys.ok_or_else(|| VerifyError::NotDelegated(file.role().clone()))?;
        verify(file, &keys, self.expiration)
    }
}

impl TrustedTimestamp {
    /// The timestamp.
    #[must_use]
    pub const fn timestamp(&self) -> &Verified<Timestamp> {
        &self.timestamp
    }

    /// Checks the snapshot: the bytes the timestamp names, and the root in use is the one it names.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn snapshot(self, file: &Envelope<'_>, newest_known: Option<Version>) -> Result<TrustedSnapshot, VerifyError> {
        let snapshot: Verified<Snapshot> = self.before.role(file, &RoleName::Snapshot)?;
        matches_file(&RoleName::Snapshot, snapshot.file(), &self.timestamp.snapshot, &RoleName::Timestamp)?;
        not_older(&snapshot, newest_known)?;
        snapshot_names(&snapshot, &RoleName::Root, self.before.root.file())?;
        Ok(TrustedSnapshot { before: self, snapshot })
    }
}

impl TrustedSnapshot {
    /// The snapshot.
    #[must_use]
    pub const fn snapshot(&self) -> &Verified<Snapshot> {
        &self.snapshot
    }

    /// Checks the top-level targets: the bytes the snapshot names.
    ///
    /// # Errors
    /// The first rule that does not hold.
    pub fn targets(self, file: &Envelope<'_>, newest_known: Option<Version>) -> Result<TrustedTargets, VerifyError> {
        let targets: Verified<Targets> = self.before.before.role(file, &RoleName::Targets)?;
        snapshot_names(&self.snapshot, &RoleName::Targets, targets.file())?;
        not_older(&targets, newest_known)?;
        Ok(TrustedTargets { before: self, targets: BTreeMap::from([(RoleName::Targets, targets)]) })
    }
}

impl TrustedTargets {
    /// The root all of this hangs on.
    #[must_use]
    pub const fn root(&self) -> &Verified<Root> {
        &self.before.before.before.root
    }

    /// The timestamp.
    #[must_use]
    pub const fn timestamp(&self) -> &Verified<Timestamp> {
        &self.before.before.timestamp
    }

    /// The snapshot.
    #[must_use]
    pub const fn snapshot(&self) -> &Verified<Snapshot> {
        &self.before.snapshot
    }

    /// Every targets file that was checked, `targets` first, then by name.
    pub fn roles(&self) -> impl Iterator<Item = &Verified<Targets>> {
        self.targets.values()
    }

    /// A targets file that was checked.
    #[must_use]
    pub fn role(&self, role: &RoleName) -> Option<&Verified<Targets>> {
        self.targets.get(role)
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
        let parent = self.targets.get(&name.parent()).filter(|_| *file.role() == role);
        let keys = parent.and_then(|parent| SigningKeys::of_delegation(&parent.delegations, name));
        let keys = keys.ok_or_else(|| VerifyError::NotDelegated(role.clone()))?;
        let targets = verify::<Targets>(file, &keys, self.before.before.before.expiration)?;
        snapshot_names(&self.before.snapshot, &role, targets.file())?;
        not_older(&targets, newest_known)?;
        Ok(match self.targets.entry(role) {
            Entry::Vacant(entry) => entry.insert(targets),
            Entry::Occupied(entry) => {
                let known = entry.into_mut();
                *known = targets;
                known
            }
        })
    }
}
