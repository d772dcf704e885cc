//! What somebody without the keys, or with stolen old files, may try. Each must fail for the right reason.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use chrono::{DateTime, TimeDelta, Utc};
use libtrust::dialect::{Dialect, Envelope, MalformedFile, Spelled};
use libtrust::keys::KeyAlgorithm;
use libtrust::limits::Limits;
use libtrust::metadata::{Digests, Root, Snapshot, Targets, Timestamp, Version};
use libtrust::names::{Gun, RoleName};
use libtrust::testing::{Key, Publisher, file, now, role_keys, version};
use libtrust::verify::{
    CertificateDates, Expiration, Known, SigningKeys, TrustedRoot, TrustedSnapshot, TrustedTargets, Verified,
    VerifyError, first_root, next_root, verify,
};

const GUN: &str = "example.com/app";
const ENFORCED: fn(DateTime<Utc>) -> Expiration = Expiration::Enforced;

fn parse<'a>(role: &RoleName, bytes: &'a [u8]) -> Envelope<'a> {
    Envelope::parse(Dialect::Notary, role.clone(), bytes, &Limits::default()).unwrap()
}

fn delegation(name: &str) -> RoleName {
    name.parse().unwrap()
}

/// A published collection with the delegations `targets/a`, `targets/a/b` and `targets/c`.
struct Collection {
    publisher: Publisher,
    timestamp_key: Key,
    delegate: Key,
    root: Vec<u8>,
    targets: Vec<u8>,
    a: Vec<u8>,
    ab: Vec<u8>,
    c: Vec<u8>,
}

impl Collection {
    fn new() -> Self {
        let (mut publisher, timestamp_key) = Publisher::whole(GUN);
        let (delegate, deeper) = (Key::new(KeyAlgorithm::Ecdsa), Key::new(KeyAlgorithm::Ed25519));
        publisher.tag(3, 1);
        publisher.delegate("targets/a", &[&delegate]);
        publisher.delegate("targets/c", &[&delegate]);
        let (root, targets) = (publisher.root_file(), publisher.targets_file());
        publisher.targets.delegations = Default::default();
        publisher.delegate("targets/a/b", &[&deeper]);
        let a = file(&publisher.targets, &[&delegate]);
        let ab = file(&publisher.empty_targets(1), &[&deeper]);
        let c = file(&publisher.empty_targets(1), &[&delegate]);
        Self { publisher, timestamp_key, delegate, root, targets, a, ab, c }
    }

    fn snapshot(&self, number: u64) -> Snapshot {
        let [a, ab, c] = ["targets/a", "targets/a/b", "targets/c"].map(delegation);
        let files: [(&RoleName, &[u8]); 5] = [
            (&RoleName::Root, &self.root),
            (&RoleName::Targets, &self.targets),
            (&a, &self.a),
            (&ab, &self.ab),
            (&c, &self.c),
        ];
        self.publisher.snapshot(number, &files)
    }

    fn signed(&self, snapshot: &Snapshot) -> Vec<u8> {
        file(snapshot, &[&self.publisher.snapshot_key])
    }

    fn timestamp(&self, snapshot: &[u8]) -> Vec<u8> {
        self.publisher.timestamp_file(None, snapshot, &self.timestamp_key)
    }

    fn first_root(&self) -> Verified<Root> {
        let now = self.publisher.now;
        first_root(&parse(&RoleName::Root, &self.root), &gun(), CertificateDates::Enforced(now), ENFORCED(now)).unwrap()
    }

    fn trusted_root(&self) -> TrustedRoot {
        TrustedRoot::new(self.first_root(), ENFORCED(self.publisher.now))
    }

