//! What background renewal walks.

use std::sync::Arc;

use super::{at, file, full_set, gun};
use crate::storage::{Base, Storage};

async fn stale(store: &dyn Storage, before: i64, after: Option<&str>, limit: u32) -> Vec<String> {
    let after = after.map(gun);
    let found = store.stale_timestamps(at(before), after.as_ref(), limit).await.unwrap();
    found.iter().map(ToString::to_string).collect()
}

pub async fn only_the_newest_timestamp_counts(store: Arc<dyn Storage>) {
    store.publish(&gun("ex.test/old"), Base::Any, full_set(1), at(10)).await.unwrap();
    store.publish(&gun("ex.test/renewed"), Base::Any, full_set(1), at(10)).await.unwrap();
    store.publish(&gun("ex.test/renewed"), Base::Any, vec![file("timestamp", 2)], at(50)).await.unwrap();
    // A clock that went back: the newest version counts, not the latest time.
    store.publish(&gun("ex.test/back"), Base::Any, vec![file("timestamp", 1)], at(50)).await.unwrap();
    store.publish(&gun("ex.test/back"), Base::Any, vec![file("timestamp", 2)], at(10)).await.unwrap();
    assert_eq!(stale(&*store, 20, None, 10).await, ["ex.test/back", "ex.test/old"]);
    assert_eq!(stale(&*store, 51, None, 10).await, ["ex.test/back", "ex.test/old", "ex.test/renewed"]);
    // Strictly before.
    assert!(stale(&*store, 10, None, 10).await.is_empty());
    assert!(stale(&*store, -1_000_000_000, None, 10).await.is_empty());
}

pub async fn pages_are_in_byte_order_and_resume_after_a_gun(store: Arc<dyn Storage>) {
    let guns = ["B", "a", "a/b", "ab", "b", "é"];
    for (index, text) in guns.iter().rev().enumerate() {
        let time = if *text == "ab" { 1000 } else { i64::try_from(index).unwrap() };
        store.publish(&gun(text), Base::Any, full_set(1), at(time)).await.unwrap();
    }
    assert_eq!(stale(&*store, 100, None, 100).await, ["B", "a", "a/b", "b", "é"]);
    assert_eq!(stale(&*store, 100, None, 2).await, ["B", "a"]);
    assert_eq!(stale(&*store, 100, Some("a"), 2).await, ["a/b", "b"]);
    assert_eq!(stale(&*store, 100, Some("b"), 2).await, ["é"]);
    assert_eq!(stale(&*store, 100, Some("aa"), 1).await, ["b"]);
    assert!(stale(&*store, 100, Some("é"), 2).await.is_empty());
    assert!(stale(&*store, 100, None, 0).await.is_empty());
}

pub async fn collections_without_a_timestamp_are_left_out(store: Arc<dyn Storage>) {
    store.publish(&gun("ex.test/a"), Base::Any, vec![file("root", 1), file("targets", 1)], at(0)).await.unwrap();
    store.publish(&gun("ex.test/b"), Base::Any, full_set(1), at(0)).await.unwrap();
    assert_eq!(stale(&*store, 100, None, 10).await, ["ex.test/b"]);
}
