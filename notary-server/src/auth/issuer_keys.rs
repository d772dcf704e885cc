//! The keys in force, and how they change while the server runs: files when they are written or on request, an address
//! now and then and when a token names a key that is not known yet.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use chrono::{DateTime, TimeDelta, Utc};

use super::keys::{JwkSet, TrustedKeys};
use super::source::{KeysError, Remote, read_bundle, read_jwks, stamp};
use crate::config::{JwksLocation, TokenOptions};
use crate::telemetry::metrics::AuthMetrics;

/// How often files are looked at.
const LOOK: Duration = Duration::from_secs(2);
/// How often an address is asked.
const REFRESH: TimeDelta = TimeDelta::minutes(5);
/// The least time between two questions to an address, however many tokens name unknown keys.
const PAUSE: TimeDelta = TimeDelta::seconds(10);

/// The keys in force and where they come from.
pub(super) struct IssuerKeys {
    bundle: Option<PathBuf>,
    jwks: Jwks,
    current: ArcSwap<Current>,
    /// Held while files are read, so that two readings do not cross. What they looked like is in it.
    stamps: Mutex<Vec<Stamp>>,
    /// Held while the address is asked. When that was last is in it.
    asked: tokio::sync::Mutex<Option<DateTime<Utc>>>,
    generations: AtomicU64,
    metrics: AuthMetrics,
}

type Stamp = Option<(SystemTime, u64, u64)>;

enum Jwks {
    None,
    File(PathBuf),
    Remote(Remote),
}

/// The keys at one moment.
pub(super) struct Current {
    pub(super) keys: TrustedKeys,
    /// Changes with the keys.
    pub(super) generation: u64,
}

impl IssuerKeys {
    /// Reads the files; an address is not asked yet.
    pub(super) fn open(options: &TokenOptions, metrics: AuthMetrics) -> Result<Self, KeysError> {
        let bundle = options.bundle.as_deref().map(read_bundle).transpose()?.unwrap_or_default();
        let (jwks, set) = match &options.jwks {
            None => (Jwks::None, JwkSet::default()),
            Some(JwksLocation::File(file)) => (Jwks::File(file.clone()), read_jwks(file)?),
            Some(JwksLocation::Url(url)) => {
                (Jwks::Remote(Remote::new(url, options.jwks_ca.as_deref())?), JwkSet::default())
            }
        };
        let keys =
            TrustedKeys { bundle: Arc::new(bundle), jwks: Arc::new(set), awaits_jwks: matches!(jwks, Jwks::Remote(_)) };
        let issuer_keys = Self {
            bundle: options.bundle.clone(),
            jwks,
            current: ArcSwap::from_pointee(Current { keys: TrustedKeys::default(), generation: 0 }),
            stamps: Mutex::default(),
            asked: tokio::sync::Mutex::default(),
            generations: AtomicU64::new(0),
            metrics,
        };
        issuer_keys.replace(keys);
        *issuer_keys.stamps() = issuer_keys.look();
        Ok(issuer_keys)
    }

    pub(super) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    /// Reads the files again. What cannot be used leaves what is in force.
    pub(super) fn read_again(&self) {
        let mut stamps = self.stamps();
        // Before the reading: what is written meanwhile is seen the next time.
        *stamps = self.look();
        let in_force = self.current();
        let bundle = self.bundle.as_deref().map(read_bundle).transpose();
        let jwks = match &self.jwks {
            Jwks::File(file) => read_jwks(file).map(Some),
            Jwks::None | Jwks::Remote(_) => Ok(None),
        };
        let keys = TrustedKeys {
            bundle: self.taken(bundle, &in_force.keys.bundle),
            jwks: self.taken(jwks, &in_force.keys.jwks),
            awaits_jwks: in_force.keys.awaits_jwks,
        };
        self.replace(keys);
    }

    /// Reads the files again if they changed.
    pub(super) fn read_if_changed(&self) {
        let changed = *self.stamps() != self.look();
        if changed {
            self.read_again();
        }
    }

    /// Asks the address, if there is one, unless that was done a moment ago or `known` is out of date already.
    pub(super) async fn ask(&self, known: u64, now: DateTime<Utc>) {
        let Jwks::Remote(remote) = &self.jwks else { return };
        let mut asked = self.asked.lock().await;
        // A clock that was set back must not stop the asking.
        let is_recent = asked.is_some_and(|when| (TimeDelta::zero()..PAUSE).contains(&(now - when)));
        if is_recent || self.current().generation != known {
            return;
        }
        *asked = Some(now);
        match remote.fetch().await {
            Ok(set) => {
                let _reading = self.stamps();
                let bundle = Arc::clone(&self.current().keys.bundle);
                self.replace(TrustedKeys { bundle, jwks: Arc::new(set), awaits_jwks: false });
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Follows files and address for as long as it is polled.
    pub(super) async fn follow(&self, clock: &crate::collection::Clock) {
        let mut ticks = tokio::time::interval(LOOK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut refreshed = None;
        loop {
            ticks.tick().await;
            self.read_if_changed();
            let now = clock();
            let current = self.current();
            let is_due = refreshed.is_none_or(|when| !(TimeDelta::zero()..REFRESH).contains(&(now - when)));
            if current.keys.awaits_jwks || is_due {
                refreshed = Some(now);
                self.ask(current.generation, now).await;
            }
        }
    }

    fn taken<T: Default>(&self, read: Result<Option<T>, KeysError>, in_force: &Arc<T>) -> Arc<T> {
        match read {
            Ok(Some(new)) => Arc::new(new),
            Ok(None) => Arc::clone(in_force),
            Err(error) => {
                self.failed(&error);
                Arc::clone(in_force)
            }
        }
    }

    fn failed(&self, error: &KeysError) {
        self.metrics.key_failures.inc();
        tracing::error!(%error, "keys of the token issuer were not read; those in force stay");
    }

    fn replace(&self, keys: TrustedKeys) {
        let count = keys.bundle.len() + keys.jwks.len();
        self.metrics.keys.set(i64::try_from(count).unwrap_or(i64::MAX));
        self.metrics.bundle_expiry.set(keys.bundle.first_expiry().map_or(0, |expiry| expiry.timestamp()));
        let generation = self.generations.fetch_add(1, Ordering::SeqCst) + 1;
        self.current.store(Arc::new(Current { keys, generation }));
    }

    fn look(&self) -> Vec<Stamp> {
        let jwks = if let Jwks::File(file) = &self.jwks { Some(file) } else { None };
        self.bundle.iter().chain(jwks).map(|file| stamp(file)).collect()
    }

    fn stamps(&self) -> std::sync::MutexGuard<'_, Vec<Stamp>> {
        self.stamps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