    /// Root, timestamp and snapshot, with the snapshot spoiled and signed again by the right key.
    fn with_snapshot(&self, spoil: impl FnOnce(&mut Snapshot)) -> Result<TrustedSnapshot, VerifyError> {
        let mut snapshot = self.snapshot(1);
        spoil(&mut snapshot);
        let snapshot = self.signed(&snapshot);
        let timestamp = self.timestamp(&snapshot);
        self.trusted_root()
            .timestamp(&parse(&RoleName::Timestamp, &timestamp), Known::Nothing)?
            .snapshot(&parse(&RoleName::Snapshot, &snapshot), Known::Nothing)
    }

    fn chain(&self) -> TrustedTargets {
        self.with_snapshot(|_| ()).unwrap().targets(&parse(&RoleName::Targets, &self.targets), None).unwrap()
    }

    fn targets_with(
        &self,
        change: impl FnOnce(&mut Targets),
        at: Expiration,
    ) -> Result<Verified<Targets>, VerifyError> {
        let mut targets = self.publisher.empty_targets(1);
        change(&mut targets);
        let bytes = file(&targets, &[&self.publisher.targets_key]);
        let keys = SigningKeys::of_role(&self.publisher.root, &RoleName::Targets).unwrap();
        verify(&parse(&RoleName::Targets, &bytes), &keys, at)
    }
}

fn gun() -> Gun {
    GUN.parse().unwrap()
}

fn code<T>(result: Result<T, VerifyError>) -> &'static str {
    result.err().map_or("accepted", |error| error.code())
}

// Time.

#[test]
fn a_file_is_valid_up_to_its_expiry_and_not_a_nanosecond_longer() {
    let collection = Collection::new();
    let expires = now() + TimeDelta::days(1);
    for (late, verdict) in [(-1, "accepted"), (0, "accepted"), (1, "expired")] {
        let at = ENFORCED(expires + TimeDelta::nanoseconds(late));
        assert_eq!(code(collection.targets_with(|targets| targets.expires = expires, at)), verdict, "{late}");
    }
    assert_eq!(code(collection.targets_with(|targets| targets.expires = expires, Expiration::Ignored)), "accepted");
}

#[test]
fn an_expired_root_ends_the_chain_even_if_it_was_verified_leniently() {
    let collection = Collection::new();
    let later = now() + TimeDelta::days(365 * 20);
    let root = parse(&RoleName::Root, &collection.root);
    let root = first_root(&root, &gun(), CertificateDates::Ignored, Expiration::Ignored).unwrap();
    let snapshot = collection.signed(&collection.snapshot(1));
    let timestamp = collection.timestamp(&snapshot);
    let chain =
        TrustedRoot::new(root, ENFORCED(later)).timestamp(&parse(&RoleName::Timestamp, &timestamp), Known::Nothing);
    assert_eq!(chain.unwrap_err().to_string(), {
        let expires = (now() + TimeDelta::days(3650)).format("%a %b %-d %H:%M:%S UTC %Y");
        format!("root expired at {expires}: version 1, sign it again")
    });
}

#[test]
fn an_expired_certificate_does_not_block_its_own_rotation() {
    let (mut publisher, _) = Publisher::whole(GUN);
    let first = publisher.root_file();
    let at = now() + TimeDelta::days(365 * 11);
    let dates = CertificateDates::Enforced(at);
    let parsed = parse(&RoleName::Root, &first);
    assert_eq!(code(first_root(&parsed, &gun(), dates, Expiration::Ignored)), "root-certificate");
    let previous = first_root(&parsed, &gun(), CertificateDates::Ignored, Expiration::Ignored).unwrap();

    let renewed = Key::certified(GUN, at - TimeDelta::days(1), at + TimeDelta::days(365));
    publisher.rotate(RoleName::Root, &renewed.public);
    (publisher.root.version, publisher.root.expires) = (version(2), at + TimeDelta::days(365));
    let bytes = file(&publisher.root, &[&renewed, &publisher.root_key]);
    next_root(&parse(&RoleName::Root, &bytes), &previous, &gun(), dates, ENFORCED(at)).unwrap();
}

