//! What hangs on an update: previews of changes, and a collection's history.

use super::*;

#[test]
fn a_preview_tells_what_would_be_signed_and_whose_keys_are_missing() {
    use libtrust::client::{KeyStore as _, KeyUse, MemoryKeyStore, PublishError, Publisher};
    use libtrust::edit::Change;

    let world = World::new();
    let collection = world.update().unwrap();
    let keys = Arc::new(MemoryKeyStore::default());
    let publisher = Publisher::new(world.client(), Arc::<MemoryKeyStore>::clone(&keys));
    let witness = [Change::Witness { role: releases() }];
    let missing = publisher.preview(&collection, &witness);
    assert!(matches!(missing, Err(PublishError::MissingKeys { found: 0, .. })), "{missing:?}");
    assert_eq!(publisher.preview(&collection, &[]).unwrap(), []);

    let key_use = KeyUse { role: "alice".to_owned(), gun: None };
    keys.add(world.delegate.signing, key_use).unwrap();
    assert_eq!(publisher.preview(&collection, &witness).unwrap(), [(releases(), version(2))]);
    let missing = publisher.preview(&collection, &[Change::RenewRoot]);
    assert!(matches!(missing, Err(PublishError::MissingKeys { role: RoleName::Root, .. })), "{missing:?}");
}

#[test]
fn history_is_what_keys_of_then_signed() {
    let mut world = World::new();
    for _ in 0..2 {
        world.rotate_root();
        world.publish();
    }
    let collection = world.update().unwrap();
    let history = |versions| world.client().history(&collection, versions).now_or_never().unwrap();
    let all = history(100).unwrap();
    let versions = |role: &RoleName| all.targets[role].iter().map(|file| file.version.get()).collect::<Vec<_>>();
    assert_eq!(all.roots.iter().map(|root| root.version.get()).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!((versions(&RoleName::Targets), versions(&releases())), (vec![1, 2, 3], vec![1, 2, 3]));
    assert!(all.incomplete.is_empty());
    assert_eq!(history(2).unwrap().roots.len(), 2);

    // A server that makes a past up is found out.
    let (other, _) = Publisher::whole(NAME);
    let first = RemoteFile::ByVersion(RoleName::Targets, version(1));
    world.server.put_as(&gun(), &first, &other.targets_file());
    assert!(history(100).is_err());
    let older = world.current(&RoleName::Targets);
    world.server.put_as(&gun(), &first, &older);
    assert!(history(100).is_err());
}
