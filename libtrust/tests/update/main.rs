//! Updates against a server that lies, lags or has moved on. Each failure leaves the cache as it was.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod copies;
mod set_aside;
mod uses;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use libtrust::client::{
    Cache, Client, Collection, Confirmation, MemoryCache, MemoryTransport, Offline, RemoteFile, RootTrust, UpdateError,
};
use libtrust::keys::KeyAlgorithm;
use libtrust::metadata::Version;
use libtrust::names::{Gun, KeyId, RoleName};
use libtrust::policy::{NameRules, TrustPolicy};
use libtrust::testing::{Key, Publisher, file, now, version};
use libtrust::verify::{RootPins, VerifyError};

const NAME: &str = "example.com/app";

fn gun() -> Gun {
    NAME.parse().unwrap()
}

fn releases() -> RoleName {
    "targets/releases".parse().unwrap()
}

/// A collection that is published step by step, its server, and a reader.
struct World {
    publisher: Publisher,
    timestamp_key: Key,
    delegate: Key,
    server: Arc<MemoryTransport>,
    cache: Arc<MemoryCache>,
    policy: TrustPolicy,
    number: u64,
    at: DateTime<Utc>,
    /// The keys that sign the next root.
    root_signers: Vec<Key>,
}

impl World {
    fn new() -> Self {
        let (mut publisher, timestamp_key) = Publisher::whole(NAME);
        let delegate = Key::new(KeyAlgorithm::Ecdsa);
        publisher.delegate("targets/releases", &[&delegate]);
        let mut world = Self {
            publisher,
            timestamp_key,
            delegate,
            server: Arc::new(MemoryTransport::new("server")),
            cache: Arc::default(),
            policy: TrustPolicy::default(),
            number: 0,
            at: now(),
            root_signers: Vec::new(),
        };
        world.publish();
        world
    }

    /// Publishes the next version of everything but the root, which is published as it is.
    fn publish(&mut self) {
        self.number += 1;
        let publisher = &mut self.publisher;
        publisher.tag(3, self.number);
        publisher.targets.version = version(self.number);
        let mut signers: Vec<&Key> = self.root_signers.iter().collect();
        signers.push(&publisher.root_key);
        let root = file(&publisher.root, &signers);
        let mut released = publisher.empty_targets(self.number);
        std::mem::swap(&mut released.targets, &mut publisher.targets.targets);
        let released = file(&released, &[&self.delegate]);
        let targets = publisher.targets_file();
        let files: Vec<(RoleName, Vec<u8>)> =
            vec![(RoleName::Root, root), (RoleName::Targets, targets), (releases(), released)];
        let named: Vec<(&RoleName, &[u8])> = files.iter().map(|(role, bytes)| (role, bytes.as_slice())).collect();
        let snapshot = publisher.snapshot_file(self.number, &named);
        let previous = (self.number > 1).then(|| version(self.number - 1));
        let timestamp = publisher.timestamp_file(previous, &snapshot, &self.timestamp_key);
        for (role, bytes) in &files {
            self.server.put(&gun(), role, bytes);
        }
        let by_version = RemoteFile::ByVersion(RoleName::Root, publisher.root.version);
        self.server.put_as(&gun(), &by_version, &files[0].1);
        for (role, bytes) in &files[1..] {
            self.server.put_as(&gun(), &RemoteFile::ByVersion(role.clone(), version(self.number)), bytes);
        }
        self.server.put(&gun(), &RoleName::Snapshot, &snapshot);
        self.server.put(&gun(), &RoleName::Timestamp, &timestamp);
    }

    /// A new root key, signed in by the one before.
    fn rotate_root(&mut self) {
        let key = Key::certified(NAME, now() - TimeDelta::days(1), now() + TimeDelta::days(3650));
        self.publisher.rotate(RoleName::Root, &key.public);
        self.publisher.root.version = self.publisher.root.version.next();
        self.root_signers = vec![std::mem::replace(&mut self.publisher.root_key, key)];
    }

    fn client(&self) -> Client {
        Client::new(self.server.clone(), self.cache.clone()).with_policy(self.policy.clone()).with_clock(self.at)
    }

    fn update(&self) -> Result<Collection, UpdateError> {
        self.client().update(&gun(), Offline::Never).now_or_never().expect("memory never waits")
    }

