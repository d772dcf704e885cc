//! A trust folder that the real `notary` left: what is in it is used as it is.
#![cfg(feature = "client")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures_util::FutureExt as _;
use libtrust::client::{
    Changelists, Client, FileCache, FileKeyStore, FixedPassphrase, KeyStore as _, MemoryTransport, Offline, RemoteFile,
    RootTrust,
};
use libtrust::edit::Change;
use libtrust::names::{Gun, RoleName};
use libtrust::policy::{NameRules, TrustPolicy};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/folder")
}

fn gun() -> Gun {
    "example.com/team/left".parse().unwrap()
}

fn verified_at() -> DateTime<Utc> {
    fs::read_to_string(fixture().join("verified_at")).unwrap().trim().parse().unwrap()
}

/// A copy, as reading may write.
fn copy() -> tempfile::TempDir {
    fn copy_all(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => copy_all(&entry.path(), &target),
                false => drop(fs::copy(entry.path(), target).unwrap()),
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy_all(&fixture().join("trust"), folder.path());
    folder
}

fn later() -> MemoryTransport {
    let server = MemoryTransport::new("later");
    let read = |name: &str| fs::read(fixture().join("later").join(format!("{name}.json"))).unwrap();
    for name in ["root", "timestamp", "snapshot", "targets", "targets/releases"] {
        server.put(&gun(), &name.parse().unwrap(), &read(name));
    }
    for number in 1..=3_u64 {
        let file = RemoteFile::ByVersion(RoleName::Root, number.try_into().unwrap());
        if let Ok(bytes) = fs::read(fixture().join(format!("later/{number}.root.json"))) {
            server.put_as(&gun(), &file, &bytes);
        }
    }
    server
}

#[test]
fn the_cache_verifies_as_it_is() {
    let folder = copy();
    let client = Client::new(Arc::new(MemoryTransport::new("none")), Arc::new(FileCache::new(folder.path())));
    let collection = client.with_clock(verified_at()).cached(&gun()).unwrap();
    let rules = NameRules::default();
    assert_eq!(collection.image("v1", &rules).unwrap().role, RoleName::Targets);
    assert_eq!(collection.image("r1", &rules).unwrap().size, 2);
}

#[test]
fn the_keys_open() {
    let folder = copy();
    let store = FileKeyStore::new(folder.path(), Arc::new(FixedPassphrase::new("passphrase-of-all")));
    let keys = store.list().unwrap();
    let mut roles: Vec<&str> = keys.iter().map(|key| key.key_use.role.as_str()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["alice", "root", "targets"]);
    for key in &keys {
        store.open(&key.id).unwrap();
    }
}

#[test]
fn the_staged_changes_read() {
    let folder = copy();
    let staged = Changelists::new(folder.path()).staged(&gun()).unwrap();
    let changes: Vec<&Change> = staged.iter().map(|staged| &staged.change).collect();
    assert!(matches!(
        changes.as_slice(),
        [
            Change::AddTarget { .. },
            Change::RemoveTarget { .. },
            Change::AddDelegation { .. },
            Change::AddDelegation { .. },
            Change::Witness { .. }
        ]
    ));
}

#[test]
fn a_reader_with_this_cache_follows_what_happened_since() {
    let folder = copy();
    let cache = Arc::new(FileCache::new(folder.path()));
    let client = Client::new(Arc::new(later()), cache).with_clock(verified_at());
    let client = client.with_policy(TrustPolicy::default().without_first_use());
    let collection = client.update(&gun(), Offline::Never).now_or_never().unwrap().unwrap();
    assert_eq!(collection.root_trust(), RootTrust::SeenBefore);
    assert!(collection.root().version.get() > 2);
    assert_eq!(collection.image("r2", &NameRules::default()).unwrap().size, 4);
}
