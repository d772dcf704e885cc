//! Whether the signer can do its work: what the last look at the key store said, and when.
//!
//! One task looks once a second; whoever asks reads the result. A look that never ends makes the result old, and an old
//! result is as bad as a bad one.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::signer::Signer;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// A look that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);
/// What was seen longer ago says nothing about now.
const STALE: Duration = Duration::from_secs(5);

/// What the last look at the key store said. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<RwLock<Option<Look>>>);

#[derive(Debug, Clone, Copy)]
struct Look {
    when: Instant,
    is_good: bool,
}

impl Health {
    /// Not serving until the first [`Health::look`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether keys can be read, as far as is known.
    #[must_use]
    pub fn is_serving(&self) -> bool {
        self.was_good_within(STALE)
    }

    fn was_good_within(&self, age: Duration) -> bool {
        let last = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last.is_good && last.when.elapsed() < age)
    }

    /// Looks once. Says in the log when what it sees has changed.
    pub async fn look(&self, signer: &Signer) {
        let fault = match timeout(PATIENCE, signer.check()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it does not answer".to_owned()),
        };
        let look = Look { when: Instant::now(), is_good: fault.is_none() };
        let before = self.0.write().unwrap_or_else(PoisonError::into_inner).replace(look);
        match (before.map(|look| look.is_good), fault) {
            (None | Some(true), Some(error)) => tracing::error!(error, "the key store cannot be read"),
            (Some(false), None) => tracing::warn!("the key store can be read again"),
            _ => {}
        }
    }

    /// Looks once a second, for as long as it is polled.
    pub async fn keep_looking(self, signer: Arc<Signer>) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(&signer).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keystore::MemoryKeyStore;
    use crate::signer::SignerLimits;

    #[tokio::test]
    async fn an_old_look_says_nothing() {
        let signer = Signer::new(Arc::new(MemoryKeyStore::new()), SignerLimits::default());
        let health = Health::new();
        assert!(!health.is_serving());
        health.look(&signer).await;
        assert!(health.is_serving());
        assert!(!health.was_good_within(Duration::ZERO));
    }
}
