//! What holds for all metadata, not only for examples.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use libtrust::dialect::{Dialect, Envelope, Spelled};
use libtrust::json::Value;
use libtrust::keys::{KeyAlgorithm, KeyType, PublicKey};
use libtrust::limits::Limits;
use libtrust::metadata::{
    Delegation, Delegations, Digests, FileMeta, RoleKeys, Root, Snapshot, Target, Targets, Threshold, Timestamp,
    Version,
};
use libtrust::names::{KeyId, RoleName};
use libtrust::testing::{Key, Publisher, file, role_keys};
use libtrust::verify::{CertificateDates, Expiration, SigningKeys, Verified, first_root, verify};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;

// Any metadata.

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9._-]{0,20}", any::<String>(), "[\u{0}-\u{20}\"\\\\/<>&\u{2027}-\u{202a}é🦀]{0,8}"]
}

fn versions() -> impl Strategy<Value = Version> {
    (1..=Version::MAX).prop_map(|number| Version::try_from(number).unwrap())
}

fn thresholds() -> impl Strategy<Value = Threshold> {
    (1..=u32::MAX).prop_map(|number| Threshold::try_from(number).unwrap())
}

/// Whole seconds from the year 0 to 9999, the dates that are written.
fn dates() -> impl Strategy<Value = DateTime<Utc>> {
    (-62_167_219_200i64..=253_402_300_799).prop_map(|seconds| DateTime::from_timestamp(seconds, 0).unwrap())
}

fn digests() -> impl Strategy<Value = Digests> {
    (any::<[u8; 32]>(), proptest::option::of(any::<[[u8; 32]; 2]>())).prop_map(|(sha256, sha512)| {
        let sha512 = sha512.map(|halves| halves.concat().try_into().unwrap());
        Digests { sha256: Some(sha256), sha512, others: false }
    })
}

fn lengths() -> impl Strategy<Value = u64> {
    0..=(1u64 << 53)
}

fn file_metas() -> impl Strategy<Value = FileMeta> {
    (lengths(), digests()).prop_map(|(length, digests)| FileMeta { version: None, length: Some(length), digests })
}

fn custom() -> impl Strategy<Value = Value<'static>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        lengths().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::Array),
            btree_map(text(), inner, 0..4).prop_map(|m| m.into_iter().map(|(name, v)| (name.into(), v)).collect()),
        ]
    })
}

fn targets_map() -> impl Strategy<Value = BTreeMap<String, Target>> {
    let target = (lengths(), digests(), proptest::option::of(custom()));
    btree_map(text(), target.prop_map(|(length, digests, custom)| Target { length, digests, custom }), 0..4)
}

fn keys() -> impl Strategy<Value = BTreeMap<KeyId, PublicKey>> {
    let kind = prop_oneof![
        Just(KeyType::Ecdsa),
        Just(KeyType::EcdsaX509),
        Just(KeyType::Rsa),
        Just(KeyType::RsaX509),
        Just(KeyType::Ed25519),
        text().prop_map(|name| KeyType::from(name.as_str())),
    ];
    let key = (kind, vec(any::<u8>(), 0..80)).prop_map(|(key_type, public)| PublicKey::new(key_type, public));
    vec(key, 1..5).prop_map(|keys| keys.into_iter().map(|key| (Dialect::Notary.key_id(&key), key)).collect())
}

fn roles_of(keys: &BTreeMap<KeyId, PublicKey>) -> impl Strategy<Value = RoleKeys> + use<> {
    let ids: Vec<KeyId> = keys.keys().cloned().collect();
    let listed = proptest::sample::subsequence(ids.clone(), 0..=ids.len());
    (listed, thresholds()).prop_map(|(key_ids, threshold)| RoleKeys { key_ids, threshold })
}

