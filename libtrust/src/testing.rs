//! A publisher for tests: makes collections as Notary's clients do, and lets a test spoil any part.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use ring::rand::SystemRandom;

use crate::dialect::{Dialect, Spelled};
use crate::edit::{next_snapshot, next_timestamp};
use crate::keys::{CertificateBundle, KeyAlgorithm, KeyType, PublicKey, Signature, SigningKey};
use crate::metadata::{
    Delegation, Delegations, Digests, FileMeta, RoleKeys, Root, Snapshot, Target, Targets, Threshold, Version,
};
use crate::names::{DelegationName, Gun, KeyId, RoleName};

/// A fixed time at which everything a [`Publisher`] makes is valid.
#[must_use]
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

/// Any version.
#[must_use]
pub fn version(number: u64) -> Version {
    Version::try_from(number).unwrap()
}

/// A private key, its public form in metadata and the id of that form.
pub struct Key {
    pub signing: SigningKey,
    pub public: PublicKey,
    pub id: KeyId,
}

impl Key {
    #[must_use]
    pub fn new(algorithm: KeyAlgorithm) -> Self {
        Self::plain(SigningKey::generate(algorithm, &SystemRandom::new()).unwrap())
    }

    #[must_use]
    pub fn plain(signing: SigningKey) -> Self {
        let public = signing.public_key().clone();
        let id = Dialect::Notary.key_id(&public);
        Self { signing, public, id }
    }

    /// A key in a self-signed certificate with this common name.
    #[must_use]
    pub fn certified(common_name: &str, from: DateTime<Utc>, to: DateTime<Utc>) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let date = |time: DateTime<Utc>| std::time::SystemTime::from(time).into();
        (params.not_before, params.not_after) = (date(from), date(to));
        let certificate = params.self_signed(&pair).unwrap();
        let pem = CertificateBundle::to_pem(&[certificate.der()]);
        let public = PublicKey::new(KeyType::EcdsaX509, pem.into_bytes());
        let id = Dialect::Notary.key_id(&public);
        Self { signing: SigningKey::from_pkcs8(&pair.serialize_der()).unwrap(), public, id }
    }

    /// The id of the plain key in a certificate.
    #[must_use]
    pub fn plain_id(&self) -> KeyId {
        Dialect::Notary.canonical_key_id(&self.public)
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.signing.sign(&self.id, message, &SystemRandom::new()).unwrap()
    }
}

/// Signs `metadata` with `keys` and returns the file.
#[must_use]
pub fn file<T: Spelled>(metadata: &T, keys: &[&Key]) -> Vec<u8> {
    let unsigned = Dialect::Notary.encode(metadata).unwrap();
    let signatures: Vec<Signature> = keys.iter().map(|key| key.sign(&unsigned.canonical)).collect();
    unsigned.with_signatures(Dialect::Notary, &signatures)
}

/// A role's keys.
#[must_use]
pub fn role_keys(ids: &[&KeyId], threshold: u32) -> RoleKeys {
    RoleKeys {
        key_ids: ids.iter().map(|id| (*id).clone()).collect(),
        threshold: Threshold::try_from(threshold).unwrap(),
    }
}

/// Makes the files of one collection. Fields are public so that a test can spoil them.
pub struct Publisher {
    pub gun: Gun,
    pub now: DateTime<Utc>,
    pub root_key: Key,
    pub targets_key: Key,
    /// Holds the snapshot key itself unless the server does.
    pub snapshot_key: Key,
    pub root: Root,
    pub targets: Targets,
}