// Going back.

#[test]
fn an_older_version_is_refused_and_the_same_one_is_not() {
    let collection = Collection::new();
    let snapshot = collection.signed(&collection.snapshot(5));
    let timestamp = collection.publisher.timestamp_file(Some(version(4)), &snapshot, &collection.timestamp_key);
    let timestamp = parse(&RoleName::Timestamp, &timestamp);
    let with = |known: Option<Version>| collection.trusted_root().timestamp(&timestamp, known);
    assert_eq!(with(Some(version(6))).unwrap_err().to_string(), "version 5 is lower than current version 6: timestamp");
    let snapshot = parse(&RoleName::Snapshot, &snapshot);
    assert_eq!(code(with(Some(version(5))).unwrap().snapshot(&snapshot, Some(version(6)))), "rollback");
    let chain = with(None).unwrap().snapshot(&snapshot, Some(version(5))).unwrap();
    let targets = parse(&RoleName::Targets, &collection.targets);
    assert_eq!(code(chain.clone().targets(&targets, Some(version(2)))), "rollback");
    let mut chain = chain.targets(&targets, Some(version(1))).unwrap();
    let a = parse(&delegation("targets/a"), &collection.a);
    assert_eq!(code(chain.delegation(&"targets/a".parse().unwrap(), &a, Some(version(2)))), "rollback");
    assert!(chain.role(&delegation("targets/a")).is_none());
}

#[test]
fn a_root_does_not_follow_a_newer_one() {
    let (mut publisher, _) = Publisher::whole(GUN);
    let old = publisher.root_file();
    publisher.root.version = version(2);
    let new = publisher.root_file();
    let dates = CertificateDates::Enforced(now());
    let newest = first_root(&parse(&RoleName::Root, &new), &gun(), dates, ENFORCED(now())).unwrap();
    let back = next_root(&parse(&RoleName::Root, &old), &newest, &gun(), dates, ENFORCED(now()));
    assert_eq!(code(back), "rollback");
    next_root(&parse(&RoleName::Root, &new), &newest, &gun(), dates, ENFORCED(now())).unwrap();
}

// Mixing files.

#[test]
fn a_snapshot_that_the_timestamp_does_not_name_is_refused() {
    let collection = Collection::new();
    let (named, other) = (collection.signed(&collection.snapshot(1)), collection.signed(&collection.snapshot(2)));
    let timestamp = collection.timestamp(&named);
    let chain = collection.trusted_root().timestamp(&parse(&RoleName::Timestamp, &timestamp), Known::Nothing).unwrap();
    assert_eq!(code(chain.snapshot(&parse(&RoleName::Snapshot, &other), Known::Nothing)), "checksum");
}

#[test]
fn a_snapshot_of_another_root_is_refused() {
    let collection = Collection::new();
    let mut root = collection.publisher.root.clone();
    root.version = version(2);
    let other = libtrust::metadata::FileMeta::of(&file(&root, &[&collection.publisher.root_key]));
    let chain = collection.with_snapshot(|snapshot| {
        snapshot.meta.insert("root".to_owned(), other);
    });
    assert_eq!(code(chain), "checksum");
}

#[test]
fn targets_other_than_the_snapshot_names_are_refused_although_signed() {
    let collection = Collection::new();
    let other = file(&collection.publisher.empty_targets(7), &[&collection.publisher.targets_key]);
    let chain = collection.with_snapshot(|_| ()).unwrap();
    assert_eq!(code(chain.targets(&parse(&RoleName::Targets, &other), None)), "checksum");
}

