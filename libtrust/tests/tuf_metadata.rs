//! Metadata of TUF 1.0 as other people's programs write it, and as it must not be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

use std::fs;
use std::path::{Path, PathBuf};

use libtrust::dialect::{Dialect, Envelope, Spelled};
use libtrust::keys::{KeyAlgorithm, SignatureScheme, SigningKey};
use libtrust::limits::Limits;
use libtrust::metadata::{Metadata, Root, Snapshot, Targets, Timestamp};
use libtrust::names::RoleName;
use libtrust::verify::{Expiration, SigningKeys, VerifyError, repository_root, verify};
use ring::rand::SystemRandom;
use serde_json::{Value, json};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/tuf");
    let children = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let repositories = ["python-tuf", "tough"].into_iter().flat_map(|writer| children(folder.join(writer)));
    repositories.flat_map(|repository| children(repository.join("metadata"))).collect()
}

fn parse(role: RoleName, bytes: &[u8]) -> Envelope<'_> {
    Envelope::parse(Dialect::Tuf, role, bytes, &Limits::TUF).unwrap()
}

fn role_of(file: &Path) -> RoleName {
    let value: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    match value["signed"]["_type"].as_str().unwrap() {
        "targets" => RoleName::Targets,
        other => RoleName::in_tuf(other).unwrap(),
    }
}

fn written_again<T: Spelled + Metadata>(envelope: &Envelope<'_>) -> Value {
    let read = T::decode(envelope).unwrap();
    let unsigned = Dialect::Tuf.encode_over(&read, envelope).unwrap();
    serde_json::from_slice(&unsigned.with_signatures(Dialect::Tuf, envelope.signatures())).unwrap()
}

#[test]
fn an_edit_that_changes_nothing_loses_nothing() {
    let files = files();
    assert!(files.len() > 60);
    for file in files {
        let bytes = fs::read(&file).unwrap();
        let role = role_of(&file);
        let envelope = parse(role.clone(), &bytes);
        let written = match role {
            RoleName::Root => written_again::<Root>(&envelope),
            RoleName::Snapshot => written_again::<Snapshot>(&envelope),
            RoleName::Timestamp => written_again::<Timestamp>(&envelope),
            _ => written_again::<Targets>(&envelope),
        };
        let mut expected: Value = serde_json::from_slice(&bytes).unwrap();
        let signed = &mut expected["signed"];
        // Ours is written instead.
        signed["spec_version"] = written["signed"]["spec_version"].clone();
        // No delegations are as good as empty ones.
        if signed["delegations"] == json!({"keys": {}, "roles": []}) {
            signed.as_object_mut().unwrap().remove("delegations");
        }
        assert_eq!(written["signed"], expected["signed"], "{}", file.display());
    }
}

/// A root whose roles all have this key, and its file.
fn root_with(key: &SigningKey, change: impl FnOnce(&mut Value)) -> (Vec<u8>, String) {
    let public = libtrust::dialect::tuf::key_of(key.public_key());
    let id = Dialect::Tuf.key_id(&public);
    let keys = [(id.clone(), public)].into();
    let listed = libtrust::metadata::RoleKeys { key_ids: vec![id.clone()], threshold: 1.try_into().unwrap() };
    let roles = ["root", "targets", "snapshot", "timestamp"].map(|role| (role.parse().unwrap(), listed.clone()));
    let expires = chrono::DateTime::from_timestamp(1_900_000_000, 0).unwrap();
    let version = 1.try_into().unwrap();
    let root = Root { version, expires, consistent_snapshot: true, keys, roles: roles.into() };
    let unsigned = Dialect::Tuf.encode(&root).unwrap();
    let mut file: Value = serde_json::from_slice(&unsigned.with_signatures(Dialect::Tuf, &[])).unwrap();
    change(&mut file["signed"]);
    let canonical = {
        let bytes = file.to_string().into_bytes();
        Envelope::parse(Dialect::Tuf, RoleName::Root, &bytes, &Limits::TUF)
            .map(|envelope| envelope.canonical().to_vec())
    };
    if let Ok(message) = canonical {
        let signature = key.sign(&id, &message, &SystemRandom::new()).unwrap();
        let signed = unsigned.with_signatures(Dialect::Tuf, &[signature]);
        let signed: Value = serde_json::from_slice(&signed).unwrap();
        file["signatures"] = signed["signatures"].clone();
    }
    (file.to_string().into_bytes(), id.to_string())
}

fn judge(bytes: &[u8]) -> Result<(), String> {
    let envelope = Envelope::parse(Dialect::Tuf, RoleName::Root, bytes, &Limits::TUF).map_err(|e| e.to_string())?;
    repository_root(&envelope, None).map(|_| ()).map_err(|e| e.to_string())
}