impl Publisher {
    /// A collection whose timestamp key (and snapshot key, if given) is the server's.
    #[must_use]
    pub fn new(gun: &str, now: DateTime<Utc>, timestamp: &PublicKey, snapshot: Option<&PublicKey>) -> Self {
        let years = TimeDelta::days(365);
        let root_key = Key::certified(gun, now - TimeDelta::days(1), now + years * 10);
        let targets_key = Key::new(KeyAlgorithm::Ecdsa);
        let snapshot_key = Key::new(KeyAlgorithm::Ecdsa);
        let snapshot = snapshot.unwrap_or(&snapshot_key.public);
        let mut keys = BTreeMap::new();
        let mut roles = BTreeMap::new();
        for (role, key) in [
            (RoleName::Root, &root_key.public),
            (RoleName::Targets, &targets_key.public),
            (RoleName::Snapshot, snapshot),
            (RoleName::Timestamp, timestamp),
        ] {
            let id = Dialect::Notary.key_id(key);
            roles.insert(role, role_keys(&[&id], 1));
            keys.insert(id, key.clone());
        }
        let root = Root { version: Version::FIRST, expires: now + years * 10, consistent_snapshot: false, keys, roles };
        let targets = Targets {
            version: Version::FIRST,
            expires: now + years * 3,
            targets: BTreeMap::new(),
            delegations: Delegations::default(),
        };
        Self { gun: gun.parse().unwrap(), now, root_key, targets_key, snapshot_key, root, targets }
    }

    /// A collection all of whose keys are here; returns the timestamp key too.
    #[must_use]
    pub fn whole(gun: &str) -> (Self, Key) {
        let timestamp = Key::new(KeyAlgorithm::Ed25519);
        (Self::new(gun, now(), &timestamp.public, None), timestamp)
    }

    /// Sets `count` tags with digests that follow from `seed`.
    pub fn tag(&mut self, count: usize, seed: u64) {
        self.targets.targets = (0..count)
            .map(|n| {
                let digests = Digests { sha512: None, ..Digests::of(format!("{seed}/{n}").as_bytes()) };
                (format!("tag-{n:06}"), Target { length: 528, digests, custom: None })
            })
            .collect();
    }

    /// Gives `names` to these keys, all paths, threshold 1.
    pub fn delegate(&mut self, name: &str, keys: &[&Key]) {
        let name: DelegationName = name.parse().unwrap();
        for key in keys {
            self.targets.delegations.keys.insert(key.id.clone(), key.public.clone());
        }
        let ids: Vec<&KeyId> = keys.iter().map(|key| &key.id).collect();
        let delegation = Delegation::of_paths(name, role_keys(&ids, 1), vec![String::new()]);
        self.targets.delegations.roles.push(delegation);
    }

    /// Replaces the keys of a role.
    pub fn rotate(&mut self, role: RoleName, key: &PublicKey) {
        let id = Dialect::Notary.key_id(key);
        self.root.keys.insert(id.clone(), key.clone());
        self.root.roles.insert(role, role_keys(&[&id], 1));
    }

    #[must_use]
    pub fn root_file(&self) -> Vec<u8> {
        file(&self.root, &[&self.root_key])
    }

    #[must_use]
    pub fn targets_file(&self) -> Vec<u8> {
        file(&self.targets, &[&self.targets_key])
    }

    /// A delegated role of this version, without targets.
    #[must_use]
    pub fn empty_targets(&self, number: u64) -> Targets {
        Targets { version: version(number), ..self.targets_like() }
    }

    fn targets_like(&self) -> Targets {
        Targets { targets: BTreeMap::new(), delegations: Delegations::default(), ..self.targets.clone() }
    }

    /// A snapshot of this version that names these files.
    #[must_use]
    pub fn snapshot(&self, number: u64, files: &[(&RoleName, &[u8])]) -> Snapshot {
        let metas: Vec<(&RoleName, FileMeta)> =
            files.iter().map(|(role, bytes)| (*role, FileMeta::of(bytes))).collect();
        let snapshot = next_snapshot(None, metas.iter().map(|(role, meta)| (*role, meta)), self.now);
        Snapshot { version: version(number), ..snapshot }
    }

    #[must_use]
    pub fn snapshot_file(&self, number: u64, files: &[(&RoleName, &[u8])]) -> Vec<u8> {
        file(&self.snapshot(number, files), &[&self.snapshot_key])
    }

    /// A timestamp that names this snapshot, signed by `key`.
    #[must_use]
    pub fn timestamp_file(&self, previous: Option<Version>, snapshot: &[u8], key: &Key) -> Vec<u8> {
        file(&next_timestamp(previous, FileMeta::of(snapshot), self.now), &[key])
    }
}
