//! Renewing timestamps, and snapshots that are the server's, before they expire.

use std::sync::Arc;

use chrono::TimeDelta;
use libtrust::dialect::Spelled;
use libtrust::edit::{next_snapshot, next_timestamp};
use libtrust::metadata::{Metadata, Root};
use libtrust::names::{Gun, RoleName};

use super::publish::{Draft, new_file};
use super::sign::{NotSigned, Signed};
use super::{Collections, Current, PublishFailure};
use crate::accept::storable;
use crate::storage::PublishError;

/// How many collections one look into storage brings.
const PAGE: u32 = 256;
/// How often a renewal that another writer crossed is tried again.
const ATTEMPTS: u32 = 3;

/// How long a collection that the signer holds no key of is left alone.
const RETRY_UNRENEWABLE: TimeDelta = TimeDelta::hours(1);

/// What one walk over all collections did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Renewal {
    /// Collections that got a new timestamp.
    pub renewed: u64,
    /// Collections whose keys the signer does not hold, now or when last tried, or that are gone meanwhile.
    pub skipped: u64,
    /// Collections that should have been renewed and were not.
    pub failed: u64,
}

/// Why a collection is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Because {
    /// Its timestamp is old enough.
    Old,
    /// A reader met an expired file.
    Expired,
}

impl Collections {
    /// Renews every collection whose newest timestamp is older than [`super::Settings::renew_after`]. One that fails is
    /// left for the next walk.
    ///
    /// Collections that the signer cannot renew are left alone for an hour; a signer or store that fails ends the walk.
    pub async fn renew_stale(&self) -> Renewal {
        let mut done = Renewal::default();
        let mut after: Option<String> = None;
        let now = self.now();
        self.unrenewable.lock().await.retain(|_, since| *since + RETRY_UNRENEWABLE > now);
        loop {
            let before = self.now() - self.settings.renew_after;
            let page = match self.storage.stale_timestamps(before, after.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "looking for stale timestamps failed");
                    done.failed += 1;
                    return done;
                }
            };
            let Some(last) = page.last() else { return done };
            after = Some(last.clone());
            // A name that is none of ours cannot be asked for either, so nobody waits for its renewal.
            for gun in page.iter().filter_map(|name| name.parse::<Gun>().ok()) {
                if self.unrenewable.lock().await.contains_key(&gun) {
                    done.skipped += 1;
                    continue;
                }
                match self.renew(&gun, Because::Old).await {
                    Ok(Some(_)) => {
                        self.metrics.renewal.renewed.inc();
                        done.renewed += 1;
                    }
                    Ok(None) => {
                        self.unrenewable.lock().await.insert(gun, now);
                        done.skipped += 1;
                    }
                    Err(error) => {
                        tracing::error!(gun.name = %gun, %error, "renewing a timestamp failed");
                        self.metrics.renewal.failures.inc();
                        done.failed += 1;
                        if error.is_outage() {
                            return done;
                        }
                    }
                }
            }
        }
    }

    /// Whether a reader must not be given this set without an attempt to renew it.
    pub(super) fn is_expired(&self, set: &Current) -> bool {
        let now = self.now();
        set.timestamp_says.is_expired(now) || set.snapshot_says.is_expired(now)
    }

    /// Renews an expired set. However many readers ask, it happens once: the others wait for the writer's turn and find
    /// it done. A set that cannot be renewed is not tried again for a while.
    pub(super) async fn renewed_or_stored(self: &Arc<Self>, gun: &Gun, stored: Arc<Current>) -> Arc<Current> {
        let now = self.now();
        if self.unrenewable.lock().await.get(gun).is_some_and(|since| *since + RETRY_UNRENEWABLE > now) {
            return stored;
        }
        // In a task of its own: a reader who goes away must not leave it half done.
        let (this, name) = (self.clone(), gun.clone());
        let renewal = tokio::spawn(async move { this.renew(&name, Because::Expired).await });
        match renewal.await {
            Ok(Ok(Some(renewed))) => renewed,
            Ok(Ok(None)) => {
                self.unrenewable.lock().await.insert(gun.clone(), now);
                stored
            }
            Ok(Err(error)) => {
                tracing::error!(gun.name = %gun, %error, "renewing an expired timestamp failed; serving the stored one");
                stored
            }
            Err(panic) => {
                tracing::error!(gun.name = %gun, error = %panic, "renewing failed; serving the stored one");
                stored
            }
        }
    }

    /// Renews one collection; nothing if it is gone or not the signer's to renew.
    async fn renew(&self, gun: &Gun, because: Because) -> Result<Option<Arc<Current>>, PublishFailure> {
        let _writer = self.locks.lock(gun).await;
        for _ in 0..ATTEMPTS {
            let Some(current) = self.load_current(gun).await? else { return Ok(None) };
            if because == Because::Expired && !self.is_expired(&current) {
                return Ok(Some(current));
            }
            let Some(draft) = self.renewal_of(gun, &current, because).await? else { return Ok(None) };
            match self.store(gun, draft, Some(&current)).await {
                Ok(()) => {
                    if because == Because::Expired {
                        self.metrics.renewal.renewed_on_read.inc();
                    }
                    return Ok(self.current(gun).await?);
                }
                Err(PublishError::Moved | PublishError::Conflict { .. }) => {}
                Err(PublishError::NameTaken { stored, .. }) => return Err(PublishFailure::NameTaken { stored }),
                Err(PublishError::Unavailable(error)) => return Err(error.into()),
            }
        }
        Err(PublishFailure::Contended { gun: gun.clone(), attempts: ATTEMPTS })
    }

    /// A new timestamp, and a new snapshot if it is due and the server's. Nothing if there is nothing the signer can do.
    async fn renewal_of(
        &self,
        gun: &Gun,
        current: &Current,
        because: Because,
    ) -> Result<Option<Draft>, PublishFailure> {
        let root = &current.root_says;
        let mut files = Vec::new();
        let mut named = current.timestamp_says.snapshot;
        if current.snapshot_says.expires - self.settings.snapshot_margin <= self.now() {
            let next = next_snapshot(Some(&current.snapshot_says), [(&RoleName::Root, root.file())], self.now());
            if let Some(signed) = self.sign_if_possible(gun, root, &RoleName::Snapshot, &next).await? {
                named = *signed.says.file();
                files.extend(new_file(&RoleName::Snapshot, &signed));
            }
        }
        let helps = !files.is_empty() || because == Because::Old || current.timestamp_says.is_expired(self.now());
        if !helps {
            return Ok(None);
        }
        let next = next_timestamp(Some(current.timestamp.version), named, self.now());
        let signed = self.sign_if_possible(gun, root, &RoleName::Timestamp, &next).await?;
        let Some(signed) = signed else { return Ok(None) };
        files.extend(new_file(&RoleName::Timestamp, &signed));
        Ok(Some(Draft { files, root: root.clone() }))
    }

    /// Signs; nothing if the signer's keys do not suffice or the version is beyond the last one.
    async fn sign_if_possible<T: Spelled + Metadata + Sync>(
        &self,
        gun: &Gun,
        root: &Root,
        role: &RoleName,
        next: &T,
    ) -> Result<Option<Signed<T>>, PublishFailure> {
        if storable(role, next.version()).is_err() {
            return Ok(None);
        }
        match self.sign(gun, root, role, next).await {
            Ok(signed) => Ok(Some(signed)),
            Err(NotSigned::KeysMissing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