fn key() -> SigningKey {
    SigningKey::generate(KeyAlgorithm::Ed25519, &SystemRandom::new()).unwrap()
}

#[test]
fn every_kind_of_key_signs_and_verifies() {
    for algorithm in [KeyAlgorithm::Ecdsa, KeyAlgorithm::Ed25519] {
        let key = SigningKey::generate(algorithm, &SystemRandom::new()).unwrap();
        judge(&root_with(&key, |_| ()).0).unwrap();
    }
}

#[test]
fn what_nobody_knows_is_signed_and_harms_nothing() {
    let (bytes, id) = root_with(&key(), |signed| {
        signed["x"] = json!([1, u64::MAX, i64::MIN, "\u{1}\n\\\"é"]);
        signed["roles"]["mirrors"] = json!({"keyids": [], "threshold": 1});
        signed["keys"]["new"] = json!({"keytype": "ml-dsa", "scheme": "ml-dsa", "keyval": {"parts": []}});
        signed["keys"]["odd"] = json!({"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": "xyz"}});
        let keys = signed["keys"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        signed["roles"]["targets"]["keyids"] = json!(keys);
    });
    judge(&bytes).unwrap();
    let envelope = parse(RoleName::Root, &bytes);
    let root = Root::decode(&envelope).unwrap();
    assert_eq!(root.keys["new"].scheme, Some(SignatureScheme::Other("ml-dsa".to_owned())));
    assert!(root.keys["odd"].verifying_key().is_err());
    assert!(root.keys.contains_key(id.as_str()));
}

#[test]
fn malformed_roots_are_refused() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 14] = [
        ("another type", |signed| signed["_type"] = json!("Root")),
        ("another major version", |signed| signed["spec_version"] = json!("2.0.0")),
        ("no version of the specification", |signed| {
            signed.as_object_mut().unwrap().remove("spec_version");
        }),
        ("version 0", |signed| signed["version"] = json!(0)),
        ("a negative version", |signed| signed["version"] = json!(-1)),
        ("a fraction", |signed| signed["x"] = json!(1.5)),
        ("a whole number with an exponent", |signed| signed["version"] = json!(1.0)),
        ("no role", |signed| {
            signed["roles"].as_object_mut().unwrap().remove("snapshot");
        }),
        ("threshold 0", |signed| signed["roles"]["targets"]["threshold"] = json!(0)),
        ("threshold as text", |signed| signed["roles"]["targets"]["threshold"] = json!("1")),
        ("a key listed twice", |signed| {
            let id = signed["roles"]["targets"]["keyids"][0].clone();
            signed["roles"]["targets"]["keyids"] = json!([id, id]);
        }),
        ("no list", |signed| signed["roles"]["targets"]["keyids"] = json!(null)),
        ("another date", |signed| signed["expires"] = json!("tomorrow")),
        ("consistent_snapshot as text", |signed| signed["consistent_snapshot"] = json!("yes")),
    ];
    let key = key();
    for (what, change) in changes {
        assert!(judge(&root_with(&key, change).0).is_err(), "{what}");
    }
}

#[test]
fn a_signature_counts_once_and_a_wrong_one_spoils_nothing() {
    let key = key();
    let (bytes, id) = root_with(&key, |_| ());
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut file: Value = serde_json::from_slice(&bytes).unwrap();
        change(file["signatures"].as_array_mut().unwrap());
        judge(&file.to_string().into_bytes())
    };
    for other in ["", "00", "xyz"] {
        with(&|signatures| signatures.insert(0, json!({"keyid": "other", "sig": other}))).unwrap();
    }
    with(&|signatures| {
        let sig = signatures[0]["sig"].as_str().unwrap().to_uppercase();
        signatures[0]["sig"] = json!(sig);
    })
    .unwrap();
    let repeated = with(&|signatures| signatures.push(signatures[0].clone())).unwrap_err();
    assert!(repeated.contains("more than once") && repeated.contains(&id), "{repeated}");
    assert!(with(&|signatures| signatures[0]["sig"] = json!("00")).is_err());
    assert!(with(&|signatures| signatures.clear()).is_err());

    // The same key under two ids is one key.
    let (bytes, _) = root_with(&key, |signed| {
        let public = signed["keys"].as_object().unwrap().values().next().unwrap().clone();
        signed["keys"]["again"] = public;
        signed["roles"]["root"]["keyids"].as_array_mut().unwrap().push(json!("again"));
        signed["roles"]["root"]["threshold"] = json!(2);
    });
    let mut file: Value = serde_json::from_slice(&bytes).unwrap();
    let mut again = file["signatures"][0].clone();
    again["keyid"] = json!("again");
    file["signatures"].as_array_mut().unwrap().push(again);
    let refused = judge(&file.to_string().into_bytes()).unwrap_err();
    assert!(refused.contains("1 of 2"), "{refused}");
}

