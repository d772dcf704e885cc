//! The two sets of tables of one database know nothing of each other, and one takes roles of any name.

use std::sync::Arc;

use libtrust::names::RoleName;

use super::{at, file, file_of, full_set, gun, newest_version, role, sha256, version};
use crate::storage::{Base, ChangeCursor, ChangePage, NewFile, Storage};

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

/// Roles of a TUF repository are compared byte for byte, like names of collections.
pub async fn roles_of_any_name_are_kept_apart(tuf: Arc<dyn Storage>) {
    let name = gun("ex.test/a");
    let longest = "é".repeat(127) + "e";
    let names =
        ["a", "A", "a ", " a", "á", "a\u{301}", "a/b", "..", "x.json", "1.root", "%", "'\"\\", "\u{1f980}", &longest];
    let file = |text: &str, number: u64| {
        let bytes = format!("{text} {number}").into_bytes();
        NewFile {
            role: RoleName::in_tuf(text).unwrap(),
            version: version(number),
            sha256: sha256(&bytes),
            bytes: bytes.into(),
        }
    };
    for number in [1, 2] {
        let files: Vec<NewFile> = names.iter().map(|text| file(text, number)).collect();
        tuf.publish(&name, Base::Any, files, at(0)).await.unwrap();
    }
    for text in names {
        let role = RoleName::in_tuf(text).unwrap();
        let (first, second) = (file(text, 1), file(text, 2));
        assert_eq!(tuf.newest(&name, &role).await.unwrap().unwrap().bytes, second.bytes, "{text:?}");
        assert_eq!(tuf.by_version(&name, &role, version(1)).await.unwrap().unwrap().bytes, first.bytes, "{text:?}");
        assert!(tuf.by_checksum(&name, &role, &first.sha256).await.unwrap().is_some(), "{text:?}");
    }
    let listed: Vec<_> = tuf.versions(&name).await.unwrap().into_iter().map(|row| row.unwrap().role).collect();
    assert_eq!(listed.len(), 2 * names.len());
    assert!(names.iter().all(|text| listed.contains(&RoleName::in_tuf(text).unwrap())), "{listed:?}");
    let gone = [(RoleName::in_tuf("a").unwrap(), version(1))];
    assert!(tuf.remove_versions(&name, Base::Any, &gone).await.unwrap());
    assert_eq!(tuf.versions(&name).await.unwrap().len(), 2 * names.len() - 1);
}