    /// Updates, expects `wrong`, and expects the cache to be as it was.
    fn refused(&self, wrong: impl Fn(&UpdateError) -> bool) {
        let before = self.contents();
        let error = self.update().unwrap_err();
        assert!(wrong(&error), "{error:?}");
        assert_eq!(self.contents(), before);
    }

    fn contents(&self) -> Vec<Option<Vec<u8>>> {
        let roles = [RoleName::Root, RoleName::Timestamp, RoleName::Snapshot, RoleName::Targets, releases()];
        roles.iter().map(|role| self.cache.load(&gun(), role).unwrap()).collect()
    }

    fn current(&self, role: &RoleName) -> Vec<u8> {
        use libtrust::client::Transport as _;
        let file = RemoteFile::Current(role.clone());
        self.server.fetch(&gun(), &file, u64::MAX).now_or_never().unwrap().unwrap()
    }
}

fn is_rollback(role: RoleName) -> impl Fn(&UpdateError) -> bool {
    move |error| matches!(error, UpdateError::Verify(VerifyError::Rollback { role: found, .. }) if *found == role)
}

#[test]
fn a_collection_is_followed_through_versions() {
    let mut world = World::new();
    let first = world.update().unwrap();
    assert_eq!(first.root_trust(), RootTrust::FirstUse);
    assert_eq!(*first.confirmation(), Confirmation::Server { server: "server".into() });
    let image = first.image("tag-000001", &NameRules::default()).unwrap();
    assert_eq!((image.size, image.role.clone()), (528, releases()));
    assert_eq!(image.expires.0, RoleName::Timestamp);
    assert_eq!(image.keys, [world.delegate.id.clone()]);

    world.publish();
    let second = world.update().unwrap();
    assert_eq!(second.root_trust(), RootTrust::SeenBefore);
    assert_ne!(second.image("tag-000001", &NameRules::default()).unwrap().digest, image.digest);
    assert!(world.contents().iter().all(Option::is_some));
    assert!(second.images_of(&image.digest, &NameRules::default()).is_err(), "the digest released before is no more");
}

#[test]
fn older_files_are_refused_whichever_role_they_are_of() {
    let mut world = World::new();
    let old: Vec<_> = [RoleName::Timestamp, RoleName::Snapshot].iter().map(|role| world.current(role)).collect();
    world.publish();
    world.update().unwrap();
    let new = world.current(&RoleName::Timestamp);

    world.server.put(&gun(), &RoleName::Timestamp, &old[0]);
    world.refused(is_rollback(RoleName::Timestamp));

    // A timestamp that is newer, and names the old snapshot.
    let forged = world.publisher.timestamp_file(Some(version(7)), &old[1], &world.timestamp_key);
    world.server.put(&gun(), &RoleName::Timestamp, &forged);
    world.refused(is_rollback(RoleName::Snapshot));

    world.server.put(&gun(), &RoleName::Timestamp, &new);
    world.update().unwrap();
}

#[test]
fn a_server_whose_key_the_root_replaced_may_count_from_one() {
    let mut world = World::new();
    world.publish();
    world.update().unwrap();
    world.publish();
    let snapshot = world.current(&RoleName::Snapshot);
    let first = world.publisher.timestamp_file(None, &snapshot, &world.timestamp_key);
    world.server.put(&gun(), &RoleName::Timestamp, &first);
    world.refused(is_rollback(RoleName::Timestamp));

    let key = Key::new(KeyAlgorithm::Ecdsa);
    world.publisher.rotate(RoleName::Timestamp, &key.public);
    world.publisher.root.version = world.publisher.root.version.next();
    world.timestamp_key = key;
    world.publish();
    let snapshot = world.current(&RoleName::Snapshot);
    let first = world.publisher.timestamp_file(None, &snapshot, &world.timestamp_key);
    world.server.put(&gun(), &RoleName::Timestamp, &first);
    assert_eq!(world.update().unwrap().timestamp().version.get(), 1);
}