#[test]
fn every_digest_and_the_length_must_match() {
    let collection = Collection::new();
    type Spoil = fn(&mut libtrust::metadata::FileMeta);
    let spoils: [(Spoil, &str); 6] = [
        (|meta| meta.digests.sha256.as_mut().unwrap()[31] ^= 1, "checksum"),
        (|meta| meta.digests.sha512.as_mut().unwrap()[63] ^= 1, "checksum"),
        (|meta| meta.length = meta.length.map(|n| n + 1), "length"),
        (|meta| meta.length = meta.length.map(|n| n - 1), "length"),
        (|meta| meta.digests.sha512 = None, "accepted"),
        (|_| (), "accepted"),
    ];
    for (spoil, verdict) in spoils {
        let chain = collection.with_snapshot(|snapshot| spoil(snapshot.meta.get_mut("targets").unwrap())).unwrap();
        assert_eq!(code(chain.targets(&parse(&RoleName::Targets, &collection.targets), None)), verdict);
    }
}

#[test]
fn a_delegation_named_without_a_digest_is_refused() {
    let collection = Collection::new();
    let chain = collection.with_snapshot(|snapshot| {
        snapshot.meta.get_mut("targets/a").unwrap().digests = Digests::default();
    });
    let mut chain = chain.unwrap().targets(&parse(&RoleName::Targets, &collection.targets), None).unwrap();
    let a = parse(&delegation("targets/a"), &collection.a);
    assert_eq!(code(chain.delegation(&"targets/a".parse().unwrap(), &a, None)), "no-checksum");
}

// Delegations.

#[test]
fn delegations_are_read_below_their_parents() {
    let collection = Collection::new();
    let mut chain = collection.chain();
    let ab = parse(&delegation("targets/a/b"), &collection.ab);
    let name = "targets/a/b".parse().unwrap();
    assert_eq!(code(chain.delegation(&name, &ab, None)), "not-delegated", "the parent was not read");
    let a = parse(&delegation("targets/a"), &collection.a);
    chain.delegation(&"targets/a".parse().unwrap(), &a, None).unwrap();
    chain.delegation(&name, &ab, None).unwrap();
}

#[test]
fn a_delegation_that_is_not_listed_or_not_in_the_snapshot_is_refused() {
    let collection = Collection::new();
    let unlisted = delegation("targets/z");
    let mut chain = collection.chain();
    let error = chain.delegation(&"targets/z".parse().unwrap(), &parse(&unlisted, &collection.a), None).unwrap_err();
    assert_eq!(error.to_string(), "tuf: invalid role targets/z. delegation does not exist");

    let chain = collection.with_snapshot(|snapshot| {
        snapshot.meta.remove("targets/a");
    });
    let mut chain = chain.unwrap().targets(&parse(&RoleName::Targets, &collection.targets), None).unwrap();
    let a = parse(&delegation("targets/a"), &collection.a);
    assert_eq!(code(chain.delegation(&"targets/a".parse().unwrap(), &a, None)), "not-in-snapshot");
}

#[test]
fn a_file_of_one_role_cannot_stand_for_another() {
    let collection = Collection::new();
    let mut chain = collection.chain();
    // The same key signs both, so only the snapshot's digest tells them apart.
    let c_as_a = parse(&delegation("targets/a"), &collection.c);
    assert_eq!(code(chain.delegation(&"targets/a".parse().unwrap(), &c_as_a, None)), "checksum");
    // Parsed as one role, offered as another.
    let c = parse(&delegation("targets/c"), &collection.c);
    assert_eq!(code(chain.delegation(&"targets/a".parse().unwrap(), &c, None)), "not-delegated");
    let targets = parse(&RoleName::Targets, &collection.targets);
    assert_eq!(code(collection.trusted_root().timestamp(&targets, Known::Nothing)), "not-delegated");
}

#[test]
fn a_type_is_read_only_from_files_of_its_role() {
    let collection = Collection::new();
    let keys = SigningKeys::of_role(&collection.publisher.root, &RoleName::Root).unwrap();
    let root = parse(&RoleName::Root, &collection.root);
    assert_eq!(code(verify::<Root>(&root, &keys, ENFORCED(now()))), "not-delegated", "past the certificate rules");
    let relabelled = parse(&RoleName::Targets, &collection.root);
    assert_eq!(code(verify::<Root>(&relabelled, &keys, ENFORCED(now()))), "structure");
    assert!(Timestamp::decode(&parse(&RoleName::Targets, &collection.targets)).is_err());
}

