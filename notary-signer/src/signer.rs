//! The service: create, look up, sign, delete. A server in the same process and a network face both stand on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtrust::keys::{KeyAlgorithm, PublicKey, Signature, SigningFailed, SigningKey};
use libtrust::names::{Gun, KeyId, RoleName};
use ring::rand::SystemRandom;

pub use crate::key_cache::CacheFigures;
use crate::key_cache::{CachedKey, KeyCache};
use crate::keystore::{KeyRecord, KeyStore, KeyStoreError};
use crate::policy::{NotSigned, Refusal, SignRequest, signs_online};

/// The target of the audit events: one before and one after each signature, creation and deletion, with GUN, role and
/// key id, never content.
pub const AUDIT: &str = "audit";

/// Bounds on what a [`Signer`] holds and signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignerLimits {
    /// Most unsealed keys kept in memory, about 1 KiB each; at least one is. 4,096.
    pub cached_keys: usize,
    /// Largest message signed, in bytes: 100 MiB, as large as a metadata file may be. Stops endless hashing.
    pub message_bytes: usize,
    /// How long an unsealed key is used before the store is asked again whether it still has it: 5 seconds. So long may
    /// a key sign that was deleted by another process. Zero asks before each signature.
    pub recheck: Duration,
    /// How long an unsealed key stays in memory without being used: an hour. See [`Signer::forget_idle`].
    pub idle: Duration,
}

impl Default for SignerLimits {
    fn default() -> Self {
        Self {
            cached_keys: 4096,
            message_bytes: 100 << 20,
            recheck: Duration::from_secs(5),
            idle: Duration::from_secs(3600),
        }
    }
}

/// Holds online keys and signs with them what the policy allows.
///
/// A key that was opened stays in memory until it is evicted, idle, deleted or the signer is dropped. A signature with a
/// warm key needs no passphrase, and touches the store once per [`SignerLimits::recheck`].
pub struct Signer {
    store: Arc<dyn KeyStore>,
    cache: KeyCache,
    limits: SignerLimits,
    random: SystemRandom,
}