#[test]
fn an_older_delegation_is_refused_although_the_targets_are_unchanged() {
    let mut world = World::new();
    let old = world.current(&releases());
    world.publish();
    world.update().unwrap();
    let (root, targets) = (world.current(&RoleName::Root), world.current(&RoleName::Targets));
    let named: [(&RoleName, &[u8]); 3] =
        [(&RoleName::Root, &root), (&RoleName::Targets, &targets), (&releases(), &old)];
    let snapshot = world.publisher.snapshot_file(3, &named);
    let timestamp = world.publisher.timestamp_file(Some(version(2)), &snapshot, &world.timestamp_key);
    world.server.put(&gun(), &RoleName::Snapshot, &snapshot);
    world.server.put(&gun(), &RoleName::Timestamp, &timestamp);
    world.refused(is_rollback(releases()));
}

#[test]
fn expired_metadata_is_refused_and_a_fresh_one_accepted_again() {
    let mut world = World::new();
    world.update().unwrap();
    world.at = now() + TimeDelta::days(15);
    world.refused(|error| matches!(error, UpdateError::Verify(VerifyError::Expired { role: RoleName::Timestamp, .. })));
    world.publisher.now = world.at;
    world.publish();
    world.update().unwrap();
}

#[test]
fn files_of_another_collection_are_refused() {
    let world = World::new();
    let (other, key) = Publisher::whole("example.com/other");
    let root = other.root_file();
    let targets = other.targets_file();
    let snapshot = other.snapshot_file(1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets)]);
    let timestamp = other.timestamp_file(None, &snapshot, &key);
    let replayed = World { server: Arc::new(MemoryTransport::new("replay")), ..World::new() };
    for (role, bytes) in [
        (RoleName::Root, root),
        (RoleName::Targets, targets),
        (RoleName::Snapshot, snapshot),
        (RoleName::Timestamp, timestamp),
    ] {
        replayed.server.put(&gun(), &role, &bytes);
    }
    replayed.refused(|error| matches!(error, UpdateError::Verify(VerifyError::NoRootCertificate { .. })));
    drop(world);
}

#[test]
fn mixed_and_swapped_files_are_refused() {
    let mut world = World::new();
    world.update().unwrap();
    let old_targets = world.current(&RoleName::Targets);
    world.publish();
    let snapshot = world.current(&RoleName::Snapshot);
    let named = RemoteFile::ByDigest(RoleName::Targets, digest_of(&world.current(&RoleName::Targets)));
    world.server.put_as(&gun(), &named, &old_targets);
    world.refused(|error| matches!(error, UpdateError::Verify(VerifyError::Checksum { role: RoleName::Targets, .. })));
    assert!(!snapshot.is_empty());

    let mut world = World::new();
    let named = RemoteFile::ByDigest(releases(), digest_of(&world.current(&releases())));
    let mut longer = world.current(&releases());
    longer.extend_from_slice(&[b' '; 64]);
    world.server.put_as(&gun(), &named, &longer);
    world.refused(|error| matches!(error, UpdateError::Transport(e) if e.to_string().contains("more than")));
    world.delegate = Key::new(KeyAlgorithm::Ecdsa);
    world.publish();
    let collection = world.update().unwrap();
    assert_eq!(collection.set_aside().len(), 1, "signed by a key nobody listed");
    assert!(collection.image("tag-000001", &NameRules::default()).is_err());
}

fn digest_of(bytes: &[u8]) -> [u8; 32] {
    libtrust::metadata::Digests::of(bytes).sha256.unwrap()
}

#[test]
fn root_rotations_are_followed_one_by_one() {
    let mut world = World::new();
    world.update().unwrap();
    for _ in 0..3 {
        world.rotate_root();
        world.publish();
    }
    let collection = world.update().unwrap();
    assert_eq!(collection.root().version.get(), 4);
    assert_eq!(collection.root_trust(), RootTrust::SeenBefore);

    // A root that nobody signed in is not followed.
    let thief = Key::certified(NAME, now() - TimeDelta::days(1), now() + TimeDelta::days(3650));
    world.publisher.rotate(RoleName::Root, &thief.public);
    world.publisher.root.version = Version::try_from(5).unwrap();
    world.publisher.root_key = thief;
    world.root_signers.clear();
    world.publish();
    world.refused(|error| matches!(error, UpdateError::Verify(VerifyError::RootRotation(_))));
}

