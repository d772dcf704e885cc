//! What background renewal walks.

use std::sync::Arc;

use super::{at, file, full_set, gun};
use crate::storage::{Base, Storage};

async fn stale(store: &dyn Storage, before: i64, after: Option<&str>, limit: u32) -> Vec<String> {
    store.stale_timestamps(at(before), after, limit).await.unwrap()
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

pub async fn pages_resume_after_a_name_until_all_are_seen(store: Arc<dyn Storage>) {
    let guns = ["B", "a", "a/b", "ab", "b", "é"];
    for (index, text) in guns.iter().rev().enumerate() {
        let time = if *text == "ab" { 1000 } else { i64::try_from(index).unwrap() };
        store.publish(&gun(text), Base::Any, full_set(1), at(time)).await.unwrap();
    }
    for limit in [1, 2, 5, 100] {
        let mut walked: Vec<String> = Vec::new();
        loop {
            let page = stale(&*store, 100, walked.last().map(String::as_str), limit).await;
            assert!(page.len() <= usize::try_from(limit).unwrap());
            if page.is_empty() {
                break;
            }
            walked.extend(page);
        }
        walked.sort();
        assert_eq!(walked, ["B", "a", "a/b", "b", "é"], "by {limit}");
    }
    assert!(stale(&*store, 100, None, 0).await.is_empty());
}

pub async fn collections_without_a_timestamp_are_left_out(store: Arc<dyn Storage>) {
    store.publish(&gun("ex.test/a"), Base::Any, vec![file("root", 1), file("targets", 1)], at(0)).await.unwrap();
    store.publish(&gun("ex.test/b"), Base::Any, full_set(1), at(0)).await.unwrap();
    assert_eq!(stale(&*store, 100, None, 10).await, ["ex.test/b"]);
}