// Signatures.

#[test]
fn a_delegate_cannot_sign_for_another_role() {
    let collection = Collection::new();
    let forged = file(&collection.publisher.empty_targets(9), &[&collection.delegate]);
    let keys = SigningKeys::of_role(&collection.publisher.root, &RoleName::Targets).unwrap();
    let verdict = verify::<Targets>(&parse(&RoleName::Targets, &forged), &keys, ENFORCED(now()));
    let error = verdict.unwrap_err();
    assert_eq!(error.code(), "threshold");
    assert!(error.to_string().starts_with("valid signatures did not meet threshold for targets: version 9 has 0 of 1"));
}

#[test]
fn a_threshold_needs_that_many_keys() {
    let (mut publisher, _) = Publisher::whole(GUN);
    let second = Key::new(KeyAlgorithm::Ed25519);
    publisher.root.keys.insert(second.id.clone(), second.public.clone());
    let listed = role_keys(&[&publisher.targets_key.id, &second.id], 2);
    publisher.root.roles.insert(RoleName::Targets, listed);
    let keys = SigningKeys::of_role(&publisher.root, &RoleName::Targets).unwrap();
    let first = &publisher.targets_key;
    for (signers, verdict) in [
        (&[first][..], "threshold"),
        (&[first, first], "threshold"),
        (&[&second, &second, &second], "threshold"),
        (&[first, &second], "accepted"),
        (&[], "no-signatures"),
    ] {
        let bytes = file(&publisher.targets, signers);
        let result = verify::<Targets>(&parse(&RoleName::Targets, &bytes), &keys, ENFORCED(now()));
        assert_eq!(code(result), verdict);
    }
}

// Texts made to hurt.

#[test]
fn oversized_and_overdeep_files_are_refused_before_they_cost() {
    let (publisher, _) = Publisher::whole(GUN);
    let bytes = publisher.targets_file();
    let read =
        |bytes: &[u8], limits: &Limits| Envelope::parse(Dialect::Notary, RoleName::Targets, bytes, limits).map(drop);
    let tight = Limits { file_bytes: bytes.len() - 1, ..Limits::default() };
    assert!(matches!(read(&bytes, &tight), Err(MalformedFile::TooLarge { .. })));
    let bomb = "{\"a\":".repeat(1 << 20);
    assert!(matches!(read(bomb.as_bytes(), &Limits::default()), Err(MalformedFile::Json { .. })));
    let text = String::from_utf8(bytes).unwrap();
    let (head, tail) = text.split_once("\"signatures\":[").unwrap();
    let one = tail.strip_suffix("]}").unwrap();
    let many = format!("{head}\"signatures\":[{}]}}", vec![one; 129].join(","));
    let refused = read(many.as_bytes(), &Limits::default());
    assert!(matches!(refused, Err(MalformedFile::TooManySignatures { found: 129, .. })));
}

#[test]
fn a_message_stays_short_whatever_the_file_says() {
    let name = "x".repeat(60_000);
    let from = now() - TimeDelta::days(1);
    let (mut publisher, _) = Publisher::whole(GUN);
    publisher.root_key = Key::certified(&name, from, now() + TimeDelta::days(9));
    publisher.rotate(RoleName::Root, &publisher.root_key.public.clone());
    let bytes = publisher.root_file();
    let dates = CertificateDates::Enforced(now());
    let error = first_root(&parse(&RoleName::Root, &bytes), &gun(), dates, ENFORCED(now())).unwrap_err();
    assert!(error.to_string().len() < 500, "{}", error.to_string().len());
}
