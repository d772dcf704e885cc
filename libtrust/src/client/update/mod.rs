//! Bringing a collection up to date.
//!
//! Notary's order: the trusted root that is at hand, then timestamp, snapshot, targets and delegations, each file taken
//! from the cache where the file before it names exactly those bytes. If anything does not hold, a newer root is looked
//! for, and all of it done once more. What differs from Notary's client is listed in `docs/divergences.md`.

mod delegations;
mod pass;
mod roots;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{Cache, Collection, Confirmation, RootTrust, Transport, TransportError, UpdateError};
use crate::dialect::{Dialect, Envelope};
use crate::limits::Limits;
use crate::metadata::Root;
use crate::names::{Gun, RoleName};
use crate::policy::NameRules;
use crate::verify::{Verified, VerifyError};

/// Whether an update may do without a server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Offline {
    /// A server must confirm the state.
    #[default]
    Never,
    /// If no server answers, the cache will do as long as its timestamp is valid; the collection says so.
    WhenUnreachable,
    /// No server is asked.
    Always,
}

/// One update of one collection.
pub(super) struct Update<'a> {
    pub(super) transport: &'a dyn Transport,
    pub(super) cache: &'a dyn Cache,
    pub(super) rules: &'a NameRules,
    pub(super) limits: &'a Limits,
    pub(super) gun: &'a Gun,
    pub(super) now: DateTime<Utc>,
    pub(super) offline: Offline,
    /// What the cache held before, as far as it was asked for.
    pub(super) cached: Mutex<BTreeMap<RoleName, Option<Bytes>>>,
}

/// A file that was verified, and its bytes.
pub(super) struct File {
    pub(super) role: RoleName,
    pub(super) bytes: Bytes,
}

impl Update<'_> {
    /// Runs it; what was found is in the cache when this returns.
    pub(super) async fn run(&self) -> Result<Collection, UpdateError> {
        let before = self.cached(&RoleName::Timestamp)?;
        let known = self.known_root()?;
        let mut files = Vec::new();
        let usable = known.as_ref().filter(|known| known.is_usable).map(|known| known.root.clone());
        let root = match usable {
            Some(root) => root,
            None if self.offline == Offline::Always => self.cached_root()?,
            None => self.newer_root(known.as_ref().map(|known| &known.root), None, &mut files).await?,
        };
        let trusted = known.as_ref().map(|known| &known.root);
        let pass = match self.pass(root.clone(), trusted).await {
            Err(error) if self.offline != Offline::Always && may_need_newer_root(&error) => {
                let newer = self.newer_root(Some(&root), named_root(&error), &mut files).await;
                match newer {
                    Ok(root) => self.pass(root, trusted).await?,
                    // A server that has no root to show must not hide what was wrong before.
                    Err(UpdateError::NoTrustData { .. } | UpdateError::Transport(_))
                        if matches!(error, UpdateError::Verify(_)) =>
                    {
                        return Err(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            pass => pass?,
        };
        files.extend(pass.files);
        let confirmed = match &pass.confirmation {
            Confirmation::Server { .. } => Some(self.now),
            // A copy moves what is known, not when the server was last heard.
            Confirmation::Copy { confirmed, .. } => Some(confirmed.unwrap_or(DateTime::UNIX_EPOCH)),
            Confirmation::Cache { .. } => None,
        };
        if let Some(confirmed) = confirmed {
            let changed: Vec<(&RoleName, &[u8])> = files.iter().map(|file| (&file.role, &*file.bytes)).collect();
            // Where another update was quicker, its result stays: it is at most as old as this one.
            self.cache.commit(self.gun, before.as_deref(), &changed, confirmed)?;
        }
        let root_trust = match known {
            _ if !self.rules.root.is_unpinned() => RootTrust::Pinned,
            Some(_) => RootTrust::SeenBefore,
            None => RootTrust::FirstUse,
        };
        Ok(Collection {
            gun: self.gun.clone(),
            chain: pass.chain,
            set_aside: pass.set_aside,
            root_trust,
            confirmation: pass.confirmation,
            as_of: self.now,
        })
    }

    fn parse<'b>(&self, role: &RoleName, bytes: &'b [u8]) -> Result<Envelope<'b>, UpdateError> {
        Ok(Envelope::parse(Dialect::Notary, role.clone(), bytes, self.limits)?)
    }

    /// What the cache held of a role when this update began.
    fn cached(&self, role: &RoleName) -> Result<Option<Bytes>, UpdateError> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cached.get(role) {
            return Ok(known.clone());
        }
        let loaded = self.cache.load(self.gun, role)?.map(Bytes::from);
        cached.insert(role.clone(), loaded.clone());
        Ok(loaded)
    }
}

/// The root that the cache holds.
struct KnownRoot {
    root: Verified<Root>,
    /// Whether it may be used as it is: neither it nor its certificates have expired.
    is_usable: bool,
}

/// Whether a newer root could make it good.
fn may_need_newer_root(error: &UpdateError) -> bool {
    match error {
        UpdateError::Verify(_) | UpdateError::Malformed(_) => true,
        UpdateError::Transport(error) => {
            matches!(error, TransportError::NotFound { .. } | TransportError::TooLarge { .. })
        }
        _ => false,
    }
}

/// The root that a snapshot, good in itself, names instead of the one in use.
fn named_root(error: &UpdateError) -> Option<[u8; 32]> {
    match error {
        UpdateError::Verify(VerifyError::Checksum { role: RoleName::Root, algorithm: "sha256", expected }) => {
            hex::decode(expected).ok()?.try_into().ok()
        }
        _ => None,
    }
}