#[test]
fn a_reader_who_slept_through_the_end_of_root_and_certificate_catches_up() {
    let mut world = World::new();
    world.update().unwrap();
    world.at = now() + TimeDelta::days(11 * 365);
    world.publisher.now = world.at;
    world.publisher.root.expires = world.at + TimeDelta::days(3650);
    world.publisher.targets.expires = world.at + TimeDelta::days(365);
    for _ in 0..2 {
        let key = Key::certified(NAME, world.at - TimeDelta::days(1), world.at + TimeDelta::days(3650));
        world.publisher.rotate(RoleName::Root, &key.public);
        world.publisher.root.version = world.publisher.root.version.next();
        world.root_signers = vec![std::mem::replace(&mut world.publisher.root_key, key)];
        world.publish();
    }
    assert_eq!(world.update().unwrap().root().version.get(), 3);
}

#[test]
fn pins_hold_for_the_first_root_and_for_each_that_follows() {
    let mut world = World::new();
    let pin = |ids: &[&KeyId]| {
        let root = RootPins::Keys(ids.iter().map(|id| (*id).clone()).collect());
        TrustPolicy::default().with(NAME.parse().unwrap(), NameRules { root, first_use: false, ..NameRules::default() })
    };
    let not_pinned = |error: &UpdateError| matches!(error, UpdateError::Verify(VerifyError::NotPinned { .. }));
    world.policy = pin(&[&world.timestamp_key.id]);
    world.refused(not_pinned);
    world.policy = pin(&[&world.publisher.root_key.id]);
    assert_eq!(world.update().unwrap().root_trust(), RootTrust::Pinned);
    // By the plain key in the certificate, as `key list` shows it.
    world.policy = pin(&[&Key::plain_id(&world.publisher.root_key)]);
    world.update().unwrap();

    world.rotate_root();
    world.publish();
    world.refused(not_pinned);
    world.policy = pin(&[&world.publisher.root_key.id]);
    assert_eq!(world.update().unwrap().root().version.get(), 2);
}

#[test]
fn first_use_is_not_trusted_where_the_policy_forbids_it() {
    let mut world = World::new();
    world.policy = TrustPolicy::default().without_first_use();
    world.refused(|error| matches!(error, UpdateError::FirstUse { .. }));
    world.policy = TrustPolicy::default();
    world.update().unwrap();
    world.policy = TrustPolicy::default().without_first_use();
    world.update().unwrap();
}

#[test]
fn the_cache_is_enough_only_for_those_who_say_so() {
    let mut world = World::new();
    // The server would answer, and is not asked.
    let unknown = world.client().cached(&gun()).unwrap_err();
    assert!(matches!(unknown, UpdateError::NotCached { role: RoleName::Root, .. }), "{unknown}");
    world.update().unwrap();
    let offline = |world: &World, rules: NameRules| {
        let policy = TrustPolicy::default().with_default(rules);
        let client = world.client().with_policy(policy);
        client.update(&gun(), Offline::Always).now_or_never().unwrap()
    };
    let collection = offline(&world, NameRules::default()).unwrap();
    assert_eq!(*collection.confirmation(), Confirmation::Cache { confirmed: Some(now()), cause: None });
    world.at = now() + TimeDelta::hours(2);
    let fresh = Some(std::time::Duration::from_secs(3600));
    let stale = offline(&world, NameRules { fresh, ..NameRules::default() }).unwrap_err();
    assert!(matches!(stale, UpdateError::Stale { .. }), "{stale}");
    world.at = now() + TimeDelta::days(15);
    assert!(matches!(
        offline(&world, NameRules::default()).unwrap_err(),
        UpdateError::Verify(VerifyError::Expired { role: RoleName::Timestamp, .. })
    ));
}

#[test]
fn a_damaged_root_in_the_cache_is_an_error_and_not_a_first_use() {
    let world = World::new();
    world.update().unwrap();
    let timestamp = world.current(&RoleName::Timestamp);
    let files: [(&RoleName, &[u8]); 1] = [(&RoleName::Root, b"{}")];
    assert!(world.cache.commit(&gun(), Some(&timestamp), &files, now()).unwrap());
    world.refused(|error| matches!(error, UpdateError::DamagedCache { .. }));
}
