//! Unsealed keys in memory: bounded, opened once however many ask, forgotten when deleted.
//!
//! A key that is evicted or forgotten is wiped when the last signature under way with it is done.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use libtrust::names::KeyId;
use tokio::sync::OnceCell;

use crate::keystore::KeyStoreError;
use crate::policy::HeldKey;

/// A key that can sign now.
#[derive(Debug)]
pub(crate) struct CachedKey {
    pub(crate) held: Arc<HeldKey>,
    /// Set once the store says that it marked the key used.
    pub(crate) used: OnceCell<()>,
    /// When the store was last asked and had the key. Locked while it is asked, so that one asks for all.
    pub(crate) confirmed: tokio::sync::Mutex<Instant>,
}

type Opened = Result<Option<Arc<CachedKey>>, KeyStoreError>;
type Flight = OnceCell<Opened>;

struct Boarding {
    flight: Arc<Flight>,
    tickets: usize,
}

pub(crate) struct KeyCache {
    limit: usize,
    keys: RwLock<Keys>,
    /// Keys being opened, each with everybody who waits for it.
    flights: Mutex<HashMap<KeyId, Boarding>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How well the cache does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Keys held.
    pub keys: u64,
    /// Requests that found their key in memory.
    pub hits: u64,
    /// Requests that had to open it.
    pub misses: u64,
}

#[derive(Default)]
struct Keys {
    slots: HashMap<KeyId, Slot>,
    /// Ids in the order of insertion; each is in `slots` and each of `slots` is here once.
    order: VecDeque<KeyId>,
    /// Counts what was forgotten, so that a key read from the store before it was deleted is not kept after.
    epoch: u64,
}

struct Slot {
    key: Arc<CachedKey>,
    /// Asked for since it was last considered for eviction.
    asked: AtomicBool,
}

impl KeyCache {
    /// Holds at most `limit` keys, and at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            keys: RwLock::default(),
            flights: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// The key, if it is in memory.
    pub(crate) fn peek(&self, id: &KeyId) -> Option<Arc<CachedKey>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let slot = keys.slots.get(id)?;
        slot.asked.store(true, Ordering::Relaxed);
        Some(Arc::clone(&slot.key))
    }

    /// The key from memory, or what `open` gives. Of all who ask for a key at the same time one opens it, and the
    /// others get the same answer, also if it is an error. Neither errors nor absent keys are kept.
    pub(crate) async fn get_or_open<F>(&self, id: &KeyId, open: impl FnOnce() -> F) -> Opened
    where
        F: Future<Output = Result<Option<Arc<HeldKey>>, KeyStoreError>>,
    {
        if let Some(key) = self.peek(id) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(Some(key));
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let ticket = self.board(id);
        let opened = ticket.flight.get_or_init(|| async {
            // Somebody may have finished opening it since we looked.
            if let Some(key) = self.peek(id) {
                return Ok(Some(key));
            }
            let epoch = self.keys.read().unwrap_or_else(PoisonError::into_inner).epoch;
            let asked = Instant::now();
            let Some(held) = open().await? else { return Ok(None) };
            let used = OnceCell::new_with(held.record().used.then_some(()));
            let key = Arc::new(CachedKey { held, used, confirmed: tokio::sync::Mutex::new(asked) });
            self.insert(id, &key, epoch);
            Ok(Some(key))
        });
        opened.await.clone()
    }

    /// Forgets a key. Whoever asks after this returns gets what the store says.
    pub(crate) fn forget(&self, id: &KeyId) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.epoch = keys.epoch.wrapping_add(1);
        if keys.slots.remove(id).is_some() {
            keys.order.retain(|other| other != id);
        }
        drop(keys);
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Forgets the keys that were last confirmed longer than `idle` ago: whoever uses a key confirms it.
    pub(crate) fn forget_idle(&self, idle: Duration) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        let Keys { slots, order, .. } = &mut *keys;
        // A key whose lock is taken is in use.
        slots.retain(|_, slot| slot.key.confirmed.try_lock().map_or(true, |at| at.elapsed() <= idle));
        order.retain(|id| slots.contains_key(id));
    }

    pub(crate) fn figures(&self) -> CacheFigures {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).slots.len();
        CacheFigures {
            keys: u64::try_from(keys).unwrap_or(u64::MAX),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    fn insert(&self, id: &KeyId, key: &Arc<CachedKey>, epoch: u64) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        if keys.epoch != epoch {
            return;
        }
        let slot = Slot { key: Arc::clone(key), asked: AtomicBool::new(false) };
        if keys.slots.insert(id.clone(), slot).is_none() {
            keys.order.push_back(id.clone());
        }
        keys.evict_down_to(self.limit);
    }

    fn board(&self, id: &KeyId) -> Ticket<'_> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let boarding = flights.entry(id.clone()).or_insert_with(|| Boarding { flight: Arc::default(), tickets: 0 });
        boarding.tickets += 1;
        Ticket { cache: self, id: id.clone(), flight: Arc::clone(&boarding.flight) }
    }
}

impl Keys {
    /// The oldest goes first; one that was asked for gets a second round.
    fn evict_down_to(&mut self, limit: usize) {
        while self.slots.len() > limit {
            let Some(oldest) = self.order.pop_front() else { return };
            if self.slots.get(&oldest).is_some_and(|slot| slot.asked.swap(false, Ordering::Relaxed)) {
                self.order.push_back(oldest);
            } else {
                self.slots.remove(&oldest);
            }
        }
    }
}

