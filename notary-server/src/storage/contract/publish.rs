//! What a publication does, and when it is refused.

use std::sync::Arc;

use super::{at, file, file_of, full_set, gun, newest_version, role, version};
use crate::storage::{Base, PublishError, Storage};

pub async fn a_publication_is_stored_whole(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    store.publish(&gun, Base::Any, full_set(1), at(0)).await.unwrap();
    for offered in full_set(1) {
        let stored = store.newest(&gun, &offered.role).await.unwrap().unwrap();
        assert_eq!(
            (stored.version, stored.bytes, stored.sha256),
            (offered.version, offered.bytes, offered.sha256),
            "{}",
            offered.role
        );
    }
}

pub async fn a_conflict_in_any_role_stores_nothing(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    for (number, conflicting) in ["root", "targets", "snapshot", "timestamp"].into_iter().enumerate() {
        let stored = u64::try_from(number).unwrap() * 10 + 1;
        store.publish(&gun, Base::Any, full_set(stored), at(0)).await.unwrap();
        let mut files = full_set(stored + 1);
        files.retain(|file| file.role.as_str() != conflicting);
        files.push(file(conflicting, stored));
        let refused = store.publish(&gun, Base::Any, files, at(1)).await.unwrap_err();
        assert!(matches!(&refused, PublishError::Conflict { role, .. } if role.as_str() == conflicting), "{refused}");
        for name in ["root", "targets", "snapshot", "timestamp"] {
            assert_eq!(newest_version(&*store, &gun, name).await, Some(stored), "{name}");
        }
    }
}

pub async fn equal_and_lower_versions_conflict_and_name_the_stored_one(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    store.publish(&gun, Base::Any, vec![file("targets", 3)], at(0)).await.unwrap();
    store.publish(&gun, Base::Any, vec![file("targets", 7)], at(0)).await.unwrap();
    for number in [1, 3, 5, 7] {
        let refused =
            store.publish(&gun, Base::Any, vec![file_of("targets", number, "other bytes")], at(1)).await.unwrap_err();
        let PublishError::Conflict { role: refused_role, offered, stored } = refused else {
            panic!("{refused}");
        };
        assert_eq!((refused_role, offered, stored), (role("targets"), version(number), version(7)));
    }
    let kept = store.by_version(&gun, &role("targets"), version(7)).await.unwrap().unwrap();
    assert_eq!(kept.bytes, "targets 7");
}

pub async fn versions_may_skip_ahead_but_never_back_into_the_gap(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    for number in [4, 9, 1 << 53] {
        store.publish(&gun, Base::Any, vec![file("snapshot", number)], at(0)).await.unwrap();
        assert_eq!(newest_version(&*store, &gun, "snapshot").await, Some(number));
    }
    for number in [1, 5, 10] {
        let refused = store.publish(&gun, Base::Any, vec![file("snapshot", number)], at(0)).await;
        assert!(matches!(refused, Err(PublishError::Conflict { .. })));
        assert_eq!(store.by_version(&gun, &role("snapshot"), version(number)).await.unwrap(), None);
    }
}

pub async fn a_role_twice_must_ascend(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    store.publish(&gun, Base::Any, vec![file("root", 1), file("root", 2)], at(0)).await.unwrap();
    for (first, second) in [(4, 3), (5, 5)] {
        let refused =
            store.publish(&gun, Base::Any, vec![file("root", first), file("root", second)], at(0)).await.unwrap_err();
        assert!(
            matches!(refused, PublishError::Conflict { offered, stored, .. }
                if offered == version(second) && stored == version(first)),
            "{refused}"
        );
    }
    assert_eq!(newest_version(&*store, &gun, "root").await, Some(2));
}

pub async fn nothing_to_store_is_stored(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    store.publish(&gun, Base::Any, Vec::new(), at(0)).await.unwrap();
    assert!(!store.delete(&gun, at(1)).await.unwrap());
}

pub async fn many_roles_at_once_are_stored_whole(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    for count in [1, 2, 3, 5, 8, 9, 100] {
        let mut files = full_set(count);
        files.extend((0..count).map(|n| file(&format!("targets/d{n}"), count)));
        store.publish(&gun, Base::Any, files.clone(), at(0)).await.unwrap();
        for offered in files {
            let stored = store.newest(&gun, &offered.role).await.unwrap().unwrap();
            assert_eq!((stored.version, stored.bytes), (offered.version, offered.bytes), "{}", offered.role);
        }
    }
}

pub async fn large_files_come_back_byte_for_byte(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/é/ü with space");
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let files =
        vec![file_of("targets", 1, bytes.clone()), file_of("targets/empty", 1, Vec::new()), file("timestamp", 1)];
    let checksum = files[0].sha256;
    store.publish(&gun, Base::Any, files, at(0)).await.unwrap();
    assert!(store.newest(&gun, &role("targets")).await.unwrap().unwrap().bytes == bytes);
    assert!(store.by_checksum(&gun, &role("targets"), &checksum).await.unwrap().unwrap().bytes == bytes);
    assert!(store.newest(&gun, &role("targets/empty")).await.unwrap().unwrap().bytes.is_empty());
}

pub async fn a_collection_that_left_its_base_is_not_published_to(store: Arc<dyn Storage>) {
    let gun = gun("docker.io/a");
    let new = Base::Timestamp(None);
    store.publish(&gun, new, full_set(1), at(0)).await.unwrap();
    let first = Base::Timestamp(Some(file("timestamp", 1).sha256));
    // Whoever still thinks it is new, or at another timestamp, is told before anything is stored.
    for base in [new, Base::Timestamp(Some([7; 32]))] {
        let refused = store.publish(&gun, base, full_set(2), at(1)).await;
        assert!(matches!(refused, Err(PublishError::Moved)), "{refused:?}");
    }
    assert_eq!(newest_version(&*store, &gun, "root").await, Some(1));
    store.publish(&gun, first, full_set(2), at(2)).await.unwrap();
    store.delete(&gun, at(3)).await.unwrap();
    let renewal = store.publish(&gun, Base::Timestamp(Some(file("timestamp", 2).sha256)), full_set(3), at(4)).await;
    assert!(matches!(renewal, Err(PublishError::Moved)), "{renewal:?}");
    assert_eq!(newest_version(&*store, &gun, "timestamp").await, None);
}
