//! Many at once, and callers that go away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::JoinSet;

use super::{at, file, file_of, full_set, gun, newest_version, role, version};
use crate::storage::{Base, ChangeCursor, ChangePage, NewFile, PublishError, Sha256, Storage};

pub async fn of_racing_publishers_exactly_one_wins(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    for number in 1..=5 {
        let mut race = JoinSet::new();
        for racer in 0..32 {
            let (store, gun) = (store.clone(), gun.clone());
            race.spawn(async move {
                // Each brings a role of its own, so that a loser would leave a trace.
                let own = file_of(&format!("targets/r{racer}"), number, format!("racer {racer}"));
                let shared = file_of("timestamp", number, format!("timestamp of racer {racer} at {number}"));
                (racer, store.publish(&gun, Base::Any, vec![own, shared], at(0)).await)
            });
        }
        let mut winners = Vec::new();
        for (racer, result) in race.join_all().await {
            match result {
                Ok(()) => winners.push(racer),
                Err(PublishError::Conflict { stored, .. }) => assert_eq!(stored, version(number)),
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(winners.len(), 1, "version {number}");
        let stored = store.newest(&gun, &role("timestamp")).await.unwrap().unwrap();
        assert_eq!(stored.bytes, format!("timestamp of racer {} at {number}", winners[0]));
        for racer in 0..32 {
            let own = store.by_version(&gun, &role(&format!("targets/r{racer}")), version(number)).await.unwrap();
            assert_eq!(own.is_some(), racer == winners[0], "racer {racer}");
        }
    }
    let page = ChangePage { gun: None, from: ChangeCursor::After(0), limit: 100 };
    assert_eq!(store.changes(&page).await.unwrap().len(), 5);
}

pub async fn publishers_of_different_guns_do_not_disturb_each_other(store: Arc<dyn Storage>) {
    let mut publishers = JoinSet::new();
    for publisher in 0..16 {
        let store = store.clone();
        publishers.spawn(async move {
            let gun = gun(&format!("ex.test/{publisher}"));
            for number in 1..=8 {
                store.publish(&gun, Base::Any, full_set(number), at(0)).await.unwrap();
                // Read your own write, at once.
                assert_eq!(newest_version(&*store, &gun, "timestamp").await, Some(number));
                // A refusal in a shared commit hurts nobody else.
                store.publish(&gun, Base::Any, full_set(number), at(0)).await.unwrap_err();
            }
            if publisher % 2 == 0 {
                assert!(store.delete(&gun, at(1)).await.unwrap());
            }
        });
    }
    publishers.join_all().await;
    for publisher in 0..16 {
        let expected = (publisher % 2 == 1).then_some(8);
        assert_eq!(newest_version(&*store, &gun(&format!("ex.test/{publisher}")), "root").await, expected);
    }
}

/// A set whose timestamp holds the digests of the others, as a real one does. It comes first, so that a backend that
/// stores one by one is caught.
fn linked_set(number: u64) -> Vec<NewFile> {
    let others = [file("root", number), file("targets", number), file("snapshot", number)];
    let digests: Vec<u8> = others.iter().flat_map(|file| file.sha256).collect();
    let mut files = vec![file_of("timestamp", number, digests)];
    files.extend(others);
    files
}

/// The version of the newest timestamp, after proving that everything it names is there.
async fn complete_set(store: &dyn Storage, gun_text: &str) -> Option<u64> {
    let gun = gun(gun_text);
    let timestamp = store.newest(&gun, &role("timestamp")).await.unwrap()?;
    for (digest, name) in timestamp.bytes.as_chunks::<32>().0.iter().zip(["root", "targets", "snapshot"]) {
        let digest: &Sha256 = digest;
        let found = store.by_checksum(&gun, &role(name), digest).await.unwrap();
        let found = found.unwrap_or_else(|| panic!("{name} named by timestamp {} is missing", timestamp.version));
        assert_eq!(found.version, timestamp.version);
    }
    Some(timestamp.version.get())
}

pub async fn readers_never_see_part_of_a_publication(store: Arc<dyn Storage>) {
    const LAST: u64 = 60;
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        readers.spawn(async move {
            let mut seen = 0;
            while seen < LAST {
                let now = complete_set(&*store, "ex.test/a").await.unwrap_or(0);
                assert!(now >= seen, "version {seen} was followed by {now}");
                seen = now;
                tokio::task::yield_now().await;
            }
        });
    }
    for number in 1..=LAST {
        store.publish(&gun("ex.test/a"), Base::Any, linked_set(number), at(0)).await.unwrap();
    }
    readers.join_all().await;
}

pub async fn a_dropped_publication_is_stored_whole_or_not_at_all(store: Arc<dyn Storage>) {
    for polls in 0..6 {
        let text = format!("ex.test/{polls}");
        let gun = gun(&text);
        {
            let mut publication = store.publish(&gun, Base::Any, linked_set(1), at(0));
            for _ in 0..polls {
                if let Poll::Ready(done) = poll_once(&mut publication).await {
                    done.unwrap();
                    break;
                }
            }
        }
        let stored = complete_set(&*store, &text).await;
        assert!(polls > 0 || stored.is_none(), "a future that was never polled did something");
        // Whatever became of it, the collection is in order: the next version is accepted and complete.
        store.publish(&gun, Base::Any, linked_set(2), at(0)).await.unwrap();
        assert_eq!(complete_set(&*store, &text).await, Some(2));
        let page = ChangePage { gun: Some(gun.clone()), from: ChangeCursor::Newest, limit: 10 };
        let first = store.by_version(&gun, &role("timestamp"), version(1)).await.unwrap();
        assert_eq!(store.changes(&page).await.unwrap().len(), 1 + usize::from(first.is_some()));
    }
}

async fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    let mut future = std::pin::Pin::new(future);
    let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
    tokio::task::yield_now().await;
    polled
}

pub async fn a_reader_of_the_feed_misses_nothing(store: Arc<dyn Storage>) {
    const PUBLISHERS: u64 = 6;
    const EACH: u64 = 20;
    let mut follower = store.follow().await.unwrap();
    let mut publishers = JoinSet::new();
    for publisher in 0..PUBLISHERS {
        let store = store.clone();
        publishers.spawn(async move {
            let gun = gun(&format!("ex.test/{publisher}"));
            for number in 1..=EACH {
                store.publish(&gun, Base::Any, vec![file("timestamp", number)], at(0)).await.unwrap();
            }
        });
    }
    // Where others may write, ids may become visible out of order: there the follower is what misses nothing.
    if let Some(follower) = &mut follower {
        publishers.join_all().await;
        let seen: BTreeSet<String> = follower.catch_up().await.unwrap().into_iter().collect();
        assert_eq!(seen.len(), usize::try_from(PUBLISHERS).unwrap());
        return;
    }
    let mut seen = BTreeSet::new();
    let mut cursor = 0;
    while seen.len() < usize::try_from(PUBLISHERS * EACH).unwrap() {
        let published = publishers.is_empty();
        let page = ChangePage { gun: None, from: ChangeCursor::After(cursor), limit: 7 };
        let changes = store.changes(&page).await.unwrap();
        assert!(!published || !changes.is_empty(), "a change became visible behind the cursor: {} seen", seen.len());
        for change in changes {
            cursor = change.id;
            assert!(seen.insert(change.id));
        }
        while let Some(done) = publishers.try_join_next() {
            done.unwrap();
        }
        tokio::task::yield_now().await;
    }
    publishers.join_all().await;
}
