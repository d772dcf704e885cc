//! Deleting a collection.

use std::sync::Arc;

use super::{at, file, full_set, gun, newest_version, role, sha256, version};
use crate::storage::{Base, ChangeCursor, ChangePage, Storage};

pub async fn a_deleted_collection_is_gone_by_every_look_up(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    store.publish(&gun, Base::Any, full_set(1), at(0)).await.unwrap();
    store.publish(&gun, Base::Any, full_set(2), at(0)).await.unwrap();
    assert!(store.delete(&gun, at(1)).await.unwrap());
    for name in ["root", "targets", "snapshot", "timestamp"] {
        assert_eq!(newest_version(&*store, &gun, name).await, None);
        for number in [1, 2] {
            assert_eq!(store.by_version(&gun, &role(name), version(number)).await.unwrap(), None);
            let checksum = sha256(format!("{name} {number}").as_bytes());
            assert_eq!(store.by_checksum(&gun, &role(name), &checksum).await.unwrap(), None);
        }
    }
    assert!(store.stale_timestamps(at(100), None, 10).await.unwrap().is_empty());
}

pub async fn siblings_by_prefix_and_by_case_survive(store: Arc<dyn Storage>) {
    let siblings =
        ["ex.test/a/b", "ex.test/ab", "ex.test/A", "EX.TEST/a", "ex.test/", "ex.test/_", "ex.test/%"].map(gun);
    let doomed = gun("ex.test/a");
    for gun in siblings.iter().chain([&doomed]) {
        store.publish(gun, Base::Any, full_set(1), at(0)).await.unwrap();
    }
    assert!(store.delete(&doomed, at(1)).await.unwrap());
    assert_eq!(newest_version(&*store, &doomed, "root").await, None);
    for gun in &siblings {
        for name in ["root", "targets", "snapshot", "timestamp"] {
            assert_eq!(newest_version(&*store, gun, name).await, Some(1), "{gun} {name}");
        }
    }
}

pub async fn versions_restart_at_one(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    for round in 0..3 {
        for number in 1..4 {
            store.publish(&gun, Base::Any, full_set(number), at(round)).await.unwrap();
        }
        assert!(store.delete(&gun, at(round)).await.unwrap());
    }
    store.publish(&gun, Base::Any, full_set(1), at(9)).await.unwrap();
    assert_eq!(newest_version(&*store, &gun, "timestamp").await, Some(1));
}

pub async fn deleting_nothing_says_so_and_records_nothing(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    assert!(!store.delete(&gun, at(0)).await.unwrap());
    store.publish(&gun, Base::Any, vec![file("root", 1)], at(1)).await.unwrap();
    assert!(store.delete(&gun, at(2)).await.unwrap());
    assert!(!store.delete(&gun, at(3)).await.unwrap());
    let page = ChangePage { gun: None, from: ChangeCursor::After(0), limit: 100 };
    assert_eq!(store.changes(&page).await.unwrap().len(), 1);
}
