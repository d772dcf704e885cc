//! The promises of [`KeyStore`], as tests that run on each backend.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtrust::dialect::notary::key_id;
use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::names::{KeyId, RoleName};
use ring::rand::SystemRandom;

use super::{KeyRecord, KeyStore, MakeKey};
use crate::policy::SignRequest;

const GUN: &str = "example.org/team/app";

/// Makes a test of each promise. `$store` is an async function giving something to keep alive and an empty store.
macro_rules! tests {
    ($store:path) => {
        $crate::keystore::contract::tests!(@each $store:
            a_pending_key_is_handed_out_until_it_is_used,
            a_deleted_pending_key_makes_room_for_another,
            purposes_have_keys_of_their_own,
            parallel_requests_get_one_key,
            a_pending_key_means_no_new_one_is_made,
            a_used_key_stays_used,
            deletion_is_exact_and_final,
            keys_open_to_what_was_made,
            unknown_keys_are_absent_not_errors,
            a_healthy_store_passes_its_check,
        );
    };
    (@each $store:path: $($promise:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (_alive, store) = $store().await;
                $crate::keystore::contract::$promise(std::sync::Arc::new(store)).await;
            }
        )*
    };
}
pub(crate) use tests;

type Store = Arc<dyn KeyStore>;

pub(crate) fn make(algorithm: KeyAlgorithm) -> MakeKey {
    Box::new(move || SigningKey::generate(algorithm, &SystemRandom::new()))
}

async fn pending(store: &Store, gun: &str, role: RoleName, algorithm: KeyAlgorithm) -> KeyRecord {
    let gun = gun.parse().unwrap();
    let record = store.pending(&gun, &role, algorithm, make(algorithm)).await.unwrap();
    assert_eq!((&record.gun, &record.role, record.algorithm, record.used), (&gun, &role, algorithm, false));
    assert_eq!(record.id, key_id(&record.public));
    record
}

async fn timestamp(store: &Store, gun: &str) -> KeyRecord {
    pending(store, gun, RoleName::Timestamp, KeyAlgorithm::Ecdsa).await
}

fn unknown() -> KeyId {
    "0".repeat(64).parse().unwrap()
}

pub(crate) async fn a_pending_key_is_handed_out_until_it_is_used(store: Store) {
    let first = timestamp(&store, GUN).await;
    assert_eq!(timestamp(&store, GUN).await, first);
    store.by_id(&first.id).await.unwrap();
    store.open(&first.id).await.unwrap();
    assert_eq!(timestamp(&store, GUN).await, first, "looking at a key does not use it");
    assert!(store.mark_used(&first.id).await.unwrap());
    let second = timestamp(&store, GUN).await;
    assert_ne!(second.id, first.id);
    assert_eq!(timestamp(&store, GUN).await, second);
}

pub(crate) async fn a_deleted_pending_key_makes_room_for_another(store: Store) {
    let first = timestamp(&store, GUN).await;
    assert!(store.delete(&first.id).await.unwrap());
    assert_ne!(timestamp(&store, GUN).await.id, first.id);
}

pub(crate) async fn purposes_have_keys_of_their_own(store: Store) {
    let mut ids = HashSet::new();
    for gun in [GUN, "example.org/team/App", "example.org/team/ap", "example.org/team/app2", "example.org/team/app "] {
        for role in [RoleName::Snapshot, RoleName::Timestamp] {
            for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
                let record = pending(&store, gun, role.clone(), algorithm).await;
                assert!(ids.insert(record.id.clone()), "{gun:?} {role} {algorithm}");
                assert_eq!(store.by_id(&record.id).await.unwrap().unwrap(), record);
            }
        }
    }
}

pub(crate) async fn parallel_requests_get_one_key(store: Store) {
    for _ in 0..4 {
        let asked: Vec<_> = (0..16)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { timestamp(&store, GUN).await.id })
            })
            .collect();
        let mut ids = HashSet::new();
        for answer in asked {
            ids.insert(answer.await.unwrap());
        }
        assert_eq!(ids.len(), 1);
        assert!(store.mark_used(ids.iter().next().unwrap()).await.unwrap());
    }
}

pub(crate) async fn a_pending_key_means_no_new_one_is_made(store: Store) {
    let made = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let made = Arc::clone(&made);
        let counting: MakeKey = Box::new(move || {
            made.fetch_add(1, Ordering::SeqCst);
            SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new())
        });
        let role = RoleName::Snapshot;
        store.pending(&GUN.parse().unwrap(), &role, KeyAlgorithm::Ed25519, counting).await.unwrap();
    }
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

pub(crate) async fn a_used_key_stays_used(store: Store) {
    let record = timestamp(&store, GUN).await;
    for _ in 0..3 {
        assert!(store.mark_used(&record.id).await.unwrap());
        assert!(store.by_id(&record.id).await.unwrap().unwrap().used);
    }
}

pub(crate) async fn deletion_is_exact_and_final(store: Store) {
    let (doomed, kept) = (timestamp(&store, GUN).await, timestamp(&store, "example.org/other").await);
    store.mark_used(&doomed.id).await.unwrap();
    for near in [&doomed.id.as_str()[..63], &doomed.id.as_str().to_uppercase(), "%", &"_".repeat(64)] {
        assert!(!store.delete(&near.parse().unwrap()).await.unwrap(), "{near}");
    }
    assert!(store.delete(&doomed.id).await.unwrap());
    assert!(!store.delete(&doomed.id).await.unwrap());
    assert!(store.by_id(&doomed.id).await.unwrap().is_none());
    assert!(store.open(&doomed.id).await.unwrap().is_none());
    assert!(!store.mark_used(&doomed.id).await.unwrap());
    assert_eq!(store.by_id(&kept.id).await.unwrap().unwrap(), kept);
}

pub(crate) async fn keys_open_to_what_was_made(store: Store) {
    for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
        let record = pending(&store, GUN, RoleName::Snapshot, algorithm).await;
        let held = store.open(&record.id).await.unwrap().unwrap();
        assert_eq!(held.record(), &record);
        let KeyRecord { id, gun, role, public, .. } = &record;
        let request = SignRequest { key_id: id, gun: Some(gun), role: Some(role), message: b"message" };
        let signature = held.approve(&request, 100).unwrap().sign(&SystemRandom::new()).unwrap();
        let verifying = public.verifying_key().unwrap();
        assert_eq!(verifying.verify(&signature.scheme, b"message", &signature.bytes), Ok(()));
    }
}

pub(crate) async fn unknown_keys_are_absent_not_errors(store: Store) {
    timestamp(&store, GUN).await;
    assert!(store.by_id(&unknown()).await.unwrap().is_none());
    assert!(store.open(&unknown()).await.unwrap().is_none());
    assert!(!store.mark_used(&unknown()).await.unwrap());
    assert!(!store.delete(&unknown()).await.unwrap());
}

pub(crate) async fn a_healthy_store_passes_its_check(store: Store) {
    store.check().await.unwrap();
    timestamp(&store, GUN).await;
    store.check().await.unwrap();
}
