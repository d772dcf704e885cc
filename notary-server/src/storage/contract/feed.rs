//! The feed of changes.

use std::sync::Arc;

use super::{at, file, full_set, gun, sha256};
use crate::storage::{Base, Change, ChangeCursor, ChangeKind, ChangePage, Storage};

async fn page(store: &dyn Storage, gun_text: Option<&str>, from: ChangeCursor, limit: u32) -> Vec<Change> {
    let gun = gun_text.map(gun);
    let changes = store.changes(&ChangePage { gun, from, limit }).await.unwrap();
    assert!(changes.is_sorted_by(|one, next| one.id < next.id), "{changes:?}");
    changes
}

async fn everything(store: &dyn Storage) -> Vec<Change> {
    page(store, None, ChangeCursor::After(0), 10_000).await
}

pub async fn only_timestamps_make_updates(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    store
        .publish(&gun, Base::Any, vec![file("root", 1), file("targets", 1), file("snapshot", 1)], at(0))
        .await
        .unwrap();
    assert!(everything(&*store).await.is_empty());
    store.publish(&gun, Base::Any, full_set(5), at(1)).await.unwrap();
    store.publish(&gun, Base::Any, vec![file("timestamp", 6)], at(2)).await.unwrap();
    let found = everything(&*store).await;
    let kinds: Vec<_> =
        found.iter().map(|change| (change.gun.as_str(), change.created_at, change.kind.clone())).collect();
    let update = |version: u64| ChangeKind::Update {
        version,
        sha256: hex::encode(sha256(format!("timestamp {version}").as_bytes())),
    };
    assert_eq!(kinds, [("ex.test/a", at(1), update(5)), ("ex.test/a", at(2), update(6))]);
}

pub async fn a_refused_publication_makes_no_change(store: Arc<dyn Storage>) {
    let gun = gun("ex.test/a");
    store.publish(&gun, Base::Any, full_set(2), at(0)).await.unwrap();
    store.publish(&gun, Base::Any, vec![file("timestamp", 3), file("snapshot", 2)], at(1)).await.unwrap_err();
    assert_eq!(everything(&*store).await.len(), 1);
}

pub async fn pages_after_before_and_newest_list_oldest_first(store: Arc<dyn Storage>) {
    for number in 1..=7 {
        store.publish(&gun("ex.test/a"), Base::Any, vec![file("timestamp", number)], at(0)).await.unwrap();
    }
    let ids: Vec<i64> = everything(&*store).await.iter().map(|change| change.id).collect();
    assert_eq!(ids.len(), 7);
    assert!(ids[0] > 0);
    let cases = [
        (ChangeCursor::After(0), 3, &ids[..3]),
        (ChangeCursor::After(-5), 3, &ids[..3]),
        (ChangeCursor::After(ids[2]), 3, &ids[3..6]),
        (ChangeCursor::After(ids[4]), 3, &ids[5..]),
        (ChangeCursor::After(ids[6]), 3, &[]),
        (ChangeCursor::After(i64::MAX), 3, &[]),
        (ChangeCursor::Before(ids[4]), 3, &ids[1..4]),
        (ChangeCursor::Before(ids[1]), 3, &ids[..1]),
        (ChangeCursor::Before(ids[0]), 3, &[]),
        (ChangeCursor::Before(i64::MAX), 2, &ids[5..]),
        (ChangeCursor::Newest, 2, &ids[5..]),
        (ChangeCursor::Newest, 100, &ids[..]),
        (ChangeCursor::Newest, u32::MAX, &ids[..]),
        (ChangeCursor::After(0), u32::MAX, &ids[..]),
        (ChangeCursor::After(0), 0, &[]),
        (ChangeCursor::Newest, 0, &[]),
    ];
    for (from, limit, expected) in cases {
        for gun_text in [None, Some("ex.test/a")] {
            let found: Vec<i64> = page(&*store, gun_text, from, limit).await.iter().map(|change| change.id).collect();
            assert_eq!(found, expected, "{from:?} limit {limit} of {gun_text:?}");
        }
    }
}

pub async fn a_gun_filter_is_exact(store: Arc<dyn Storage>) {
    let guns = ["ex.test/a", "ex.test/A", "ex.test/ab", "ex.test/a/b", "ex.test/_"];
    for number in 1..=3 {
        for text in guns {
            store.publish(&gun(text), Base::Any, vec![file("timestamp", number)], at(0)).await.unwrap();
        }
    }
    for text in guns {
        for from in [ChangeCursor::After(0), ChangeCursor::Before(i64::MAX), ChangeCursor::Newest] {
            let found = page(&*store, Some(text), from, 100).await;
            assert_eq!(found.len(), 3, "{text} {from:?}");
            assert!(found.iter().all(|change| change.gun == text));
        }
        assert_eq!(page(&*store, Some(text), ChangeCursor::Newest, 2).await.len(), 2);
    }
    assert!(page(&*store, Some("ex.test"), ChangeCursor::Newest, 100).await.is_empty());
}

pub async fn a_deletion_is_an_entry_and_keeps_history(store: Arc<dyn Storage>) {
    let (doomed, other) = (gun("ex.test/a"), gun("ex.test/b"));
    store.publish(&doomed, Base::Any, full_set(1), at(0)).await.unwrap();
    store.publish(&other, Base::Any, full_set(1), at(0)).await.unwrap();
    store.delete(&doomed, at(1)).await.unwrap();
    store.publish(&doomed, Base::Any, full_set(1), at(2)).await.unwrap();
    let found = page(&*store, Some("ex.test/a"), ChangeCursor::After(0), 100).await;
    assert_eq!(found.len(), 3);
    assert!(matches!(found[0].kind, ChangeKind::Update { version: 1, .. }));
    assert_eq!((&found[1].kind, found[1].created_at), (&ChangeKind::Deletion, at(1)));
    assert!(matches!(found[2].kind, ChangeKind::Update { version: 1, .. }));
    assert_eq!(everything(&*store).await.len(), 4);
}

pub async fn ids_ascend_in_the_order_of_acknowledgement(store: Arc<dyn Storage>) {
    for number in 1..=20 {
        let text = format!("ex.test/{}", number % 3);
        store.publish(&gun(&text), Base::Any, full_set(number), at(0)).await.unwrap();
        let newest = page(&*store, None, ChangeCursor::Newest, 1).await;
        assert_eq!(newest[0].gun, text);
        assert!(matches!(newest[0].kind, ChangeKind::Update { version, .. } if version == number));
    }
    assert_eq!(everything(&*store).await.len(), 20);
}
