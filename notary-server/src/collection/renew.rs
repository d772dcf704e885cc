//! Renewing timestamps, and snapshots that are the server's, before they expire.

use std::sync::Arc;

use chrono::TimeDelta;
use libtrust::edit::{next_snapshot, next_timestamp};
use libtrust::metadata::Metadata as _;
use libtrust::names::{Gun, RoleName};

use super::publish::{Draft, new_file};
use super::sign::NotSigned;
use super::{Collections, Current, PublishFailure};
use crate::signer::SignerError;
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
    /// Collections whose keys the signer does not hold, or that are gone meanwhile.
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
        let mut after: Option<Gun> = None;
        let now = self.now();
        self.unrenewable.lock().await.retain(|_, since| *since + RETRY_UNRENEWABLE > now);
        loop {
            let before = self.now() - self.settings.renew_after;
            let page = match self.storage.stale_timestamps(before, after.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "looking for stale timestamps failed");
                    done.failed += 1;
                    return done;
                }
            };
            let Some(last) = page.last() else { return done };
            after = Some(last.clone());
            for gun in &page {
                if self.unrenewable.lock().await.contains_key(gun) {
                    continue;
                }
                match self.renew(gun, Because::Old).await {
                    Ok(Some(_)) => {
                        self.metrics.renewal.renewed.inc();
                        done.renewed += 1;
                    }
                    Ok(None) => {
                        self.unrenewable.lock().await.insert(gun.clone(), now);
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
    /// it done.
    pub(super) async fn renewed_or_stored(&self, gun: &Gun, stored: Arc<Current>) -> Arc<Current> {
        match self.renew(gun, Because::Expired).await {
            Ok(Some(renewed)) => {
                self.metrics.renewal.renewed_on_read.inc();
                renewed
            }
            Ok(None) => stored,
            Err(error) => {
                tracing::error!(gun.name = %gun, %error, "renewing an expired timestamp failed; serving the stored one");
                stored
            }
        }
    }

    /// Renews one collection; nothing if it is gone or not the signer's to renew.
    async fn renew(&self, gun: &Gun, because: Because) -> Result<Option<Arc<Current>>, PublishFailure> {
        let _writer = self.locks.lock(gun).await;
        for _ in 0..ATTEMPTS {
            let Some(current) = self.load_current(gun).await? else { return Ok(None) };
            if because == Because::Expired && !self.is_renewable(&current).await? {
                return Ok(Some(current));
            }
            let Some(draft) = self.renewal_of(gun, &current).await? else { return Ok(None) };
            match self.store(gun, draft, Some(&current)).await {
                Ok(()) => return Ok(self.current(gun).await?),
                Err(PublishError::Moved | PublishError::Conflict { .. }) => {}
                Err(PublishError::Unavailable(error)) => return Err(error.into()),
            }
        }
        Err(PublishFailure::Contended { gun: gun.clone(), attempts: ATTEMPTS })
    }

    /// Whether renewing would help a reader: the timestamp is expired, or a snapshot is that the server can sign.
    async fn is_renewable(&self, current: &Current) -> Result<bool, SignerError> {
        let now = self.now();
        Ok(current.timestamp_says.is_expired(now)
            || (current.snapshot_says.is_expired(now)
                && self.can_sign(&current.root_says, &RoleName::Snapshot).await?))
    }

    /// A new timestamp, and a new snapshot if it is due and the server's. Nothing if the signer lacks the timestamp key.
    async fn renewal_of(&self, gun: &Gun, current: &Current) -> Result<Option<Draft>, PublishFailure> {
        let root = &current.root_says;
        let mut files = Vec::new();
        let mut named = current.timestamp_says.snapshot;
        let due = current.snapshot_says.expires - self.settings.snapshot_margin <= self.now();
        if due && self.can_sign(root, &RoleName::Snapshot).await? {
            let next = next_snapshot(Some(&current.snapshot_says), [(&RoleName::Root, root.file())], self.now());
            let signed = self.sign(gun, root, &RoleName::Snapshot, &next).await?;
            named = *signed.says.file();
            files.extend(new_file(&RoleName::Snapshot, &signed));
        }
        let next = next_timestamp(Some(current.timestamp.version), named, self.now());
        let signed = match self.sign(gun, root, &RoleName::Timestamp, &next).await {
            Err(NotSigned::KeysMissing { .. }) => return Ok(None),
            signed => signed?,
        };
        files.extend(new_file(&RoleName::Timestamp, &signed));
        Ok(Some(Draft { files, root: root.clone() }))
    }
}
