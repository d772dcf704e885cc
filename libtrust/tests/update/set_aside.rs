//! Delegations that are set aside hide nothing behind them.

use super::*;

/// A server that holds the snapshot key names other files for a delegation.
fn name_for_releases(world: &World, number: u64, file: Option<&[u8]>) {
    let (root, targets) = (world.current(&RoleName::Root), world.current(&RoleName::Targets));
    let releases = releases();
    let mut named: Vec<(&RoleName, &[u8])> = vec![(&RoleName::Root, &root), (&RoleName::Targets, &targets)];
    if let Some(file) = file {
        named.push((&releases, file));
        world.server.put(&gun(), &releases, file);
    }
    let snapshot = world.publisher.snapshot_file(number, &named);
    let timestamp = world.publisher.timestamp_file(Some(version(number - 1)), &snapshot, &world.timestamp_key);
    world.server.put(&gun(), &RoleName::Snapshot, &snapshot);
    world.server.put(&gun(), &RoleName::Timestamp, &timestamp);
}

#[test]
fn what_is_set_aside_does_not_hide_a_rollback_behind_it() {
    let mut world = World::new();
    let old = world.current(&releases());
    world.publish();
    world.update().unwrap();
    let trusted = world.cache.load(&gun(), &releases()).unwrap();
    let thief = Key::new(KeyAlgorithm::Ecdsa);
    let junk = file(&world.publisher.empty_targets(9), &[&thief]);
    name_for_releases(&world, 3, Some(&junk));
    assert_eq!(world.update().unwrap().set_aside().len(), 1);
    assert_eq!(world.cache.load(&gun(), &releases()).unwrap(), trusted, "what was trusted last is what counts");
    name_for_releases(&world, 4, Some(&old));
    world.refused(is_rollback(releases()));
}

#[test]
fn a_delegation_cannot_lose_its_file() {
    let mut world = World::new();
    world.publish();
    world.update().unwrap();
    name_for_releases(&world, 3, None);
    world.refused(
        |error| matches!(error, UpdateError::Verify(VerifyError::NotInSnapshot { role, .. }) if *role == releases()),
    );
}

#[test]
fn what_is_set_aside_is_signed_anew_only_by_a_witness() {
    use libtrust::edit::{Change, EditError};

    let mut world = World::new();
    world.publish();
    let thief = Key::new(KeyAlgorithm::Ecdsa);
    let mut evil = world.publisher.empty_targets(9);
    evil.targets
        .insert("latest".into(), libtrust::metadata::Target { length: 1, digests: Default::default(), custom: None });
    name_for_releases(&world, 3, Some(&file(&evil, &[&thief])));
    let collection = world.update().unwrap();
    let mut draft = collection.draft();
    let target = libtrust::metadata::Target { length: 2, digests: Default::default(), custom: None };
    let add = Change::AddTarget { role: releases(), name: "v1".into(), target };
    assert_eq!(draft.apply(&add), Err(EditError::SetAside(releases())));
    assert!(draft.changed().is_empty());
    draft.apply(&Change::Witness { role: releases() }).unwrap();
    assert!(draft.changed().contains(&releases()));
}
