//! The way readers take: timestamp, snapshot, root, targets, delegations.

use bytes::Bytes;
use libtrust::dialect::{Dialect, Envelope};
use libtrust::limits::Limits;
use libtrust::metadata::{FileMeta, Metadata, Root, Snapshot, Timestamp};
use libtrust::names::RoleName;
use libtrust::verify::{CertificateDates, Expiration, Known, SigningKeys, TrustedRoot, TrustedTargets, first_root};

use super::files::Roles;
use super::{CheckFailed, Inspection, RESTORE};
use crate::collection::decode;
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
        let (Some(root), Some(targets)) = (
            self.listed(&snapshot_says, &RoleName::Root).await?,
            self.listed(&snapshot_says, &RoleName::Targets).await?,
        ) else {
            return Ok(());
        };
        self.expiry(&RoleName::Timestamp, &timestamp_says);
        self.expiry(&RoleName::Snapshot, &snapshot_says);
        let chain = self.verify(&root, &timestamp.bytes, &snapshot, &targets);
        if let Some(mut chain) = chain {
            self.delegations(&mut chain).await?;
            self.left_behind(roles, &chain, &timestamp_says);
            let root = chain.root().clone();
            self.renewable(&root).await?;
        }
        Ok(())
    }

    fn verify(&mut self, root: &[u8], timestamp: &[u8], snapshot: &[u8], targets: &[u8]) -> Option<TrustedTargets> {
        let gun = self.gun;
        let read = || {
            let parse = |role: RoleName, bytes| {
                let failed = role.clone();
                Envelope::parse(Dialect::Notary, role, bytes, &Limits::STORED).map_err(|e| (failed, e.to_string()))
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

    async fn delegations(&mut self, chain: &mut TrustedTargets) -> Result<(), StorageError> {
        let mut queue = vec![RoleName::Targets];
        while let Some(parent) = queue.pop() {
            let Some(targets) = chain.role(&parent) else { continue };
            let names: Vec<_> = targets.delegations.roles.iter().map(|delegation| delegation.name.clone()).collect();
            for name in names {
                let role = RoleName::Delegation(name.clone());
                let Some(named) = chain.snapshot().meta.get(role.as_str()).copied() else { continue };
                let Some(bytes) = self.named(&role, &named).await? else { continue };
                let parsed = Envelope::parse(Dialect::Notary, role.clone(), &bytes, &Limits::STORED);
                // Already a finding of the files.
                let Ok(envelope) = parsed else { continue };
                match chain.delegation(&name, &envelope, None) {
                    Ok(targets) => {
                        self.expiry(&role, &**targets);
                        queue.push(role);
                    }
                    // Notary's clients leave such roles out; that is how a delegate's keys are taken away.
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
        Ok(())
    }

    /// Versions above the current ones, which nothing names.
    fn left_behind(&mut self, roles: &Roles, chain: &TrustedTargets, timestamp: &Timestamp) {
        let current = [
            (RoleName::Root, chain.root().version),
            (RoleName::Snapshot, chain.snapshot().version),
            (RoleName::Timestamp, timestamp.version),
        ];
        let targets = roles.keys().filter_map(|role| Some((role.clone(), chain.role(role)?.version)));
        for (role, version) in current.into_iter().chain(targets.collect::<Vec<_>>()) {
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
            held += u32::from(signer.public_key(id).await?.is_some());
        }
        let needed = keys.threshold().get();
        if held < needed {
            let what = format!("the signer holds {held} of the {needed} keys it takes to renew it");
            self.fault(&role, None, what, "restore the signer's keys, or have its owner rotate the timestamp key");
        }
        Ok(())
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
        let Some(sha256) = named.digests.sha256 else {
            self.fault(role, None, "it is named without a digest", RESTORE);
            return Ok(None);
        };
        let stored = self.storage.by_checksum(self.gun, role, &sha256).await;
        let stored = self.found(role, stored)?;
        if stored.is_none() {
            let what = format!("the file that is named, {}, is not stored", hex::encode(sha256));
            self.fault(role, None, what, RESTORE);
        }
        Ok(stored.map(|stored| stored.bytes))
    }

    /// What a file says; one that cannot be read is a finding.
    fn read<T: libtrust::dialect::Spelled>(&mut self, role: &RoleName, bytes: &[u8]) -> Option<T> {
        decode(role, bytes).map_err(|what| self.fault(role, None, what, RESTORE)).ok()
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
