//! Collections signed here, independently of the product: what a client would upload, byte for byte as Go writes it.

use std::time::SystemTime;

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Days, SecondsFormat, Utc};
use rcgen::{CertificateParams, DnType, KeyPair};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Map, Value, json};

/// One part of an upload: role and file.
pub type Part = (String, Vec<u8>);

/// Who signs the snapshots of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SnapshotHolder {
    /// The publisher: every upload carries one.
    Client,
    /// The server.
    Server,
}

/// A collection's private keys and its root.
pub struct Collection {
    /// The collection's name.
    pub gun: String,
    targets: Key,
    snapshot: Option<Key>,
    root: Vec<u8>,
}

impl Collection {
    /// Makes keys and a root that names the server's keys: the `timestamp.key` (and, for a snapshot held by the server,
    /// `snapshot.key`) it answered with.
    pub fn new(gun: &str, timestamp: &Value, snapshot: Option<&Value>) -> Result<Self> {
        let (root_key, targets) = (Key::root(gun)?, Key::generate()?);
        let own_snapshot = if snapshot.is_none() { Some(Key::generate()?) } else { None };
        let snapshot_key = match (&own_snapshot, snapshot) {
            (Some(own), _) => own.public.clone(),
            (None, Some(server)) => server.clone(),
            (None, None) => return Err(anyhow!("nobody holds the snapshot key")),
        };
        let roles = [
            ("root", &root_key.public),
            ("targets", &targets.public),
            ("snapshot", &snapshot_key),
            ("timestamp", timestamp),
        ];
        let mut keys = Map::new();
        let mut members = Map::new();
        for (role, key) in roles {
            let id = key_id(key);
            // What the server sends has its members in another order; the canonical form sorts them.
            keys.insert(id.clone(), key.clone());
            members.insert(role.to_owned(), json!({ "keyids": [id], "threshold": 1 }));
        }
        let root = root_key.sign(&json!({
            "_type": "Root", "consistent_snapshot": false, "expires": expires(3650), "keys": keys, "roles": members, "version": 1,
        }))?;
        Ok(Self { gun: gun.to_owned(), targets, snapshot: own_snapshot, root })
    }

    /// The parts that create the collection: root 1, targets 1 and, if the client holds its key, snapshot 1.
    pub fn first_upload(&self) -> Result<Vec<Part>> {
        let mut parts = vec![("root".to_owned(), self.root.clone())];
        parts.extend(self.upload(1)?);
        Ok(parts)
    }

    /// The parts that publish version `version` of the targets: one target named `vN`.
    pub fn upload(&self, version: u64) -> Result<Vec<Part>> {
        let file = file_meta(format!("content {version}").as_bytes());
        let targets = self.targets.sign(&json!({
            "_type": "Targets", "delegations": { "keys": {}, "roles": [] }, "expires": expires(1095),
            "targets": { format!("v{version}"): file }, "version": version,
        }))?;
        let snapshot = match &self.snapshot {
            None => None,
            Some(key) => Some(key.sign(&json!({
                "_type": "Snapshot", "expires": expires(1095),
                "meta": { "root": file_meta(&self.root), "targets": file_meta(&targets) }, "version": version,
            }))?),
        };
        let parts = std::iter::once(("targets".to_owned(), targets));
        Ok(parts.chain(snapshot.map(|bytes| ("snapshot".to_owned(), bytes))).collect())
    }
}

/// A collection whose publisher holds every key, the timestamp's too: for what no trust server would sign.
pub struct OwnCollection {
    collection: Collection,
    timestamp: Key,
}

impl OwnCollection {
    /// Makes keys and a root.
    pub fn new(gun: &str) -> Result<Self> {
        let timestamp = Key::generate()?;
        Ok(Self { collection: Collection::new(gun, &timestamp.public, None)?, timestamp })
    }

    /// Every file at one version, with one target named `vN`; the timestamp expires `days` from now, below zero ago.
    pub fn files(&self, version: u64, days: i64) -> Result<Vec<Part>> {
        let mut files = vec![("root".to_owned(), self.collection.root.clone())];
        files.extend(self.collection.upload(version)?);
        let (_, snapshot) = files.last().ok_or_else(|| anyhow!("a snapshot"))?;
        let expires = DateTime::<Utc>::from(SystemTime::now()) + chrono::Duration::days(days);
        let timestamp = self.timestamp.sign(&json!({
            "_type": "Timestamp", "expires": expires.to_rfc3339_opts(SecondsFormat::Secs, true),
            "meta": { "snapshot": file_meta(snapshot) }, "version": version,
        }))?;
        files.push(("timestamp".to_owned(), timestamp));
        Ok(files)
    }
}

struct Key {
    pair: EcdsaKeyPair,
    /// The key object as it stands in a root.
    public: Value,
}

impl Key {
    fn generate() -> Result<Self> {
        let pair = pair(&KeyPair::generate()?)?;
        let mut point = SPKI_P256.to_vec();
        point.extend_from_slice(pair.public_key().as_ref());
        Ok(Self { pair, public: key_object("ecdsa", &point) })
    }

    /// A root key, which is a self-signed certificate for the collection's name.
    fn root(gun: &str) -> Result<Self> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![])?;
        params.distinguished_name.push(DnType::CommonName, gun);
        let pem = params.self_signed(&key)?.pem().replace('\r', "");
        Ok(Self { pair: pair(&key)?, public: key_object("ecdsa-x509", pem.as_bytes()) })
    }

    fn sign(&self, signed: &Value) -> Result<Vec<u8>> {
        let text = canonical(signed);
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).map_err(|_| anyhow!("cannot sign"))?;
        let (id, sig) = (key_id(&self.public), STANDARD.encode(signature));
        Ok(format!(r#"{{"signed":{text},"signatures":[{{"keyid":"{id}","method":"ecdsa","sig":"{sig}"}}]}}"#)
            .into_bytes())
    }
}

/// What stands before the 65 bytes of a P-256 point in its `SubjectPublicKeyInfo`.
const SPKI_P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

fn pair(key: &KeyPair) -> Result<EcdsaKeyPair> {
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.serialized_der(), &SystemRandom::new())
        .map_err(|error| anyhow!("key: {error}"))
}

fn key_object(kind: &str, public: &[u8]) -> Value {
    json!({ "keytype": kind, "keyval": { "private": null, "public": STANDARD.encode(public) } })
}

fn key_id(key: &Value) -> String {
    hex::encode(digest(&SHA256, canonical(key).as_bytes()))
}

fn file_meta(bytes: &[u8]) -> Value {
    json!({ "hashes": { "sha256": STANDARD.encode(digest(&SHA256, bytes)) }, "length": bytes.len() })
}

fn expires(days: u64) -> String {
    (DateTime::<Utc>::from(SystemTime::now()) + Days::new(days)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Sorted members, no white space. Enough for names without control characters.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| *name);
            let members = members.into_iter().map(|(name, value)| format!("{}:{}", json!(name), canonical(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_id_is_the_one_notary_computes() {
        let key: Value = serde_json::from_str(
            r#"{"keytype":"ed25519","keyval":{"public":"0eOiV/8UAUjfped/9WBSBjtzJF98zthH+DIRT59Az6g=","private":null}}"#,
        )
        .unwrap();
        assert_eq!(key_id(&key), "51964248251d6690073544896c25b3473c57ef494bc0bbdf75d63da5b96ab073");
    }
}
