//! What a collection's current files are: load them, keep them in memory coherently, publish, renew, delete.
//!
//! Here storage, signer and the pure rules of [`crate::accept`] meet. One writer works on a collection at a time in this
//! process; that is an optimisation. What decides between writers is [`crate::storage::Storage::publish`].

mod cache;
mod coherence;
mod current;
mod delegators;
mod error;
mod ground;
mod keys;
mod locks;
mod pauses;
mod publish;
mod read;
mod renew;
mod served;
mod sign;
mod target;

use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use libtrust::dialect::Dialect;
use libtrust::keys::KeyAlgorithm;
use libtrust::limits::Limits;
use tokio::sync::Semaphore;

use crate::signer::OnlineSigner;
use crate::storage::Storage;
use crate::telemetry::metrics::CollectionMetrics;

pub(crate) use cache::FileName;
pub use current::Current;
pub(crate) use current::{decode, file_name};
pub use error::{PublishFailure, ReadFailure};
pub(crate) use keys::held_as;
pub use renew::Renewal;
pub use served::ServedFile;

/// Tells the time; an argument so that tests can choose it.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// What [`Collections`] can be told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Bounds on each uploaded file.
    pub limits: Limits,
    /// The algorithm of new online keys.
    pub key_algorithm: KeyAlgorithm,
    /// How many bytes of files may be kept in memory.
    pub cache_bytes: u64,
    /// How long a file may be served from memory after another process replaced it. Zero asks the store at each read.
    /// Nothing is asked as long as no other process writes.
    pub max_staleness: Duration,
    /// A timestamp older than this is renewed in the background.
    pub renew_after: TimeDelta,
    /// A server-held snapshot with less life left than this is renewed together with its timestamp.
    pub snapshot_margin: TimeDelta,
}

/// How many large uploads are judged at once.
const LARGE_AT_ONCE: usize = 2;

/// All collections of this server in one dialect.
pub struct Collections {
    dialect: Dialect,
    storage: Arc<dyn Storage>,
    signer: Arc<dyn OnlineSigner>,
    clock: Clock,
    settings: Settings,
    cache: cache::Cache,
    locks: locks::Locks,
    metrics: Arc<CollectionMetrics>,
    /// Turns for judging large uploads.
    large: Semaphore,
    pauses: pauses::Pauses,
    /// Shuffles walks: servers on one database then seldom sign the same timestamp.
    order: RandomState,
}

impl Collections {
    /// Puts storage and signer together.
    #[must_use]
    pub fn new(
        dialect: Dialect,
        storage: Arc<dyn Storage>,
        signer: Arc<dyn OnlineSigner>,
        clock: Clock,
        settings: Settings,
        metrics: Arc<CollectionMetrics>,
    ) -> Self {
        let coherence = coherence::Coherence::new(settings.max_staleness);
        let cache = cache::Cache::new(settings.cache_bytes, coherence, metrics.clone());
        Self {
            dialect,
            storage,
            signer,
            clock,
            settings,
            cache,
            locks: locks::Locks::default(),
            metrics,
            large: Semaphore::new(LARGE_AT_ONCE),
            pauses: pauses::Pauses::default(),
            order: RandomState::new(),
        }
    }

    /// How they are spelled.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The store behind the collections.
    #[must_use]
    pub fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }

    /// The signer behind the collections.
    #[must_use]
    pub fn signer(&self) -> &dyn OnlineSigner {
        self.signer.as_ref()
    }

    fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }
}
