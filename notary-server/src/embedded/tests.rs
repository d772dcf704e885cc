//! A folder that makes itself, keeps itself, and survives being killed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn listen() -> ListenAddress {
    "127.0.0.1:4443".parse().unwrap()
}

fn open(path: &Path) -> Result<DataFolder, EmbeddedError> {
    DataFolder::open(path, &listen(), SystemTime::now())
}

fn read(path: &Path, name: &str) -> Vec<u8> {
    fs::read(path.join(name)).unwrap()
}

/// Certificate and key as the listener uses them: they must belong together.
fn tls(path: &Path) -> Tls {
    let (certificate, key) = (path.join("tls/server.crt"), path.join("tls/server.key"));
    Tls::open(TlsFiles { certificate, key, client_ca: None }).unwrap()
}

/// The files of a complete folder in the order they are made.
const ORDER: [&str; 5] = ["passphrase", "tls/ca.key", "tls/ca.crt", "tls/server.key", "tls/server.crt"];

#[test]
fn a_second_start_finds_everything_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let before = ORDER.map(|name| read(folder.path(), name));
    drop(open(folder.path()).unwrap());
    assert_eq!(ORDER.map(|name| read(folder.path(), name)), before);
}

#[test]
fn secrets_are_the_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data");
    let _open = open(&path).unwrap();
    for name in ["passphrase", "tls/ca.key", "tls/server.key"] {
        assert_eq!(fs::metadata(path.join(name)).unwrap().mode() & 0o777, 0o600, "{name}");
    }
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn two_servers_on_one_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let _first = open(folder.path()).unwrap();
    assert!(matches!(open(folder.path()), Err(EmbeddedError::InUse { pid: Some(_), .. })));
}

#[test]
fn a_first_start_killed_after_any_file_is_finished_by_the_next() {
    for made in 0..=ORDER.len() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        for name in &ORDER[made..] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        if let Some(next) = ORDER.get(made) {
            let next = folder.path().join(next);
            let name = format!(".{}.unfinished", next.file_name().unwrap().to_string_lossy());
            fs::write(next.with_file_name(name), "-----BEGIN").unwrap();
        }
        let kept: Vec<Vec<u8>> = ORDER[..made.min(3)].iter().map(|name| read(folder.path(), name)).collect();
        drop(open(folder.path()).unwrap());
        let after: Vec<Vec<u8>> = ORDER[..made.min(3)].iter().map(|name| read(folder.path(), name)).collect();
        assert_eq!(after, kept, "what was made stays, after {made} files");
        tls(folder.path());
    }
}

#[test]
fn a_certificate_whose_key_was_replaced_is_issued_again() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let old = read(folder.path(), "tls/server.crt");
    let data = open(folder.path()).unwrap();
    data.server.ensure(&data.authority, &Names::of(&listen(), Some("other")), SystemTime::now()).unwrap();
    fs::write(folder.path().join("tls/server.crt"), old).unwrap();
    drop(data);
    drop(open(folder.path()).unwrap());
    tls(folder.path());
}

#[test]
fn the_server_certificate_is_renewed_in_its_last_third_and_the_authority_kept() {
    let folder = tempfile::tempdir().unwrap();
    let data = open(folder.path()).unwrap();
    let tls = tls(folder.path());
    let (authority, first) = (read(folder.path(), "tls/ca.crt"), read(folder.path(), "tls/server.crt"));
    data.renew(&tls, SystemTime::now() + DAY * 59).unwrap();
    assert_eq!(read(folder.path(), "tls/server.crt"), first, "a third of its life remains");
    data.renew(&tls, SystemTime::now() + DAY * 61).unwrap();
    assert_ne!(read(folder.path(), "tls/server.crt"), first);
    assert_eq!(read(folder.path(), "tls/ca.crt"), authority);
}

#[test]
fn a_new_listen_address_gets_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let first = read(folder.path(), "tls/server.crt");
    let elsewhere = "192.0.2.9:4443".parse().unwrap();
    let data = DataFolder::open(folder.path(), &elsewhere, SystemTime::now()).unwrap();
    assert!(data.names.addresses.contains(&"192.0.2.9".parse().unwrap()));
    assert_ne!(read(folder.path(), "tls/server.crt"), first);
}

#[test]
fn a_new_authority_reissues_the_server_certificate() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    let first = read(folder.path(), "tls/server.crt");
    fs::remove_file(folder.path().join("tls/ca.crt")).unwrap();
    fs::remove_file(folder.path().join("tls/ca.key")).unwrap();
    drop(open(folder.path()).unwrap());
    assert_ne!(read(folder.path(), "tls/server.crt"), first);
}

#[test]
fn a_key_open_to_others_is_refused() {
    for name in ["passphrase", "tls/ca.key", "tls/server.key"] {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        fs::set_permissions(folder.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
        let text = open(folder.path()).err().unwrap().to_string();
        assert!(text.contains("chmod 600") && text.contains(name), "{text}");
    }
}

#[test]
fn a_lost_passphrase_is_not_replaced_beside_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    fs::write(folder.path().join("keys.db"), "").unwrap();
    fs::remove_file(folder.path().join("passphrase")).unwrap();
    assert!(matches!(open(folder.path()), Err(EmbeddedError::Missing { .. })));
}

#[test]
fn a_lost_authority_key_is_not_replaced_silently() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()).unwrap());
    fs::remove_file(folder.path().join("tls/ca.key")).unwrap();
    assert!(matches!(open(folder.path()), Err(EmbeddedError::Missing { .. })));
}

#[test]
fn passphrases_are_long_and_differ() {
    let passphrases: BTreeSet<String> = (0..4)
        .map(|_| {
            let folder = tempfile::tempdir().unwrap();
            drop(open(folder.path()).unwrap());
            read_passphrase(&folder.path().join("passphrase")).unwrap().to_string()
        })
        .collect();
    assert_eq!(passphrases.len(), 4);
    assert!(passphrases.iter().all(|passphrase| passphrase.len() == 64));
}
