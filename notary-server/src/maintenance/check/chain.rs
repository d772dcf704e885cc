//! The way readers take: timestamp, snapshot, root, targets, delegations.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use libtrust::dialect::{Dialect, Envelope, LinkRule};
use libtrust::limits::Limits;
use libtrust::metadata::{Delegations, FileMeta, Metadata, Root, Snapshot, Targets, Timestamp, Version};
use libtrust::names::{DelegationName, RoleName};
use libtrust::verify::{
    CertificateDates, Expiration, Known, SigningKeys, TrustedRoot, TrustedTargets, Verified, first_root,
};

use super::files::Roles;
use super::{CheckFailed, Inspection, RESTORE};
use crate::collection::{FileName, decode, file_name, held_as};
use crate::names::role_name;
use crate::storage::StorageError;

impl Inspection<'_> {
    /// Reads the collection as a client does, and looks at what lies beside the way.
    pub(super) async fn current(&mut self, roles: &Roles) -> Result<(), CheckFailed> {
        let newest = self.storage.newest(self.gun, &RoleName::Timestamp).await;
        let Some(timestamp) = self.found(&RoleName::Timestamp, newest)? else {
            if !roles.contains_key(&RoleName::Timestamp) {
                self.fault(&RoleName::Timestamp, None, "there is none, so readers find nothing", RESTORE);
            }
            return Ok(());
        };
        let Some(timestamp_says) = self.read::<Timestamp>(&RoleName::Timestamp, &timestamp.bytes) else {
            return Ok(());
        };
        let Some(snapshot) = self.named(&RoleName::Snapshot, &timestamp_says.snapshot).await? else { return Ok(()) };
        let Some(snapshot_says) = self.read::<Snapshot>(&RoleName::Snapshot, &snapshot) else { return Ok(()) };
        let (Some(root), Some(targets)) =
            (self.root(&snapshot_says).await?, self.listed(&snapshot_says, &RoleName::Targets).await?)
        else {
            return Ok(());
        };
        self.expiry(&RoleName::Timestamp, &timestamp_says);
        self.expiry(&RoleName::Snapshot, &snapshot_says);
        let chain = self.verify(&root, &timestamp.bytes, &snapshot, &targets);
        if let Some(chain) = chain {
            let targets = self.delegations(&chain).await?;
            self.left_behind(roles, &chain, &timestamp_says, targets);
            let root = chain.root().clone();
            self.renewable(&root).await?;
        }
        Ok(())
    }

    fn verify(&mut self, root: &[u8], timestamp: &[u8], snapshot: &[u8], targets: &[u8]) -> Option<TrustedTargets> {
        let (dialect, gun) = (self.dialect, self.gun);
        let read = || {
            let parse = |role: RoleName, bytes| {
                let failed = role.clone();
                Envelope::parse(dialect, role, bytes, &Limits::STORED).map_err(|e| (failed, e.to_string()))
            };
            let at = |role: RoleName| move |error: libtrust::verify::VerifyError| (role, error.to_string());
            let root = parse(RoleName::Root, root)?;
            let root =
                first_root(&root, gun, CertificateDates::Ignored, Expiration::Ignored).map_err(at(RoleName::Root))?;
            TrustedRoot::new(root, Expiration::Ignored)
                .timestamp(&parse(RoleName::Timestamp, timestamp)?, Known::Nothing)
                .map_err(at(RoleName::Timestamp))?
                .snapshot(&parse(RoleName::Snapshot, snapshot)?, Known::Nothing)
                .map_err(at(RoleName::Snapshot))?
                .targets(&parse(RoleName::Targets, targets)?, None)
                .map_err(at(RoleName::Targets))
        };
        match read() {
            Ok(chain) => {
                if let Some(targets) = chain.role(&RoleName::Targets) {
                    self.expiry(&RoleName::Targets, &**targets);
                }
                Some(chain)
            }
            Err((role, what)) => {
                self.fault(&role, None, what, RESTORE);
                None
            }
        }
    }

    /// Every targets role that a reader may come to, with the version it has.
    async fn delegations(&mut self, chain: &TrustedTargets) -> Result<BTreeMap<RoleName, Version>, StorageError> {
        let mut found = BTreeMap::new();
        let mut queue: Vec<Arc<Verified<Targets>>> = chain.targets().into_iter().collect();
        found.extend(queue.iter().map(|targets| (RoleName::Targets, targets.version)));
        while let Some(delegator) = queue.pop() {
            for name in delegated(self.dialect, &delegator.delegations, chain.snapshot()) {
                let role = RoleName::Delegation(name.clone());
                let Some(named) = chain.snapshot().meta.get(role.as_str()).copied() else { continue };
                let Some(bytes) = self.named(&role, &named).await? else { continue };
                let parsed = Envelope::parse(self.dialect, role.clone(), &bytes, &Limits::STORED);
                // Already a finding of the files.
                let Ok(envelope) = parsed else { continue };
                match chain.delegated(&delegator, &name, &envelope) {
                    Ok(targets) => {
                        if found.insert(role.clone(), targets.version).is_none() {
                            self.expiry(&role, &*targets);
                            queue.push(Arc::new(targets));
                        }
                    }
                    // Clients leave such roles out; that is how a delegate's keys are taken away.
                    Err(error) => {
                        self.warn(
                            &role,
                            None,
                            error.to_string(),
                            "clients leave it out until a delegate publishes it anew",
                        );
                    }
                }
            }
        }
        Ok(found)
    }

    /// Versions above the current ones, which nothing names.
    fn left_behind(
        &mut self,
        roles: &Roles,
        chain: &TrustedTargets,
        timestamp: &Timestamp,
        targets: BTreeMap<RoleName, Version>,
    ) {
        let current = [
            (RoleName::Root, chain.root().version),
            (RoleName::Snapshot, chain.snapshot().version),
            (RoleName::Timestamp, timestamp.version),
        ];
        for (role, version) in current.into_iter().chain(targets) {
            let newest = roles.get(&role).and_then(|rows| rows.last()).map(|row| row.version);
            if let Some(newest) = newest.filter(|newest| *newest > version) {
                let what = format!("nothing names it; version {version} is current");
                self.warn(&role, Some(newest), what, "the next one published has to have a higher version");
            }
        }
    }

    async fn renewable(&mut self, root: &Root) -> Result<(), CheckFailed> {
        let Some(signer) = self.signer else { return Ok(()) };
        let role = RoleName::Timestamp;
        let Some(keys) = SigningKeys::of_role(root, &role) else { return Ok(()) };
        let mut held: u32 = 0;
        for id in keys.ids() {
            held += u32::from(signer.public_key(&held_as(self.dialect, root, id)).await?.is_some());
        }
        if held == 0 && self.dialect == Dialect::Tuf {
            // Its owner signs timestamps, too.
            return Ok(());
        }
        let needed = keys.threshold().get();
        if held < needed {
            let what = format!("the signer holds {held} of the {needed} keys it takes to renew it");
            self.fault(&role, None, what, "restore the signer's keys, or have its owner rotate the timestamp key");
        }
        Ok(())
    }

    /// The root that is current: the one the snapshot names; in TUF 1.0, where nothing names roots, the newest.
    async fn root(&mut self, snapshot: &Snapshot) -> Result<Option<Bytes>, StorageError> {
        let role = RoleName::Root;
        if self.dialect.rules().links == LinkRule::Digest {
            return self.listed(snapshot, &role).await;
        }
        let newest = self.storage.newest(self.gun, &role).await;
        let newest = self.found(&role, newest)?;
        if newest.is_none() {
            self.fault(&role, None, "there is none", RESTORE);
        }
        Ok(newest.map(|stored| stored.bytes))
    }

    async fn listed(&mut self, snapshot: &Snapshot, role: &RoleName) -> Result<Option<Bytes>, StorageError> {
        match snapshot.meta.get(role.as_str()) {
            Some(named) => self.named(role, named).await,
            None => {
                self.fault(role, None, "the current snapshot does not name it", RESTORE);
                Ok(None)
            }
        }
    }

    async fn named(&mut self, role: &RoleName, named: &FileMeta) -> Result<Option<Bytes>, StorageError> {
        let Some(name) = file_name(self.dialect, named) else {
            self.fault(role, None, "it is named without a digest", RESTORE);
            return Ok(None);
        };
        let stored = match &name {
            FileName::Checksum(sha256) => self.storage.by_checksum(self.gun, role, sha256).await,
            FileName::Version(version) => self.storage.by_version(self.gun, role, *version).await,
        };
        let stored = self.found(role, stored)?;
        if stored.is_none() {
            let what = format!("the file that is named, {name}, is not stored");
            self.fault(role, None, what, RESTORE);
        }
        Ok(stored.map(|stored| stored.bytes))
    }

    /// What a file says; one that cannot be read is a finding.
    fn read<T: libtrust::dialect::Spelled>(&mut self, role: &RoleName, bytes: &[u8]) -> Option<T> {
        decode(self.dialect, role, bytes).map_err(|what| self.fault(role, None, what, RESTORE)).ok()
    }

    pub(super) fn expiry<T: Metadata>(&mut self, role: &RoleName, says: &T) {
        if says.is_expired(self.now) {
            let what = format!("expired on {}", says.expires().format("%Y-%m-%d %H:%M:%S UTC"));
            let remedy = match role {
                RoleName::Timestamp => "see why the server does not renew it",
                _ => "whoever holds its key has to publish it anew",
            };
            self.warn(role, Some(says.version()), what, remedy);
        }
    }
}

/// The roles a file delegates to; of hash bins those that the snapshot names.
fn delegated(dialect: Dialect, delegations: &Delegations, snapshot: &Snapshot) -> Vec<DelegationName> {
    let Some(bins) = &delegations.succinct else {
        return delegations.roles.iter().map(|delegation| delegation.name.clone()).collect();
    };
    let named = snapshot.meta.keys().filter_map(|name| match role_name(dialect, name) {
        Ok(RoleName::Delegation(name)) if bins.has(&name) => Some(name),
        _ => None,
    });
    named.collect()
}