impl Signer {
    /// A signer over the keys of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn KeyStore>, limits: SignerLimits) -> Self {
        Self { store, cache: KeyCache::new(limits.cached_keys), limits, random: SystemRandom::new() }
    }

    /// The pending key of this GUN, role and algorithm, made if there is none. It was opened, so it can sign now.
    ///
    /// # Errors
    /// [`SignError::Refused`] for other roles than snapshot and timestamp, else when the store failed or the pending
    /// key does not open.
    pub async fn create_key(
        &self,
        gun: &Gun,
        role: &RoleName,
        algorithm: KeyAlgorithm,
    ) -> Result<PublicKey, SignError> {
        tracing::info!(target: AUDIT, { gun.name = %gun, role.name = %role }, "creating a key");
        let outcome = self.created(gun, role, algorithm).await;
        match &outcome {
            Ok(record) => tracing::info!(
                target: AUDIT, { gun.name = %gun, role.name = %role, key.id = %record.id }, "created a key"
            ),
            Err(error) => {
                tracing::warn!(target: AUDIT, { gun.name = %gun, role.name = %role, %error }, "no key created");
            }
        }
        Ok(outcome?.public)
    }

    async fn created(&self, gun: &Gun, role: &RoleName, algorithm: KeyAlgorithm) -> Result<KeyRecord, SignError> {
        signs_online(role)?;
        let random = self.random.clone();
        let make = Box::new(move || SigningKey::generate(algorithm, &random));
        let record = self.store.pending(gun, role, algorithm, make).await?;
        // A key that cannot be opened must not get into anybody's root.
        self.key(&record.id).await?;
        Ok(record)
    }

    /// The public key with this id, if there is one.
    ///
    /// # Errors
    /// When the store failed or the key's row cannot be read.
    pub async fn public_key(&self, id: &KeyId) -> Result<Option<PublicKey>, SignError> {
        Ok(self.record(id).await?.map(|record| record.public))
    }

    /// What the key with this id was made for, if there is one. Whether it was used is as of when it was last read.
    ///
    /// # Errors
    /// When the store failed or the key's row cannot be read.
    pub async fn record(&self, id: &KeyId) -> Result<Option<KeyRecord>, SignError> {
        if let Some(key) = self.cache.peek(id) {
            return Ok(self.is_still_there(&key).await?.then(|| key.held.record().clone()));
        }
        Ok(self.store.by_id(id).await?)
    }

    /// Signs. Before its first signature a key is durably marked used, so that it is not handed out as new again; if
    /// that fails, nothing is signed.
    ///
    /// # Errors
    /// [`SignError::UnknownKey`] if there is no such key, [`SignError::Refused`] if the policy says no, else when the
    /// store failed or the key does not open.
    pub async fn sign(&self, request: SignRequest<'_>) -> Result<Signature, SignError> {
        let key_id = request.key_id;
        let outcome = self.sign_approved(request).await;
        if let Err(error) = &outcome {
            let held = self.cache.peek(key_id).map(|key| Arc::clone(&key.held));
            let own = held.as_ref().map(|held| held.record());
            let gun = request.gun.or(own.map(|own| &own.gun)).map(tracing::field::display);
            let role = request.role.or(own.map(|own| &own.role)).map(tracing::field::display);
            tracing::warn!(
                target: AUDIT, { gun.name = gun, role.name = role, key.id = %key_id, %error }, "not signed"
            );
        }
        outcome
    }

    /// Deletes exactly this key, in the store and in memory. False if there is no such key.
    ///
    /// # Errors
    /// When the store failed; the key may be deleted or not.
    pub async fn delete_key(&self, id: &KeyId) -> Result<bool, SignError> {
        tracing::info!(target: AUDIT, { key.id = %id }, "deleting a key");
        let deleted = self.store.delete(id).await;
        // Also after a failure: the store may have done it.
        self.cache.forget(id);
        match &deleted {
            Ok(true) => tracing::info!(target: AUDIT, { key.id = %id }, "deleted a key"),
            Ok(false) => tracing::info!(target: AUDIT, { key.id = %id }, "there was no key to delete"),
            Err(error) => tracing::warn!(target: AUDIT, { key.id = %id, %error }, "perhaps deleted a key"),
        }
        Ok(deleted?)
    }

    /// Proves that keys can be read.
    ///
    /// # Errors
    /// When they cannot.
    pub async fn check(&self) -> Result<(), SignError> {
        Ok(self.store.check().await?)
    }

    /// Wipes the unsealed keys that nobody used for [`SignerLimits::idle`]. To be called now and then.
    pub fn forget_idle(&self) {
        self.cache.forget_idle(self.limits.idle);
    }

    /// How well the cache of unsealed keys does.
    #[must_use]
    pub fn cache_figures(&self) -> CacheFigures {
        self.cache.figures()
    }

    /// Lets go of the store. Calls after it may fail.
    pub async fn close(&self) {
        self.store.close().await;
    }

    async fn sign_approved(&self, request: SignRequest<'_>) -> Result<Signature, SignError> {
        let key_id = request.key_id;
        let key = self.key(key_id).await?;
        let KeyRecord { gun, role, .. } = key.held.record();
        let approved = key.held.approve(&request, self.limits.message_bytes)?;
        tracing::info!(target: AUDIT, { gun.name = %gun, role.name = %role, key.id = %key_id }, "signing");
        key.used.get_or_try_init(|| self.mark_used(key_id)).await?;
        let signature = approved.sign(&self.random)?;
        tracing::info!(target: AUDIT, { gun.name = %gun, role.name = %role, key.id = %key_id }, "signed");
        Ok(signature)
    }

    async fn key(&self, id: &KeyId) -> Result<Arc<CachedKey>, SignError> {
        let unknown = || SignError::UnknownKey(id.clone());
        let key = self.cache.get_or_open(id, || self.store.open(id)).await?.ok_or_else(unknown)?;
        if self.is_still_there(&key).await? { Ok(key) } else { Err(unknown()) }
    }

    /// Asks the store whether it still has a key, unless it said so a moment ago; forgets the key if not.
    async fn is_still_there(&self, key: &CachedKey) -> Result<bool, KeyStoreError> {
        let mut confirmed = key.confirmed.lock().await;
        if confirmed.elapsed() < self.limits.recheck {
            return Ok(true);
        }
        let (asked, id) = (Instant::now(), &key.held.record().id);
        let is_there = self.store.by_id(id).await?.is_some();
        if is_there {
            *confirmed = asked;
        } else {
            self.cache.forget(id);
        }
        Ok(is_there)
    }

    async fn mark_used(&self, id: &KeyId) -> Result<(), SignError> {
        if self.store.mark_used(id).await? {
            return Ok(());
        }
        // Deleted by another process since we opened it.
        self.cache.forget(id);
        Err(SignError::UnknownKey(id.clone()))
    }
}

