//! Renewing timestamps, and snapshots that are the server's, before they expire.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use libtrust::dialect::{LinkRule, Spelled};
use libtrust::edit::{next_snapshot, next_timestamp};
use libtrust::metadata::{Metadata, Root};
use libtrust::names::{Gun, RoleName};

use super::ground::Floors;
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
/// How long readers leave a collection alone whose renewal failed.
const RETRY_FAILED: TimeDelta = TimeDelta::minutes(1);
/// How long readers renew nothing after storage or signer were away.
const RETRY_AWAY: TimeDelta = TimeDelta::seconds(5);
/// How long a reader waits for a renewal. It goes on without the reader.
const READER_WAIT: Duration = Duration::from_secs(2);

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

/// What became of one renewal.
enum Renewed {
    /// This server renewed it.
    Here(Arc<Current>),
    /// It needs none: another server, or another reader, was faster.
    Elsewhere(Arc<Current>),
    /// The signer cannot, or it is gone.
    Impossible,
    /// Not before a pause is over.
    Later,
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
        self.pauses.sweep(now);
        loop {
            let before = self.now() - self.settings.renew_after;
            let mut page = match self.storage.stale_timestamps(before, after.as_deref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, "looking for stale timestamps failed");
                    done.failed += 1;
                    return done;
                }
            };
            let Some(last) = page.last() else { return done };
            after = Some(last.clone());
            page.sort_by_cached_key(|name| self.order.hash_one(name));
            // A name that is none of ours cannot be asked for either, so nobody waits for its renewal.
            for gun in page.iter().filter_map(|name| name.parse::<Gun>().ok()) {
                if self.pauses.holds(&gun, now) {
                    done.skipped += 1;
                    continue;
                }
                match self.renew(&gun, Because::Old).await {
                    Ok(Renewed::Here(_)) => {
                        self.metrics.renewal.renewed.inc();
                        done.renewed += 1;
                    }
                    Ok(Renewed::Elsewhere(_) | Renewed::Later) => {}
                    Ok(Renewed::Impossible) => {
                        self.pauses.begin(&gun, now + RETRY_UNRENEWABLE);
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

    /// Whether this set still is what it was to be renewed for.
    fn needs_renewal(&self, set: &Current, because: Because) -> bool {
        match because {
            Because::Old => set.stored_at < self.now() - self.settings.renew_after,
            Because::Expired => self.is_expired(set),
        }
    }

    /// Renews an expired set. However many readers ask, it happens once: the others wait for the writer's turn and find
    /// it done. A set that cannot be renewed is not tried again for a while, and none is while storage or signer are away.
    pub(super) async fn renewed_or_stored(self: &Arc<Self>, gun: &Gun, stored: Arc<Current>) -> Arc<Current> {
        if self.pauses.holds_readers(gun, self.now()) {
            return stored;
        }
        // In a task of its own: a reader who goes away must not leave it half done.
        let (this, name) = (self.clone(), gun.clone());
        let renewal = tokio::spawn(async move { this.renew_for_reader(&name).await });
        match tokio::time::timeout(READER_WAIT, renewal).await {
            Ok(Ok(renewed)) => renewed.unwrap_or(stored),
            Ok(Err(panic)) => {
                tracing::error!(gun.name = %gun, error = %panic, "renewing failed; serving the stored one");
                stored
            }
            Err(_) => stored,
        }
    }

    async fn renew_for_reader(&self, gun: &Gun) -> Option<Arc<Current>> {
        match self.renew(gun, Because::Expired).await {
            Ok(Renewed::Here(renewed)) => {
                self.metrics.renewal.renewed_on_read.inc();
                Some(renewed)
            }
            Ok(Renewed::Elsewhere(renewed)) => Some(renewed),
            Ok(Renewed::Later) => None,
            Ok(Renewed::Impossible) => {
                self.pauses.begin(gun, self.now() + RETRY_UNRENEWABLE);
                None
            }
            Err(error) => {
                tracing::error!(gun.name = %gun, %error, "renewing an expired timestamp failed; serving the stored one");
                if error.is_outage() {
                    self.pauses.begin_for_readers(self.now() + RETRY_AWAY);
                } else {
                    self.pauses.begin(gun, self.now() + RETRY_FAILED);
                }
                None
            }
        }
    }

    /// Renews one collection in the writer's turn.
    async fn renew(&self, gun: &Gun, because: Because) -> Result<Renewed, PublishFailure> {
        let _writer = self.locks.lock(gun).await;
        // Whoever had the turn before may have found that it is of no use.
        if because == Because::Expired && self.pauses.holds_readers(gun, self.now()) {
            return Ok(Renewed::Later);
        }
        let mut floors = Floors::default();
        for _ in 0..ATTEMPTS {
            let Some(current) = self.load_current(gun).await? else { return Ok(Renewed::Impossible) };
            if !self.needs_renewal(&current, because) {
                return Ok(Renewed::Elsewhere(current));
            }
            let draft = self.renewal_of(gun, &current, because, &floors).await?;
            let Some(draft) = draft else { return Ok(Renewed::Impossible) };
            match self.store(gun, draft, &current.into()).await {
                Ok(()) => return Ok(self.current(gun).await?.map_or(Renewed::Impossible, Renewed::Here)),
                Err(PublishError::Moved) => {}
                Err(PublishError::Conflict { role, stored, .. }) => floors.raise(role, stored),
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
        floors: &Floors,
    ) -> Result<Option<Draft>, PublishFailure> {
        let root = &current.root_says;
        let mut files = Vec::new();
        let mut named = current.timestamp_says.snapshot;
        if current.snapshot_says.expires - self.settings.snapshot_margin <= self.now() {
            let root_link = (self.dialect.rules().links == LinkRule::Digest).then(|| (&RoleName::Root, root.file()));
            let mut next = next_snapshot(Some(&current.snapshot_says), root_link, self.now());
            next.version = floors.above(&RoleName::Snapshot, next.version);
            if let Some(signed) = self.sign_if_possible(gun, root, &RoleName::Snapshot, &next).await? {
                named = *signed.says.file();
                files.extend(new_file(&RoleName::Snapshot, &signed));
            }
        }
        let helps = !files.is_empty() || because == Because::Old || current.timestamp_says.is_expired(self.now());
        if !helps {
            return Ok(None);
        }
        let mut next = next_timestamp(Some(current.timestamp.version), named, self.now());
        next.version = floors.above(&RoleName::Timestamp, next.version);
        let signed = self.sign_if_possible(gun, root, &RoleName::Timestamp, &next).await?;
        let Some(signed) = signed else { return Ok(None) };
        files.extend(new_file(&RoleName::Timestamp, &signed));
        Ok(Some(Draft { dialect: self.dialect, files, root: root.clone() }))
    }

    /// Signs; nothing if the signer's keys do not suffice or the version is beyond the last one.
    async fn sign_if_possible<T: Spelled + Metadata + Sync>(
        &self,
        gun: &Gun,
        root: &Root,
        role: &RoleName,
        next: &T,
    ) -> Result<Option<Signed<T>>, PublishFailure> {
        if storable(self.dialect, role, next.version()).is_err() {
            return Ok(None);
        }
        match self.sign(gun, root, role, next).await {
            Ok(signed) => Ok(Some(signed)),
            Err(NotSigned::KeysMissing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
