//! Publishing a collection in TUF 1.0 at servers that tell the truth and at one that does not.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::disallowed_methods, missing_docs)]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use libtrust::client::tuf::MetadataName;
use libtrust::client::{
    Client, KeyStore as _, KeyUse, MemoryCache, MemoryKeyStore, MemoryTransport, PublishError, Publisher, RemoteFile,
    Transport, TransportError, TufForm,
};
use libtrust::dialect::{Dialect, Envelope, Spelled as _, tuf};
use libtrust::edit::{next_timestamp, root_in_tuf};
use libtrust::keys::{KeyAlgorithm, PublicKey, SigningKey};
use libtrust::limits::Limits;
use libtrust::metadata::{FileMeta, Root, Targets};
use libtrust::names::{Gun, RoleName};
use libtrust::testing::{Key, Publisher as Maker, now, version};

/// A server with one collection in Notary's form, and whatever is put beside it.
struct Server {
    notary: MemoryTransport,
    tuf: Mutex<BTreeMap<String, Vec<u8>>>,
    timestamp_key: Key,
}

impl Server {
    /// Takes files as a server does that signs the timestamp.
    fn take(&self, files: &[(RoleName, Vec<u8>)]) {
        let mut known = self.tuf.lock().unwrap();
        for (role, bytes) in files {
            let envelope = Envelope::parse(Dialect::Tuf, role.clone(), bytes, &Limits::TUF).unwrap();
            known.insert(format!("{}.{role}.json", envelope.header().version), bytes.clone());
            known.insert(format!("{role}.json"), bytes.clone());
        }
        let snapshot = &known["snapshot.json"];
        let envelope = Envelope::parse(Dialect::Tuf, RoleName::Snapshot, snapshot, &Limits::TUF).unwrap();
        let says = libtrust::metadata::Snapshot::decode(&envelope).unwrap();
        let named = FileMeta { version: Some(says.version), ..FileMeta::of(snapshot) };
        let timestamp = signed(&next_timestamp(None, named, now()), &self.timestamp_key);
        known.insert("timestamp.json".to_owned(), timestamp);
    }

    fn has(&self, name: &str) -> bool {
        self.tuf.lock().unwrap().contains_key(name)
    }
}

/// A TUF 1.0 file signed by one key.
fn signed<T: libtrust::dialect::Spelled>(metadata: &T, key: &Key) -> Vec<u8> {
    let unsigned = Dialect::Tuf.encode(metadata).unwrap();
    let id = Dialect::Tuf.key_id(&tuf::key_of(&key.public));
    let signature = libtrust::keys::Signature { key_id: id, ..key.sign(&unsigned.canonical) };
    unsigned.with_signatures(Dialect::Tuf, &[signature])
}

#[async_trait]
impl Transport for Server {
    fn name(&self) -> &str {
        "server"
    }

    async fn fetch(&self, gun: &Gun, file: &RemoteFile, limit: u64) -> Result<Vec<u8>, TransportError> {
        self.notary.fetch(gun, file, limit).await
    }

    async fn publish(&self, _: &Gun, _: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        panic!("nothing changes in Notary's form")
    }

    async fn server_key(&self, _: &Gun, _: &RoleName) -> Result<PublicKey, TransportError> {
        panic!("nobody needs a key")
    }

    async fn new_server_key(&self, _: &Gun, _: &RoleName) -> Result<PublicKey, TransportError> {
        panic!("nobody needs a key")
    }

    async fn delete(&self, _: &Gun) -> Result<(), TransportError> {
        panic!("nothing is deleted")
    }

    async fn fetch_in_tuf(&self, gun: &Gun, file: &MetadataName, _: u64) -> Result<Vec<u8>, TransportError> {
        let missing = || TransportError::NotFound { server: "server".into(), gun: gun.clone(), file: file.to_string() };
        self.tuf.lock().unwrap().get(&file.to_string()).cloned().ok_or_else(missing)
    }