/// Why there is no signature, or no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// There is no such key.
    #[error("there is no key {0}")]
    UnknownKey(KeyId),
    /// The policy says no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The key store failed.
    #[error(transparent)]
    Store(#[from] KeyStoreError),
    /// The cryptographic library failed.
    #[error(transparent)]
    Signing(#[from] SigningFailed),
}

impl From<NotSigned> for SignError {
    fn from(cause: NotSigned) -> Self {
        match cause {
            NotSigned::Library(cause) => Self::Signing(cause),
            NotSigned::Store(cause) => Self::Store(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use async_trait::async_trait;
    use libtrust::dialect::notary::key_id;

    use super::*;
    use crate::keystore::{KeyRecord, MakeKey, MemoryKeyStore};
    use crate::policy::HeldKey;

    /// Counts calls and fails when told to.
    #[derive(Default)]
    struct Watched {
        inner: MemoryKeyStore,
        opened: AtomicUsize,
        marked: AtomicUsize,
        read: AtomicUsize,
        refuse_marks: AtomicBool,
    }

    #[async_trait]
    impl KeyStore for Watched {
        async fn pending(
            &self,
            gun: &Gun,
            role: &RoleName,
            algorithm: KeyAlgorithm,
            make: MakeKey,
        ) -> Result<KeyRecord, KeyStoreError> {
            self.inner.pending(gun, role, algorithm, make).await
        }

        async fn by_id(&self, id: &KeyId) -> Result<Option<KeyRecord>, KeyStoreError> {
            self.read.fetch_add(1, Ordering::SeqCst);
            self.inner.by_id(id).await
        }

        async fn open(&self, id: &KeyId) -> Result<Option<Arc<HeldKey>>, KeyStoreError> {
            self.opened.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.inner.open(id).await
        }

        async fn mark_used(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
            if self.refuse_marks.load(Ordering::SeqCst) {
                return Err(KeyStoreError::Database { action: "mark", reason: "told to".to_owned() });
            }
            self.marked.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.inner.mark_used(id).await
        }

        async fn delete(&self, id: &KeyId) -> Result<bool, KeyStoreError> {
            self.inner.delete(id).await
        }

        async fn check(&self) -> Result<(), KeyStoreError> {
            self.inner.check().await
        }
    }

    fn signer() -> (Arc<Watched>, Signer) {
        let store = Arc::new(Watched::default());
        (Arc::clone(&store), Signer::new(store, SignerLimits { message_bytes: 100, ..SignerLimits::default() }))
    }

    fn gun() -> Gun {
        "example.org/app".parse().unwrap()
    }

    async fn new_key(signer: &Signer) -> (KeyId, PublicKey) {
        let key = signer.create_key(&gun(), &RoleName::Timestamp, KeyAlgorithm::Ecdsa).await.unwrap();
        (key_id(&key), key)
    }

    async fn sign(signer: &Signer, id: &KeyId, message: &[u8]) -> Result<Signature, SignError> {
        let (gun, role) = (gun(), RoleName::Timestamp);
        signer.sign(SignRequest { key_id: id, gun: Some(&gun), role: Some(&role), message }).await
    }

    #[tokio::test]
    async fn a_created_key_is_found_and_signs() {
        let (_, signer) = signer();
        let (id, public) = new_key(&signer).await;
        assert_eq!(signer.public_key(&id).await.unwrap().as_ref(), Some(&public));
        let signature = sign(&signer, &id, b"message").await.unwrap();
        assert_eq!(signature.key_id, id);
        let verifying = public.verifying_key().unwrap();
        assert_eq!(verifying.verify(&signature.scheme, b"message", &signature.bytes), Ok(()));
    }

    #[tokio::test]
    async fn a_key_that_signed_is_not_handed_out_again() {
        let (_, signer) = signer();
        let (id, _) = new_key(&signer).await;
        assert_eq!(new_key(&signer).await.0, id);
        sign(&signer, &id, b"message").await.unwrap();
        assert_ne!(new_key(&signer).await.0, id);
    }

    #[tokio::test]
    async fn nothing_is_signed_before_the_key_is_marked_used() {
        let (store, signer) = signer();
        let (id, _) = new_key(&signer).await;
        store.refuse_marks.store(true, Ordering::SeqCst);
        assert!(matches!(sign(&signer, &id, b"message").await, Err(SignError::Store(_))));
        assert_eq!(new_key(&signer).await.0, id, "still pending");
        store.refuse_marks.store(false, Ordering::SeqCst);
        sign(&signer, &id, b"message").await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_signatures_cost_one_opening_and_one_write() {
        let (store, first) = signer();
        let (id, _) = new_key(&first).await;
        let opened = store.opened.load(Ordering::SeqCst);
        let cold = Arc::new(Signer::new(Arc::clone(&store) as Arc<dyn KeyStore>, SignerLimits::default()));
        let asked: Vec<_> = (0..32)
            .map(|_| {
                let (signer, id) = (Arc::clone(&cold), id.clone());
                tokio::spawn(async move { sign(&signer, &id, b"message").await.unwrap() })
            })
            .collect();
        for answer in asked {
            answer.await.unwrap();
        }
        assert_eq!(store.opened.load(Ordering::SeqCst), opened + 1);
        assert_eq!(store.marked.load(Ordering::SeqCst), 1);
        cold.public_key(&id).await.unwrap().unwrap();
        assert_eq!(store.read.load(Ordering::SeqCst), 0, "a warm key needs no store");
    }

    #[tokio::test]
    async fn a_deleted_key_signs_no_more() {
        let (_, signer) = signer();
        let (id, _) = new_key(&signer).await;
        sign(&signer, &id, b"message").await.unwrap();
        assert!(signer.delete_key(&id).await.unwrap());
        assert_eq!(sign(&signer, &id, b"message").await, Err(SignError::UnknownKey(id.clone())));
        assert_eq!(signer.public_key(&id).await.unwrap(), None);
        assert!(!signer.delete_key(&id).await.unwrap());
    }

    #[tokio::test]
    async fn a_key_deleted_by_another_process_before_its_first_signature_signs_nothing() {
        let (store, signer) = signer();
        let (id, _) = new_key(&signer).await;
        store.inner.delete(&id).await.unwrap();
        assert_eq!(sign(&signer, &id, b"message").await, Err(SignError::UnknownKey(id)));
    }

    fn rechecking(recheck: Duration) -> (Arc<Watched>, Signer) {
        let store = Arc::new(Watched::default());
        (Arc::clone(&store), Signer::new(store, SignerLimits { recheck, ..SignerLimits::default() }))
    }

    #[tokio::test]
    async fn a_warm_key_deleted_by_another_process_signs_no_longer_than_the_recheck_time() {
        let (store, signer) = rechecking(Duration::ZERO);
        let (id, _) = new_key(&signer).await;
        sign(&signer, &id, b"message").await.unwrap();
        let weak = Arc::downgrade(&signer.cache.peek(&id).unwrap().held);
        store.inner.delete(&id).await.unwrap();
        assert_eq!(signer.record(&id).await.unwrap(), None);
        assert_eq!(sign(&signer, &id, b"message").await, Err(SignError::UnknownKey(id)));
        assert!(weak.upgrade().is_none(), "and it is wiped");
    }

    #[tokio::test]
    async fn a_warm_key_is_looked_for_once_per_recheck_time() {
        for (recheck, looks) in [(Duration::ZERO, 10), (Duration::from_secs(3600), 0)] {
            let (store, signer) = rechecking(recheck);
            let (id, _) = new_key(&signer).await;
            store.read.store(0, Ordering::SeqCst);
            for _ in 0..10 {
                sign(&signer, &id, b"message").await.unwrap();
            }
            assert_eq!(store.read.load(Ordering::SeqCst), looks);
        }
    }

    #[tokio::test]
    async fn keys_of_people_are_not_made() {
        let (_, signer) = signer();
        for role in ["root", "targets", "targets/releases"] {
            let refused = signer.create_key(&gun(), &role.parse().unwrap(), KeyAlgorithm::Ecdsa).await;
            assert!(matches!(refused, Err(SignError::Refused(Refusal::Role { .. }))));
        }
    }

    #[tokio::test]
    async fn another_gun_and_unsuitable_messages_are_refused_without_using_the_key() {
        let (store, signer) = signer();
        let (id, _) = new_key(&signer).await;
        let other = "example.org/ap".parse().unwrap();
        let request =
            SignRequest { key_id: &id, gun: Some(&other), role: Some(&RoleName::Timestamp), message: b"message" };
        assert!(matches!(signer.sign(request).await, Err(SignError::Refused(Refusal::OtherPurpose { .. }))));
        assert_eq!(sign(&signer, &id, b"").await, Err(SignError::Refused(Refusal::EmptyMessage)));
        let too_large = Refusal::MessageTooLarge { bytes: 101, limit: 100 };
        assert_eq!(sign(&signer, &id, &[1; 101]).await, Err(SignError::Refused(too_large)));
        assert_eq!(store.marked.load(Ordering::SeqCst), 0);
    }
}