/// A place among those who wait for one key. The flight ends when it has an answer or nobody waits any more.
struct Ticket<'a> {
    cache: &'a KeyCache,
    id: KeyId,
    flight: Arc<Flight>,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let mut flights = self.cache.flights.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = flights.get_mut(&self.id).filter(|boarding| Arc::ptr_eq(&boarding.flight, &self.flight));
        let Some(boarding) = ours else { return };
        boarding.tickets -= 1;
        if boarding.tickets == 0 || self.flight.initialized() {
            flights.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use libtrust::dialect::notary::key_id;
    use libtrust::keys::{KeyAlgorithm, SigningKey};
    use ring::rand::SystemRandom;
    use tokio::sync::Notify;

    use super::*;
    use crate::keystore::KeyRecord;

    fn held() -> Arc<HeldKey> {
        let key = SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap();
        let record = KeyRecord {
            id: key_id(key.public_key()),
            gun: "example.org/app".parse().unwrap(),
            role: "snapshot".parse().unwrap(),
            algorithm: KeyAlgorithm::Ed25519,
            public: key.public_key().clone(),
            used: false,
        };
        Arc::new(HeldKey::bind(record, key).unwrap())
    }

    async fn put(cache: &KeyCache) -> KeyId {
        let key = held();
        let id = key.record().id.clone();
        cache.get_or_open(&id, || async { Ok(Some(key)) }).await.unwrap().unwrap();
        id
    }

    fn idle(cache: &KeyCache) -> bool {
        cache.flights.lock().unwrap().is_empty()
    }

    #[tokio::test]
    async fn no_more_keys_are_held_than_allowed_and_the_busy_ones_stay() {
        let cache = KeyCache::new(3);
        let busy = put(&cache).await;
        for _ in 0..20 {
            assert!(cache.peek(&busy).is_some());
            put(&cache).await;
            let keys = cache.keys.read().unwrap();
            assert!(keys.slots.len() <= 3 && keys.order.len() == keys.slots.len());
        }
        assert!(cache.peek(&busy).is_some());
        assert!(idle(&cache));
    }

    #[tokio::test]
    async fn an_idle_key_is_dropped_and_a_confirmed_one_stays() {
        let cache = KeyCache::new(3);
        let (idle, busy) = (put(&cache).await, put(&cache).await);
        let weak = Arc::downgrade(&cache.peek(&idle).unwrap().held);
        *cache.peek(&busy).unwrap().confirmed.lock().await += Duration::from_secs(3600);
        cache.forget_idle(Duration::ZERO);
        assert!(weak.upgrade().is_none());
        assert!(cache.peek(&busy).is_some());
        assert_eq!(cache.figures(), CacheFigures { keys: 1, hits: 0, misses: 2 });
    }

    #[tokio::test]
    async fn an_evicted_key_is_dropped() {
        let cache = KeyCache::new(0);
        let first = put(&cache).await;
        let weak = Arc::downgrade(&cache.peek(&first).unwrap().held);
        put(&cache).await;
        put(&cache).await;
        assert!(weak.upgrade().is_none());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_key_is_opened_once_however_many_ask() {
        let (cache, opened) = (Arc::new(KeyCache::new(8)), Arc::new(AtomicUsize::new(0)));
        let key = held();
        let askers: Vec<_> = (0..32)
            .map(|_| {
                let (cache, opened, key) = (Arc::clone(&cache), Arc::clone(&opened), Arc::clone(&key));
                tokio::spawn(async move {
                    let open = || async {
                        opened.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        Ok(Some(Arc::clone(&key)))
                    };
                    cache.get_or_open(&key.record().id, open).await.unwrap().unwrap()
                })
            })
            .collect();
        for asker in askers {
            asker.await.unwrap();
        }
        assert_eq!(opened.load(Ordering::SeqCst), 1);
        assert!(idle(&cache));
    }

    #[tokio::test]
    async fn errors_are_shared_by_those_who_wait_and_then_tried_again() {
        let (cache, id, gate) = (KeyCache::new(8), "k".parse().unwrap(), Notify::new());
        let failing = || async {
            gate.notified().await;
            Err(KeyStoreError::Stopped)
        };
        let never = || async { unreachable!("the first asker opens it") };
        let (first, second, ()) =
            tokio::join!(cache.get_or_open(&id, failing), cache.get_or_open(&id, never), async { gate.notify_one() });
        assert_eq!(first.unwrap_err(), KeyStoreError::Stopped);
        assert_eq!(second.unwrap_err(), KeyStoreError::Stopped);
        assert!(cache.get_or_open(&id, || async { Ok(None) }).await.unwrap().is_none());
        assert!(cache.get_or_open(&id, || async { Ok(Some(held())) }).await.unwrap().is_some());
        assert!(idle(&cache));
    }

    #[tokio::test]
    async fn a_key_forgotten_while_it_is_opened_is_not_kept() {
        let (cache, key, gate) = (KeyCache::new(8), held(), Notify::new());
        let id = key.record().id.clone();
        let slow = || async {
            gate.notified().await;
            Ok(Some(key))
        };
        let (opened, after) = tokio::join!(cache.get_or_open(&id, slow), async {
            cache.forget(&id);
            let after = cache.get_or_open(&id, || async { Ok(None) }).await;
            gate.notify_one();
            after
        });
        assert!(opened.unwrap().is_some(), "who asked before gets it");
        assert!(after.unwrap().is_none(), "who asks after does not");
        assert!(cache.peek(&id).is_none());
        assert!(idle(&cache));
    }

    #[tokio::test]
    async fn an_asker_who_gives_up_leaves_nothing_behind() {
        let (cache, key) = (KeyCache::new(8), held());
        let id = key.record().id.clone();
        let forever = cache.get_or_open(&id, std::future::pending);
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), forever).await.is_err());
        assert!(idle(&cache));
        assert!(cache.get_or_open(&id, || async { Ok(Some(key)) }).await.unwrap().is_some());
    }
}