    async fn publish_in_tuf(&self, _: &Gun, files: &[(RoleName, Vec<u8>)]) -> Result<(), TransportError> {
        self.take(files);
        Ok(())
    }
}

struct World {
    server: Arc<Server>,
    publisher: Publisher,
    maker: Maker,
}

impl World {
    /// A collection with two tags, and somebody who has all its keys but the timestamp's.
    fn new() -> Self {
        let (mut maker, timestamp_key) = Maker::whole("example.com/a");
        maker.tag(2, 1);
        let notary = MemoryTransport::new("server");
        let (root, targets) = (maker.root_file(), maker.targets_file());
        let snapshot = maker.snapshot_file(1, &[(&RoleName::Root, &root), (&RoleName::Targets, &targets)]);
        let timestamp = maker.timestamp_file(None, &snapshot, &timestamp_key);
        for (role, bytes) in [
            (RoleName::Root, root),
            (RoleName::Targets, targets),
            (RoleName::Snapshot, snapshot),
            (RoleName::Timestamp, timestamp),
        ] {
            notary.put(&maker.gun, &role, &bytes);
        }
        let keys = MemoryKeyStore::default();
        for (key, role) in
            [(&maker.root_key, "root"), (&maker.targets_key, "targets"), (&maker.snapshot_key, "snapshot")]
        {
            let copy = SigningKey::from_pkcs8(&key.signing.to_pkcs8()).unwrap();
            keys.add(copy, KeyUse { role: role.to_owned(), gun: None }).unwrap();
        }
        let server = Arc::new(Server { notary, tuf: Mutex::default(), timestamp_key });
        let client = Client::new(Arc::<Server>::clone(&server), Arc::new(MemoryCache::default())).with_clock(now());
        Self { server, publisher: Publisher::new(client, Arc::new(keys)), maker }
    }

    fn publish(&self, form: TufForm) -> Result<Option<libtrust::client::TufPublication>, PublishError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.publisher.publish_in_tuf(&self.maker.gun, form))
    }
}

#[test]
fn a_form_is_begun_once_and_followed_from_then_on() {
    let world = World::new();
    assert_eq!(world.publish(TufForm::Followed).unwrap(), None);
    let begun = world.publish(TufForm::Begun).unwrap().unwrap();
    assert_eq!((begun.roles.len(), begun.left.len()), (3, 0));
    assert_eq!(world.publish(TufForm::Followed).unwrap().unwrap().roles, []);
    let targets = world.server.tuf.lock().unwrap()["1.targets.json"].clone();
    let targets = Envelope::parse(Dialect::Tuf, RoleName::Targets, &targets, &Limits::TUF).unwrap();
    assert_eq!(Targets::decode(&targets).unwrap().targets.len(), 4);
}

#[test]
fn nothing_is_signed_to_follow_a_root_that_others_signed() {
    let world = World::new();
    world.publish(TufForm::Begun).unwrap();
    let attacker = Key::new(KeyAlgorithm::Ed25519);
    let foreign = tuf::key_of(&attacker.public);
    let id = Dialect::Tuf.key_id(&foreign);

    // Our root key is listed, one signature is enough, and it is the attacker's; under our ids are the attacker's keys.
    let mut root: Root = root_in_tuf(&world.maker.root);
    root.version = version(7);
    root.roles.get_mut(&RoleName::Root).unwrap().key_ids.push(id.clone());
    let own = root.roles[&RoleName::Targets].key_ids[0].clone();
    root.keys.insert(own, foreign.clone());
    root.keys.insert(id, foreign);
    let bytes = signed(&root, &attacker);
    world.server.tuf.lock().unwrap().insert("root.json".to_owned(), bytes);
    for form in [TufForm::Followed, TufForm::Begun] {
        let refused = world.publish(form).unwrap_err();
        assert!(matches!(refused, PublishError::ForeignInTuf { .. }), "{refused}");
    }
    assert!(!world.server.has("8.root.json"));
}
