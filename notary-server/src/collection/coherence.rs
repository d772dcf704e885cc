//! How old what is served from memory may be while other processes write to the same store.
//!
//! A follower reports what others wrote. Once it has caught up, everything in memory that it did not name is as the store
//! was when it began: memory is *confirmed* as of that instant. What was confirmed, or loaded, no longer ago than
//! [`super::Settings::max_staleness`] is served; for anything else the store is asked first, which costs one short
//! query as long as nothing changed. If it cannot be asked the read fails: nothing is served beyond the bound.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use libtrust::names::Gun;
use tokio::task::JoinHandle;

use super::Collections;
use crate::storage::{FollowError, Follower};

/// Shortest wait between two calls to a follower, and after one that failed.
const PAUSE: Duration = Duration::from_millis(5);
/// Longest wait before a follower that failed is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An instant, in microseconds on a clock of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// Before anything was confirmed.
    const NEVER: Self = Self(0);
    /// When the process began: longer after [`Self::NEVER`] than any bound.
    const START: u64 = 1 << 48;
}

/// Decides whether what was known at some moment may be served now.
pub(super) struct Coherence {
    bound: Duration,
    start: Instant,
    /// Whether other processes write to the store.
    is_shared: AtomicBool,
    /// Everything in memory that was not reported is as the store was at this [`Moment`].
    confirmed: AtomicU64,
}

impl Coherence {
    /// Memory of the only process that writes, until [`Self::share`].
    pub(super) fn new(bound: Duration) -> Self {
        let (is_shared, confirmed) = (AtomicBool::new(false), AtomicU64::new(Moment::NEVER.0));
        Self { bound, start: Instant::now(), is_shared, confirmed }
    }

    pub(super) fn now(&self) -> Moment {
        let since = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        Moment(Moment::START.saturating_add(since))
    }

    /// Other processes write, too.
    pub(super) fn share(&self) {
        self.is_shared.store(true, Ordering::Release);
    }

    pub(super) fn is_shared(&self) -> bool {
        self.is_shared.load(Ordering::Acquire)
    }

    /// What was not reported by now is as the store was at `moment`.
    pub(super) fn confirm(&self, moment: Moment) {
        self.confirmed.fetch_max(moment.0, Ordering::AcqRel);
    }

    /// See [`Self::confirm`]. To be read before the reports it stands for.
    pub(super) fn confirmed(&self) -> Moment {
        Moment(self.confirmed.load(Ordering::Acquire))
    }

    /// Whether what was true at `moment` may be served at `now` without asking the store.
    pub(super) fn vouches(&self, moment: Moment, now: Moment) -> bool {
        if !self.is_shared() {
            return true;
        }
        let bound = u64::try_from(self.bound.as_micros()).unwrap_or(u64::MAX);
        bound > 0 && moment.0 >= now.0.saturating_sub(bound)
    }
}

impl Collections {
    /// Finds out whether other processes write to the store and, if so, follows them for as long as these collections
    /// live, or until the task is aborted. To be called before the first request; returns nothing if nobody else writes.
    pub async fn keep_coherent(self: &Arc<Self>) -> Option<JoinHandle<()>> {
        let follower = match self.storage.follow().await {
            Ok(None) => return None,
            Ok(Some(follower)) => Some(follower),
            Err(error) => {
                self.follower_failed(&error, true);
                None
            }
        };
        self.cache.coherence().share();
        // Asked at every read, the store needs no follower.
        let follows = !self.settings.max_staleness.is_zero();
        follows.then(|| tokio::spawn(follow(Arc::downgrade(self), follower, self.settings.max_staleness)))
    }

    fn follower_failed(&self, error: &dyn std::fmt::Display, is_first: bool) {
        self.metrics.cache.follower_errors.inc();
        if is_first {
            tracing::warn!(%error, "what other servers write cannot be followed; the store is asked at every read");
        }
    }

    /// Catches up once. False if the follower failed.
    async fn catch_up(&self, follower: &mut dyn Follower, is_first_failure: bool) -> bool {
        let before = self.cache.coherence().now();
        let wall = self.now();
        match follower.catch_up().await {
            Ok(names) => {
                // A name that is none of ours is not in memory either.
                for gun in names.iter().filter_map(|name| name.parse::<Gun>().ok()) {
                    self.cache.reported(&gun);
                }
                self.cache.coherence().confirm(before);
                self.metrics.cache.confirmed.set(wall.timestamp());
                true
            }
            Err(error) => {
                if matches!(error, FollowError::Lost) {
                    self.cache.distrust();
                }
                self.follower_failed(&error, is_first_failure);
                false
            }
        }
    }
}

/// Follows until nobody needs it. Makes a follower if there is none.
async fn follow(collections: Weak<Collections>, mut follower: Option<Box<dyn Follower>>, bound: Duration) {
    let mut failures: u32 = 0;
    loop {
        let Some(this) = collections.upgrade() else { return };
        if follower.is_none() {
            match this.storage.follow().await {
                Ok(made) => {
                    // It reports what is written from now on; what is in memory may be older.
                    this.cache.distrust();
                    follower = made;
                }
                Err(error) => this.follower_failed(&error, failures == 0),
            }
        }
        let caught_up = match &mut follower {
            Some(follower) => this.catch_up(follower.as_mut(), failures == 0).await,
            None => false,
        };
        drop(this);
        if caught_up {
            if failures > 0 {
                tracing::info!("what other servers write is followed again");
            }
            failures = 0;
            if let Some(follower) = &mut follower {
                follower.wait((bound / 2).max(PAUSE)).await;
            }
        } else {
            failures = failures.saturating_add(1);
            tokio::time::sleep((PAUSE * failures).min(LONGEST_PAUSE)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_everything_counts() {
        let coherence = Coherence::new(Duration::ZERO);
        assert!(coherence.vouches(Moment::NEVER, coherence.now()));
    }

    #[test]
    fn shared_only_what_is_within_the_bound_counts() {
        let coherence = Coherence::new(Duration::from_secs(3600));
        coherence.share();
        assert!(coherence.vouches(coherence.now(), coherence.now()));
        assert!(!coherence.vouches(coherence.confirmed(), coherence.now()), "nothing was confirmed yet");
        coherence.confirm(coherence.now());
        assert!(coherence.vouches(coherence.confirmed(), coherence.now()));
    }

    #[test]
    fn with_a_bound_of_zero_nothing_counts() {
        let coherence = Coherence::new(Duration::ZERO);
        coherence.share();
        assert!(!coherence.vouches(coherence.now(), coherence.now()));
    }
}