#[test]
fn a_file_is_over_in_the_second_of_its_expiry() {
    let (bytes, _) = root_with(&key(), |_| ());
    let envelope = parse(RoleName::Root, &bytes);
    let root = repository_root(&envelope, None).unwrap();
    let expires = root.expires;
    let chain = |now| libtrust::verify::TrustedRoot::new(root.clone(), Expiration::Enforced(now)).check_fresh();
    chain(expires - chrono::TimeDelta::seconds(1)).unwrap();
    assert!(matches!(chain(expires), Err(VerifyError::Expired { .. })));
}

#[test]
fn targets_of_odd_shapes() {
    let read = |targets: Value, delegations: Value| {
        let mut signed = json!({"_type": "targets", "spec_version": "1.0", "version": 1,
            "expires": "2030-01-01T00:00:00Z", "targets": targets});
        if !delegations.is_null() {
            signed["delegations"] = delegations;
        }
        let bytes = json!({"signed": signed, "signatures": []}).to_string().into_bytes();
        let envelope = Envelope::parse(Dialect::Tuf, RoleName::Targets, &bytes, &Limits::TUF).unwrap();
        Targets::decode(&envelope).map_err(|e| e.to_string())
    };
    let role = |more: Value| {
        let mut role = json!({"name": "a", "keyids": [], "threshold": 1, "terminating": false});
        role.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"keys": {}, "roles": [role]})
    };
    let sha256 = "00".repeat(32);
    assert!(read(json!({"a": {"length": 1, "hashes": {"sha256": sha256}}}), Value::Null).is_ok());
    let other = read(json!({"a": {"length": 1, "hashes": {"blake2b": "0"}}}), Value::Null).unwrap();
    assert!(other.targets["a"].digests.others);
    for wrong in [
        json!({"a": {"hashes": {"sha256": sha256}}}),
        json!({"a": {"length": 1}}),
        json!({"a": {"length": 1, "hashes": {}}}),
        json!({"a": {"length": -1, "hashes": {"sha256": sha256}}}),
        json!({"a": {"length": 1, "hashes": {"sha256": "00"}}}),
    ] {
        assert!(read(wrong.clone(), Value::Null).is_err(), "{wrong}");
    }
    let nothing = read(json!({}), role(json!({}))).unwrap();
    assert!(nothing.delegations.roles[0].paths.is_empty());
    let absent = read(json!({}), json!({"keys": {}, "roles": [{"name": "a", "keyids": [], "threshold": 1}]})).unwrap();
    assert!(!absent.delegations.roles[0].terminating);
    for wrong in [
        role(json!({"paths": [], "path_hash_prefixes": []})),
        role(json!({"name": "root"})),
        role(json!({"name": ""})),
        role(json!({"terminating": 1})),
        json!({"keys": {}}),
        json!({"keys": {}, "roles": [], "succinct_roles": {"keyids": [], "threshold": 1, "bit_length": 8, "name_prefix": "a"}}),
        json!({"keys": {}, "succinct_roles": {"keyids": [], "threshold": 1, "bit_length": 33, "name_prefix": "a"}}),
        json!({"keys": {}, "succinct_roles": {"keyids": [], "threshold": 1, "bit_length": 0, "name_prefix": "a"}}),
    ] {
        assert!(read(json!({}), wrong.clone()).is_err(), "{wrong}");
    }
    let twice = json!({"keys": {}, "roles": [
        {"name": "a", "keyids": [], "threshold": 1, "paths": []}, {"name": "a", "keyids": [], "threshold": 1, "paths": []}]});
    assert!(read(json!({}), twice).is_err());
}

#[test]
fn a_role_is_signed_by_the_keys_it_is_asked_for() {
    let (bytes, _) = root_with(&key(), |_| ());
    let root = repository_root(&parse(RoleName::Root, &bytes), None).unwrap();
    let targets = json!({"signed": {"_type": "targets", "spec_version": "1.0", "version": 1,
        "expires": "2030-01-01T00:00:00Z", "targets": {}}, "signatures": [{"keyid": "a", "sig": "00"}]});
    let targets = targets.to_string().into_bytes();
    let keys = SigningKeys::of_role(&root, &RoleName::Targets).unwrap();
    let refused = verify::<Targets>(&parse(RoleName::Targets, &targets), &keys, Expiration::Ignored);
    assert!(matches!(refused, Err(VerifyError::Threshold(_))));
}
