//! The two sets of tables of one database know nothing of each other.

use std::sync::Arc;

use super::{at, file, file_of, full_set, gun, newest_version, role, version};
use crate::storage::{Base, ChangeCursor, ChangePage, Storage};

/// Everything a collection can do on one set leaves the other as it is.
pub async fn a_name_lives_twice(notary: Arc<dyn Storage>, tuf: Arc<dyn Storage>) {
    let name = gun("ex.test/a");
    notary.publish(&name, Base::Timestamp(None), full_set(3), at(0)).await.unwrap();
    assert_eq!(tuf.head(&name).await.unwrap(), None);
    tuf.publish(&name, Base::Timestamp(None), full_set(1), at(1)).await.unwrap();
    let other = file_of("targets", 2, "other");
    tuf.publish(&name, Base::Any, vec![other.clone(), file("timestamp", 2)], at(2)).await.unwrap();

    assert_eq!(newest_version(&*notary, &name, "timestamp").await, Some(3));
    assert_eq!(newest_version(&*tuf, &name, "timestamp").await, Some(2));
    assert_eq!(notary.by_version(&name, &role("targets"), version(2)).await.unwrap(), None);
    assert_eq!(notary.by_checksum(&name, &role("targets"), &other.sha256).await.unwrap(), None);
    let page = ChangePage { gun: None, from: ChangeCursor::Newest, limit: 100 };
    assert_eq!(notary.changes(&page).await.unwrap().len(), 1);
    assert_eq!(tuf.changes(&page).await.unwrap().len(), 2);

    tuf.remove_versions(&name, Base::Any, &[(role("targets"), version(1))]).await.unwrap();
    assert_eq!(notary.versions(&name).await.unwrap().len(), 4);
    assert!(tuf.delete(&name, at(3)).await.unwrap());
    assert!(!tuf.delete(&name, at(4)).await.unwrap());
    assert_eq!(newest_version(&*notary, &name, "root").await, Some(3));
    assert_eq!(notary.changes(&page).await.unwrap().len(), 1);
    assert_eq!(notary.collections(None, 10).await.unwrap(), ["ex.test/a"]);
    assert!(tuf.collections(None, 10).await.unwrap().is_empty());
    assert!(!tuf.is_shared_with_notary());
}