fn roots() -> impl Strategy<Value = Root> {
    let keyed = keys().prop_flat_map(|keys| (vec(roles_of(&keys), 4), Just(keys)));
    (versions(), dates(), any::<bool>(), keyed).prop_map(|(version, expires, consistent_snapshot, (roles, keys))| {
        let names = [RoleName::Root, RoleName::Targets, RoleName::Snapshot, RoleName::Timestamp];
        Root { version, expires, consistent_snapshot, keys, roles: names.into_iter().zip(roles).collect() }
    })
}

fn delegations() -> impl Strategy<Value = Delegations> {
    keys().prop_flat_map(|keys| {
        let role = (roles_of(&keys), vec(text(), 0..3));
        (btree_map("[-a-z0-9_]{1,12}", role, 0..4), Just(keys)).prop_map(|(roles, keys)| {
            let delegation = |(name, (keys, paths))| {
                let name = format!("targets/{name}").parse().unwrap();
                Delegation::of_paths(name, keys, paths)
            };
            Delegations { keys, roles: roles.into_iter().map(delegation).collect(), succinct: None }
        })
    })
}

fn targets() -> impl Strategy<Value = Targets> {
    (versions(), dates(), targets_map(), delegations()).prop_map(|(version, expires, targets, delegations)| Targets {
        version,
        expires,
        targets,
        delegations,
    })
}

fn snapshots() -> impl Strategy<Value = Snapshot> {
    (versions(), dates(), btree_map(text(), file_metas(), 0..4), [file_metas(), file_metas()]).prop_map(
        |(version, expires, mut meta, [root, targets])| {
            meta.extend([("root".to_owned(), root), ("targets".to_owned(), targets)]);
            Snapshot { version, expires, meta }
        },
    )
}

fn timestamps() -> impl Strategy<Value = Timestamp> {
    (versions(), dates(), file_metas()).prop_map(|(version, expires, snapshot)| Timestamp {
        version,
        expires,
        snapshot,
    })
}

// Writing and reading.

fn reads_back<T: Spelled + PartialEq + Debug>(role: RoleName, metadata: &T) -> Result<(), TestCaseError> {
    let unsigned = Dialect::Notary.encode(metadata).unwrap();
    let bytes = unsigned.with_signatures(Dialect::Notary, &[]);
    let envelope = Envelope::parse(Dialect::Notary, role, &bytes, &Limits::default()).unwrap();
    prop_assert_eq!(envelope.canonical(), &unsigned.canonical[..]);
    prop_assert_eq!(&T::decode(&envelope).unwrap(), metadata);
    Ok(())
}

proptest! {
    #[test]
    fn a_root_reads_back_as_it_was_written(root in roots()) {
        reads_back(RoleName::Root, &root)?;
    }

    #[test]
    fn targets_read_back_as_they_were_written(targets in targets()) {
        reads_back(RoleName::Targets, &targets)?;
    }

    #[test]
    fn a_snapshot_reads_back_as_it_was_written(snapshot in snapshots()) {
        reads_back(RoleName::Snapshot, &snapshot)?;
    }

    #[test]
    fn a_timestamp_reads_back_as_it_was_written(timestamp in timestamps()) {
        reads_back(RoleName::Timestamp, &timestamp)?;
    }
}

// Changing signed files.

/// A signed root and targets file, with two keys and a threshold of two.
struct Signed {
    publisher: Publisher,
    root: Vec<u8>,
    targets: Vec<u8>,
}

static SIGNED: LazyLock<Signed> = LazyLock::new(|| {
    let (mut publisher, _) = Publisher::whole("example.com/app");
    let second = Key::new(KeyAlgorithm::Ed25519);
    publisher.root.keys.insert(second.id.clone(), second.public.clone());
    let listed = role_keys(&[&publisher.targets_key.id, &second.id], 2);
    publisher.root.roles.insert(RoleName::Targets, listed);
    publisher.tag(3, 1);
    publisher.delegate("targets/a", &[&second]);
    let (root, targets) = (publisher.root_file(), file(&publisher.targets, &[&publisher.targets_key, &second]));
    Signed { publisher, root, targets }
});

