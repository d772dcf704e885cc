//! The client that reads: one server or its mirrors, one cache, one policy.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;

use super::update::Update;
use super::{Cache, Clock, Collection, Offline, SystemClock, Transport, TransportError, UpdateError};
use crate::limits::Limits;
use crate::names::{Gun, RoleName};
use crate::policy::TrustPolicy;

/// Reads trust collections from one server, or its mirrors, and remembers what was trusted.
#[derive(Clone)]
pub struct Client {
    pub(super) transport: Arc<dyn Transport>,
    cache: Arc<dyn Cache>,
    policy: Arc<TrustPolicy>,
    clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
}

impl Client {
    /// A client with the machine's clock that trusts on first use; see [`Client::with_policy`].
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, cache: Arc<dyn Cache>) -> Self {
        let policy = Arc::new(TrustPolicy::trust_on_first_use());
        Self { transport, cache, policy, clock: Arc::new(SystemClock), limits: Limits::default() }
    }

    /// With other rules about what is trusted.
    #[must_use]
    pub fn with_policy(self, policy: TrustPolicy) -> Self {
        Self { policy: Arc::new(policy), ..self }
    }

    /// With another server.
    #[must_use]
    pub fn with_transport(self, transport: Arc<dyn Transport>) -> Self {
        Self { transport, ..self }
    }

    /// With another clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// The rules about what is trusted.
    #[must_use]
    pub fn policy(&self) -> &TrustPolicy {
        &self.policy
    }

    /// The server.
    #[must_use]
    pub fn transport(&self) -> &dyn Transport {
        &*self.transport
    }

    /// The cache.
    #[must_use]
    pub fn cache(&self) -> &dyn Cache {
        &*self.cache
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The time in whole seconds, which every reader of metadata takes.
    pub(super) fn now_in_seconds(&self) -> DateTime<Utc> {
        let now = self.now();
        DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now)
    }

    /// Brings a collection up to date and gives what is trusted now. The cache is as it was if this fails.
    ///
    /// # Errors
    /// The first rule that does not hold, or why no server could be asked.
    pub async fn update(&self, gun: &Gun, offline: Offline) -> Result<Collection, UpdateError> {
        let for_update = self.transport.for_update();
        let update = Update {
            transport: for_update.as_deref().unwrap_or(&*self.transport),
            cache: &*self.cache,
            rules: self.policy.rules(gun),
            limits: &self.limits,
            gun,
            now: self.clock.now(),
            offline,
            cached: Mutex::new(BTreeMap::new()),
        };
        update.run().await
    }

    /// What is trusted by the cache alone, without a server and without waiting: for programs that are not asynchronous,
    /// and for looking again.
    ///
    /// # Errors
    /// As [`Client::update`]; [`UpdateError::NotCached`] if the collection was never updated here.
    pub fn cached(&self, gun: &Gun) -> Result<Collection, UpdateError> {
        let never_waits = self.update(gun, Offline::Always).now_or_never();
        never_waits.unwrap_or_else(|| Err(UpdateError::NotCached { gun: gun.clone(), role: RoleName::Root }))
    }

    /// As [`Client::update`], for programs that are not asynchronous: waits in this thread.
    ///
    /// # Errors
    /// As [`Client::update`].
    ///
    /// # Panics
    /// In a thread that runs asynchronous tasks.
    pub fn update_blocking(&self, gun: &Gun, offline: Offline) -> Result<Collection, UpdateError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|cause| TransportError::Unreachable {
            server: self.transport.name().to_owned(),
            cause: cause.to_string(),
        })?;
        runtime.block_on(self.update(gun, offline))
    }
}
