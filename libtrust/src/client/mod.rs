//! The client: updates a collection to what is trusted now, looks names up in it, and publishes changes.
//!
//! The rules are in [`crate::verify`]; this is the only part of the crate that does I/O, and it does it behind traits:
//! [`Transport`] (a trust server), [`Cache`] (what was trusted before), [`KeyStore`] (private keys) and [`Clock`].
#![allow(clippy::disallowed_methods, reason = "the client is where I/O belongs")]

mod bundle;
mod cache;
mod changelist;
mod clock;
mod collection;
mod credentials;
mod error;
mod folder;
mod http;
mod image;
mod keystore;
mod publish;
mod transport;
mod update;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;

pub use bundle::{Bundle, InvalidBundleFile};
pub use cache::{Cache, CacheError, FileCache, MemoryCache};
pub use changelist::{ChangelistError, Changelists, StagedChange};
pub use clock::{Clock, SystemClock};
pub use collection::{Collection, Confirmation, RootTrust, SetAside};
pub use credentials::{
    Anonymous, Credential, Credentials, CredentialsError, CredentialsRequest, DockerConfig, NotaryAuth, Secret,
};
pub use error::UpdateError;
pub use http::{
    HttpOptions, HttpOptionsError, HttpTransport, InvalidServerAddress, ServerAddress, TlsFileError, TlsOptions,
    UnaddressableName,
};
pub use image::{ImageSigner, RELEASES, TrustedImage, UntrustedImage, released_in};
pub use keystore::*;
pub use publish::{
    Init, InvalidPartialFile, NewKeys, PartialFile, Publication, PublishError, Publisher, Rotation, SignatureGroup,
    SnapshotHolder,
};
pub use transport::{MemoryTransport, Mirrors, RemoteFile, Transport, TransportError};
pub use update::Offline;

use crate::limits::Limits;
use crate::names::{Gun, RoleName};
use crate::policy::TrustPolicy;

/// Reads trust collections from one server, or its mirrors, and remembers what was trusted.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    cache: Arc<dyn Cache>,
    policy: Arc<TrustPolicy>,
    clock: Arc<dyn Clock>,
    limits: Limits,
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

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The time in whole seconds, which every reader of metadata takes.
    fn now_in_seconds(&self) -> DateTime<Utc> {
        let now = self.now();
        DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now)
    }

    /// Brings a collection up to date and gives what is trusted now. The cache is as it was if this fails.
    ///
    /// # Errors
    /// The first rule that does not hold, or why no server could be asked.
    pub async fn update(&self, gun: &Gun, offline: Offline) -> Result<Collection, UpdateError> {
        let update = update::Update {
            transport: &*self.transport,
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