fn verified_root(bytes: &[u8]) -> Option<Verified<Root>> {
    let envelope = Envelope::parse(Dialect::Notary, RoleName::Root, bytes, &Limits::default()).ok()?;
    let now = SIGNED.publisher.now;
    let dates = CertificateDates::Enforced(now);
    first_root(&envelope, &SIGNED.publisher.gun, dates, Expiration::Enforced(now)).ok()
}

fn verified_targets(bytes: &[u8]) -> Option<Verified<Targets>> {
    let envelope = Envelope::parse(Dialect::Notary, RoleName::Targets, bytes, &Limits::default()).ok()?;
    let keys = SigningKeys::of_role(&SIGNED.publisher.root, &RoleName::Targets).unwrap();
    verify(&envelope, &keys, Expiration::Enforced(SIGNED.publisher.now)).ok()
}

#[derive(Debug, Clone)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Repeat(Index, Index),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let byte =
        || prop_oneof![any::<u8>(), proptest::sample::select(b"0123456789\",:{}[]\\ eE.-+nulltruefalse".to_vec())];
    let change = prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<Index>(), vec(byte(), 1..6)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), 1..6usize).prop_map(|(at, count)| Change::Remove(at, count)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ];
    vec(change, 1..4)
}

fn apply(changes: &[Change], original: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for change in changes {
        let at = |index: &Index, bytes: &Vec<u8>| index.index(bytes.len().max(1)).min(bytes.len());
        match change {
            Change::Replace(index, byte) => {
                let at = at(index, &bytes);
                bytes.splice(at..(at + 1).min(bytes.len()), [*byte]);
            }
            Change::Insert(index, new) => {
                let at = at(index, &bytes);
                bytes.splice(at..at, new.iter().copied());
            }
            Change::Remove(index, count) => {
                let at = at(index, &bytes);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Change::Repeat(from, to) => {
                let (from, to) = (at(from, &bytes), at(to, &bytes));
                let piece = bytes[from..(from + 40).min(bytes.len())].to_vec();
                bytes.splice(to..to, piece);
            }
        }
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_changed_file_is_refused_or_says_the_same(changes in changes()) {
        if let Some(targets) = verified_targets(&apply(&changes, &SIGNED.targets)) {
            prop_assert_eq!(&*targets, &SIGNED.publisher.targets);
        }
        if let Some(root) = verified_root(&apply(&changes, &SIGNED.root)) {
            prop_assert_eq!(&*root, &SIGNED.publisher.root);
        }
    }

    #[test]
    fn image_references_read_back_from_either_form(
        text in "([a-zA-Z]{1,9}(\\.[a-z]{1,3})?(:[0-9]{1,5})?/)?([a-z0-9]{1,3}([._-]|__|--)?){1,3}(/[a-z]{1,9}){0,2}(:[a-zA-Z0-9_.-]{1,9})?"
    ) {
        libtrust::fuzzing::image(text.as_bytes());
    }

    #[test]
    fn bytes_never_crash_a_parser(bytes in vec(any::<u8>(), 0..512)) {
        libtrust::fuzzing::TARGETS.iter().for_each(|(_, run)| run(&bytes));
    }

    #[test]
    fn changed_files_never_crash_a_parser(changes in changes()) {
        for original in [&SIGNED.targets, &SIGNED.root] {
            let bytes = apply(&changes, original);
            libtrust::fuzzing::TARGETS.iter().for_each(|(_, run)| run(&bytes));
        }
    }
}

#[test]
fn every_single_bit_of_a_signed_file_counts() {
    assert!(verified_targets(&SIGNED.targets).is_some());
    assert!(verified_root(&SIGNED.root).is_some());
    for at in 0..SIGNED.targets.len() {
        let mut bytes = SIGNED.targets.clone();
        bytes[at] ^= 1 << (at % 8);
        if let Some(targets) = verified_targets(&bytes) {
            assert_eq!(*targets, SIGNED.publisher.targets, "byte {at}");
        }
    }
}
