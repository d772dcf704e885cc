//! What maintenance sees and removes.

use std::sync::Arc;

use super::{at, file, file_of, full_set, gun, newest_version, role, sha256, version};
use crate::storage::{Base, ChangeCursor, ChangePage, Head, Storage};

pub async fn every_collection_is_listed_once(store: Arc<dyn Storage>) {
    let guns = ["B", "a", "a/b", "ab", "é"];
    for text in guns {
        for number in 1..=3 {
            store
                .publish(&gun(text), Base::Any, vec![file("root", number), file("targets", number)], at(0))
                .await
                .unwrap();
        }
    }
    for limit in [1, 2, 100] {
        let mut walked: Vec<String> = Vec::new();
        loop {
            let page = store.collections(walked.last().map(String::as_str), limit).await.unwrap();
            if page.is_empty() {
                break;
            }
            walked.extend(page);
        }
        walked.sort();
        assert_eq!(walked, guns, "by {limit}");
    }
}

pub async fn versions_list_everything_without_bytes(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    assert!(store.versions(&gun).await.unwrap().is_empty());
    store.publish(&gun, Base::Any, full_set(1), at(0)).await.unwrap();
    store.publish(&gun, Base::Any, vec![file("targets/a", 7), file("timestamp", 2)], at(1)).await.unwrap();
    let mut listed: Vec<_> = store.versions(&gun).await.unwrap().into_iter().map(Result::unwrap).collect();
    listed.sort_by_key(|file| (file.role.to_string(), file.version));
    let expected = [("root", 1), ("snapshot", 1), ("targets", 1), ("targets/a", 7), ("timestamp", 1), ("timestamp", 2)];
    assert_eq!(listed.len(), expected.len());
    for (found, (name, number)) in listed.iter().zip(expected) {
        assert_eq!((&found.role, found.version), (&role(name), version(number)));
        assert_eq!(found.sha256, sha256(format!("{name} {number}").as_bytes()));
        assert!((found.stored_at - at(0)).num_seconds().abs() <= 2);
    }
}

pub async fn the_head_is_the_newest_timestamp(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    assert_eq!(store.head(&gun).await.unwrap(), None);
    store.publish(&gun, Base::Any, vec![file("root", 9)], at(0)).await.unwrap();
    assert_eq!(store.head(&gun).await.unwrap(), None);
    store.publish(&gun, Base::Any, vec![file("timestamp", 9)], at(0)).await.unwrap();
    store.publish(&gun, Base::Any, vec![file("timestamp", 10)], at(0)).await.unwrap();
    let head = Head { version: version(10), sha256: sha256(b"timestamp 10") };
    assert_eq!(store.head(&gun).await.unwrap(), Some(head));
}

pub async fn exactly_the_named_versions_are_removed(store: Arc<dyn Storage>) {
    let (gun, other) = (gun("ex.test/a"), gun("ex.test/A"));
    for number in 1..=4 {
        // Versions 1 and 2 of targets have the same bytes.
        let targets = file_of("targets", number, format!("targets {}", number.max(2)));
        store.publish(&gun, Base::Any, vec![targets, file("timestamp", number)], at(0)).await.unwrap();
    }
    store.publish(&other, Base::Any, full_set(1), at(0)).await.unwrap();
    let base = Base::Timestamp(Some(sha256(b"timestamp 4")));
    let doomed = [
        (role("targets"), version(1)),
        (role("timestamp"), version(1)),
        (role("timestamp"), version(3)),
        (role("root"), version(1)),
    ];
    assert!(store.remove_versions(&gun, base, &doomed).await.unwrap());
    let mut left: Vec<_> = store
        .versions(&gun)
        .await
        .unwrap()
        .into_iter()
        .map(|file| file.map(|file| (file.role.to_string(), file.version.get())).unwrap())
        .collect();
    left.sort();
    let expected = [("targets", 2), ("targets", 3), ("targets", 4), ("timestamp", 2), ("timestamp", 4)];
    assert_eq!(left, expected.map(|(name, number)| (name.to_owned(), number)));
    let same = store.by_checksum(&gun, &role("targets"), &sha256(b"targets 2")).await.unwrap().unwrap();
    assert_eq!(same.version, version(2), "the other version with these bytes is found");
    assert!(store.by_version(&gun, &role("timestamp"), version(3)).await.unwrap().is_none());
    assert_eq!(newest_version(&*store, &other, "root").await, Some(1));
    let page = ChangePage { gun: Some(gun.clone()), from: ChangeCursor::After(0), limit: 100 };
    assert_eq!(store.changes(&page).await.unwrap().len(), 4, "history stays as it was");
    // Removing what is gone is no error.
    assert!(store.remove_versions(&gun, base, &doomed).await.unwrap());
}

pub async fn nothing_is_removed_from_a_collection_that_moved(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    store.publish(&gun, Base::Any, full_set(1), at(0)).await.unwrap();
    let base = Base::Timestamp(Some(sha256(b"timestamp 1")));
    store.publish(&gun, Base::Any, full_set(2), at(0)).await.unwrap();
    assert!(!store.remove_versions(&gun, base, &[(role("root"), version(1))]).await.unwrap());
    assert!(store.by_version(&gun, &role("root"), version(1)).await.unwrap().is_some());
}
