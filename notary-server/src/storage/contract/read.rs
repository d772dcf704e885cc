//! The look-ups.

use std::sync::Arc;

use chrono::TimeDelta;

use super::{at, file, file_of, full_set, gun, newest_version, role, sha256, version};
use crate::storage::{Base, Storage};

pub async fn newest_is_the_highest_version(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    // 9 to 10 and 99 to 100: where an order by text would go wrong.
    for number in [1, 2, 9, 10, 99, 100] {
        store.publish(&gun, Base::Any, full_set(number), at(0)).await.unwrap();
        for name in ["root", "targets", "snapshot", "timestamp"] {
            assert_eq!(newest_version(&*store, &gun, name).await, Some(number));
        }
    }
}

pub async fn a_checksum_finds_only_its_own_gun_and_role(store: Arc<dyn Storage>) {
    let (ours, theirs) = (gun("ex.test/a"), gun("ex.test/b"));
    let secret = file("targets", 1);
    store.publish(&ours, Base::Any, vec![secret.clone(), file("timestamp", 1)], at(0)).await.unwrap();
    store
        .publish(&theirs, Base::Any, full_set(1).into_iter().filter(|f| f.role != secret.role).collect(), at(0))
        .await
        .unwrap();
    let found = store.by_checksum(&ours, &secret.role, &secret.sha256).await.unwrap().unwrap();
    assert_eq!((found.version, found.bytes, found.sha256), (version(1), secret.bytes.clone(), secret.sha256));
    assert_eq!(store.by_checksum(&theirs, &secret.role, &secret.sha256).await.unwrap(), None);
    for other in ["snapshot", "timestamp", "targets/a"] {
        assert_eq!(store.by_checksum(&ours, &role(other), &secret.sha256).await.unwrap(), None, "{other}");
    }
    assert_eq!(store.by_checksum(&gun("EX.TEST/A"), &secret.role, &secret.sha256).await.unwrap(), None);

    // Old versions stay readable, and the same bytes may be in two collections.
    store.publish(&ours, Base::Any, vec![file("targets", 2)], at(1)).await.unwrap();
    store.publish(&theirs, Base::Any, vec![secret.clone()], at(2)).await.unwrap();
    let old = store.by_checksum(&ours, &secret.role, &secret.sha256).await.unwrap().unwrap();
    assert_eq!((old.version, old.stored_at), (version(1), at(0)));
    let copy = store.by_checksum(&theirs, &secret.role, &secret.sha256).await.unwrap().unwrap();
    assert_eq!(copy.stored_at, at(2));
}

pub async fn a_version_finds_only_its_own_gun_and_role(store: Arc<dyn Storage>) {
    let (ours, theirs) = (gun("ex.test/a"), gun("ex.test/ab"));
    store.publish(&ours, Base::Any, vec![file("targets", 2), file("snapshot", 3)], at(0)).await.unwrap();
    store.publish(&ours, Base::Any, vec![file("targets", 3)], at(0)).await.unwrap();
    store.publish(&theirs, Base::Any, vec![file_of("targets", 2, "theirs")], at(0)).await.unwrap();
    let found = store.by_version(&ours, &role("targets"), version(2)).await.unwrap().unwrap();
    assert_eq!(found.bytes, "targets 2");
    let found = store.by_version(&theirs, &role("targets"), version(2)).await.unwrap().unwrap();
    assert_eq!(found.bytes, "theirs");
    assert_eq!(store.by_version(&ours, &role("snapshot"), version(2)).await.unwrap(), None);
    assert_eq!(store.by_version(&theirs, &role("targets"), version(3)).await.unwrap(), None);
}

pub async fn what_was_never_stored_is_not_found(store: Arc<dyn Storage>) {
    let (known, unknown) = (gun("ex.test/a"), gun("ex.test/b"));
    store.publish(&known, Base::Any, vec![file("root", 1)], at(0)).await.unwrap();
    for (gun, role) in [(&known, role("targets")), (&unknown, role("root"))] {
        assert_eq!(store.newest(gun, &role).await.unwrap(), None);
        assert_eq!(store.by_version(gun, &role, version(1)).await.unwrap(), None);
        assert_eq!(store.by_checksum(gun, &role, &sha256(b"root 1")).await.unwrap(), None);
    }
    assert_eq!(store.by_checksum(&known, &role("root"), &[0; 32]).await.unwrap(), None);
}

pub async fn the_time_of_storing_is_kept(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    let times = [at(0), at(0) + TimeDelta::milliseconds(7), "1969-07-20T20:17:40Z".parse().unwrap()];
    for (time, number) in times.into_iter().zip(1..) {
        store.publish(&gun, Base::Any, vec![file("targets", number)], time).await.unwrap();
        let stored = store.newest(&gun, &role("targets")).await.unwrap().unwrap();
        assert!((stored.stored_at - time).abs() < TimeDelta::milliseconds(1), "{} for {time}", stored.stored_at);
    }
}

pub async fn a_store_in_use_passes_its_check(store: Arc<dyn Storage>) {
    store.check().await.unwrap();
    store.publish(&gun("ex.test/a"), Base::Any, full_set(1), at(0)).await.unwrap();
    store.check().await.unwrap();
}
