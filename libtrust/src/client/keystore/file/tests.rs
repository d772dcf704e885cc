use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU32, Ordering};

use ring::rand::SystemRandom;
use tempfile::TempDir;

use super::*;
use crate::client::keystore::{FixedPassphrase, PassphraseError, PassphraseRequest};
use crate::keys::KeyAlgorithm;

const GUN: &str = "registry.example:5000/team/app";

fn store(folder: &TempDir, passphrase: &str) -> FileKeyStore {
    FileKeyStore::new(folder.path(), Arc::new(FixedPassphrase::new(passphrase)))
}

fn key() -> SigningKey {
    SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new()).unwrap()
}

fn targets() -> KeyUse {
    KeyUse { role: "targets".to_owned(), gun: Some(GUN.parse().unwrap()) }
}

fn golden(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/keys").join(name)).unwrap()
}

/// Name, passphrase and id of the golden keys whose name starts so.
fn listed(start: &str) -> (String, String, KeyId) {
    let all = String::from_utf8(golden("keys.tsv")).unwrap();
    let line = all.lines().find(|line| line.starts_with(start)).unwrap();
    let [name, passphrase, id] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
    (format!("files/{name}"), passphrase.to_owned(), id.parse().unwrap())
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_key_that_was_added_is_listed_and_opened_by_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let made = key();
    let (public, plain) = (made.public_key().clone(), made.to_plain());
    let entry = store(&folder, "a passphrase").add(made, targets()).unwrap();

    let again = store(&folder, "a passphrase");
    assert_eq!(again.list().unwrap(), std::slice::from_ref(&entry));
    assert_eq!((entry.key_use, again.unreadable().unwrap()), (targets(), vec![]));
    let signer = again.open(&entry.id).unwrap();
    let signature = signer.sign(&entry.id, b"message").unwrap();
    let verifying = public.verifying_key().unwrap();
    assert_eq!(verifying.verify(&signature.scheme, b"message", &signature.bytes), Ok(()));

    let private = folder.path().join("private");
    assert_eq!(names(&private), [format!("{}.key", entry.id)], "no passing file stays");
    let file = private.join(format!("{}.key", entry.id));
    assert_eq!((mode(&private), mode(&file)), (0o700, 0o600));
    let text = fs::read(&file).unwrap();
    assert!(
        text.starts_with(format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\ngun: {GUN}\nrole: targets\n\n").as_bytes())
    );
    assert!(!text.windows(16).any(|part| plain.windows(16).any(|secret| part == secret)));
}

#[test]
fn a_key_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let made = key();
    let copy = || SigningKey::from_pkcs8(&made.to_pkcs8()).unwrap();
    let entry = store(&folder, "first").add(copy(), targets()).unwrap();
    let second = store(&folder, "second");
    assert!(matches!(second.add(copy(), targets()), Err(KeyStoreError::Exists { .. })));
    // Also if another process was faster than the look before.
    assert!(matches!(second.store(copy(), targets(), "second"), Err(KeyStoreError::Exists { .. })));
    store(&folder, "first").open(&entry.id).unwrap();
    assert_eq!(names(&folder.path().join("private")).len(), 1);
}

#[test]
fn a_wrong_passphrase_ends_and_an_opened_key_is_not_asked_for_again() {
    /// Right at the third answer.
    struct Person(AtomicU32);
    impl Passphrases for Person {
        fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
            assert_eq!((request.role, request.gun.map(crate::names::Gun::as_str)), ("targets", Some(GUN)));
            assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), request.wrong_answers);
            Ok(Zeroizing::new(if request.wrong_answers == 2 { "right" } else { "wrong" }.to_owned()))
        }
    }
    /// Never right.
    struct Guesser;
    impl Passphrases for Guesser {
        fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
            assert!(request.wrong_answers < 10, "asked without end");
            Ok(Zeroizing::new("guess".to_owned()))
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let entry = store(&folder, "right").add(key(), targets()).unwrap();
    let person = FileKeyStore::new(folder.path(), Arc::new(Person(AtomicU32::new(0))));
    person.open(&entry.id).unwrap();
    person.open(&entry.id).unwrap();
    for wrong in [&FileKeyStore::new(folder.path(), Arc::new(Guesser)), &store(&folder, "other")] {
        let error = wrong.open(&entry.id).map(|_| ()).unwrap_err();
        assert!(matches!(&error, KeyStoreError::Passphrase { cause: PassphraseError::Wrong, .. }), "{error}");
    }
}

#[test]
fn ids_that_would_leave_the_folder_are_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let keys = store(&folder, "x");
    let outside = folder.path().join("outside.key");
    fs::write(&outside, "x").unwrap();
    let long = "A".repeat(64);
    for id in ["../outside", "/etc/passwd", "outside", long.as_str(), &format!("{}/", "a".repeat(63))] {
        let id: KeyId = id.parse().unwrap();
        assert!(matches!(keys.open(&id), Err(KeyStoreError::Missing { .. })), "{id}");
        assert!(matches!(keys.remove(&id), Err(KeyStoreError::Missing { .. })), "{id}");
        assert!(matches!(keys.export(&[id]), Err(KeyStoreError::Missing { .. })));
    }
    assert!(outside.exists());
}

#[test]
fn a_file_named_for_another_key_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let keys = store(&folder, "x");
    let (one, two) = (keys.add(key(), targets()).unwrap(), keys.add(key(), targets()).unwrap());
    let path = |id: &KeyId| folder.path().join("private").join(format!("{id}.key"));
    fs::copy(path(&one.id), path(&two.id)).unwrap();
    match store(&folder, "x").open(&two.id).map(|_| ()) {
        Err(KeyStoreError::Misnamed { found, .. }) => assert_eq!(found, one.id),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_key_is_reported_and_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let keys = store(&folder, "x");
    let entry = keys.add(key(), targets()).unwrap();
    let private = folder.path().join("private");
    let damaged = [
        (format!("{}.key", "a".repeat(64)), "garbage".to_owned()),
        (format!("{}.key", "b".repeat(64)), "x".repeat(70_000)),
        (format!("{}.key", "c".repeat(64)), "-----BEGIN PRIVATE KEY-----\nAQ".to_owned()),
        ("name.key".to_owned(), "x".to_owned()),
    ];
    for (name, text) in &damaged {
        fs::write(private.join(name), text).unwrap();
    }
    fs::write(private.join("notes.txt"), "not a key, and does not look like one").unwrap();
    assert_eq!(keys.list().unwrap(), [entry]);
    let unreadable = keys.unreadable().unwrap();
    for (name, _) in &damaged {
        assert!(unreadable.iter().any(|found| found.location.ends_with(name)), "{name}: {unreadable:?}");
    }
    assert_eq!(unreadable.len(), damaged.len());
}

#[test]
fn a_folder_that_is_not_there_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let keys = FileKeyStore::new(folder.path().join("none"), Arc::new(FixedPassphrase::new("x")));
    assert_eq!(keys.list().unwrap(), []);
    assert!(!folder.path().join("none").exists());
}

#[test]
fn a_changed_passphrase_is_the_only_one_that_opens() {
    let folder = tempfile::tempdir().unwrap();
    let entry = store(&folder, "old").add(key(), targets()).unwrap();
    let wrong = store(&folder, "wrong").change_passphrase(&entry.id, &FixedPassphrase::new("new"));
    assert!(matches!(wrong, Err(KeyStoreError::Passphrase { .. })));
    let empty = store(&folder, "old").change_passphrase(&entry.id, &FixedPassphrase::new(""));
    assert!(matches!(empty, Err(KeyStoreError::NewPassphrase { .. })));
    store(&folder, "old").change_passphrase(&entry.id, &FixedPassphrase::new("new")).unwrap();
    assert!(store(&folder, "old").open(&entry.id).is_err());
    store(&folder, "new").open(&entry.id).unwrap();
    assert_eq!(store(&folder, "new").list().unwrap(), [entry]);
}

#[test]
fn a_removed_key_is_gone_also_for_who_had_it_open() {
    let folder = tempfile::tempdir().unwrap();
    let keys = store(&folder, "x");
    let entry = keys.add(key(), targets()).unwrap();
    keys.remove(&entry.id).unwrap();
    assert!(matches!(keys.open(&entry.id), Err(KeyStoreError::Missing { .. })));
    assert!(matches!(keys.remove(&entry.id), Err(KeyStoreError::Missing { .. })));
}

#[test]
fn folders_of_very_old_clients_are_read_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("private");
    let (name, passphrase, id) = listed("openssl-ecdsa-sec1-aes256.pem");
    let (root_name, _, root_id) = listed("openssl-rsa-pkcs1-aes256.pem");
    fs::create_dir_all(private.join("root_keys")).unwrap();
    fs::create_dir_all(private.join("tuf_keys/docker.com/team/app")).unwrap();
    let file = private.join(format!("tuf_keys/docker.com/team/app/{id}_targets.key"));
    fs::write(&file, golden(&name)).unwrap();
    fs::write(private.join(format!("root_keys/{root_id}.key")), golden(&root_name)).unwrap();

    let keys = store(&folder, &passphrase);
    let listed: Vec<_> = keys.list().unwrap().into_iter().map(|entry| (entry.id, entry.key_use)).collect();
    let gun = Some("docker.com/team/app".parse().unwrap());
    assert!(listed.contains(&(id.clone(), KeyUse { role: "targets".to_owned(), gun })), "{listed:?}");
    assert!(listed.contains(&(root_id.clone(), KeyUse { role: "root".to_owned(), gun: None })));
    keys.open(&id).unwrap();
    keys.open(&root_id).unwrap();
    assert_eq!(fs::read(&file).unwrap(), golden(&name), "nothing was moved or written");
    let exported = keys.export(std::slice::from_ref(&id)).unwrap();
    assert!(
        exported.contains("gun: docker.com/team/app\npath: ") && exported.contains("role: targets"),
        "{}",
        *exported
    );

    keys.change_passphrase(&id, &FixedPassphrase::new("new")).unwrap();
    store(&folder, "new").open(&id).unwrap();
    keys.remove(&id).unwrap();
    assert!(!file.exists());
}

#[test]
fn exported_keys_are_as_notary_exports_them_and_import_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let private = folder.path().join("private");
    fs::create_dir_all(&private).unwrap();
    let mut ids = Vec::new();
    for role in ["root", "targets", "snapshot"] {
        let (name, _, id) = listed(&format!("notary-of-collection-{role}"));
        fs::write(private.join(format!("{id}.key")), golden(&name)).unwrap();
        ids.push(id);
    }
    let text = store(&folder, "unused").export(&ids).unwrap();
    let notary = String::from_utf8(golden("files/notary-export.pem")).unwrap();
    let blocks = |text: &str| {
        let mut blocks: Vec<String> =
            text.split_inclusive("-----END ENCRYPTED PRIVATE KEY-----\n").map(Into::into).collect();
        blocks.sort();
        blocks
    };
    assert_eq!(blocks(&text), blocks(&notary));

    let elsewhere = tempfile::tempdir().unwrap();
    let report = store(&elsewhere, "passphrase-targets").import(text.as_bytes(), &ImportDefaults::default()).unwrap();
    assert!(!report.is_complete());
    for block in &report.blocks {
        match &block.outcome {
            Ok(Imported::Added(entry)) => assert_eq!((&entry.id, &entry.key_use), (&ids[1], &targets())),
            Err(ImportRefusal::Passphrase(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(report.blocks[1].outcome.is_ok());
    store(&elsewhere, "passphrase-targets").open(&ids[1]).unwrap();
}

#[test]
fn a_sealed_key_without_path_is_imported_for_real() {
    for start in ["docker28-generated", "docker20-generated", "openssl-ecdsa-pbes2-default", "openssl-ecdsa-scrypt"] {
        let folder = tempfile::tempdir().unwrap();
        let (name, passphrase, id) = listed(start);
        let keys = store(&folder, &passphrase);
        let defaults = ImportDefaults { role: Some("dave".to_owned()), gun: Some(GUN.parse().unwrap()) };
        let seen = keys.examine(&golden(&name), &defaults).unwrap();
        assert!(
            matches!(&seen.blocks[0].outcome, Ok(Imported::Added(_))) && keys.list().unwrap().is_empty(),
            "{seen:?}"
        );
        let report = keys.import(&golden(&name), &defaults).unwrap();
        let Ok(Imported::Added(entry)) = &report.blocks[0].outcome else { panic!("{start}: {report:?}") };
        assert_eq!((&entry.id, &entry.key_use.gun), (&id, &None), "signers' keys are for every collection");
        assert!(entry.key_use.role.starts_with("dave"));
        // With the passphrase it had.
        store(&folder, &passphrase).open(&id).unwrap();
        let again = keys.import(&golden(&name), &defaults).unwrap();
        assert!(matches!(again.blocks[0].outcome, Ok(Imported::AlreadyThere(_))), "{again:?}");
    }
}

#[test]
fn plain_keys_are_sealed_when_imported() {
    for start in ["openssl-ecparam", "openssl-rsa-pkcs1.pem", "openssl-ed25519-pkcs8", "notary-form-ed25519"] {
        let folder = tempfile::tempdir().unwrap();
        let (name, _, id) = listed(start);
        let report = store(&folder, "new words").import(&golden(&name), &ImportDefaults::default()).unwrap();
        let Ok(Imported::Added(entry)) = &report.blocks[0].outcome else { panic!("{start}: {report:?}") };
        assert_eq!((&entry.id, entry.key_use.role.as_str()), (&id, "delegation"), "{start}");
        assert!(store(&folder, "other words").open(&id).is_err());
        store(&folder, "new words").open(&id).unwrap();
    }
}

#[test]
fn what_could_never_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let keys = store(&folder, "passphrase-openssl");
    let refusal = |text: &[u8], defaults: &ImportDefaults| {
        let mut report = keys.import(text, defaults).unwrap();
        report.blocks.remove(0).outcome.unwrap_err()
    };
    let none = ImportDefaults::default();
    assert!(matches!(refusal(&golden("files/openssl-p384-pbes2.pem"), &none), ImportRefusal::Unusable(_)));
    assert!(matches!(refusal(&golden("files/openssl-rsa-1024.pem"), &none), ImportRefusal::Unusable(_)));
    let role = |role: &str| ImportDefaults { role: Some(role.to_owned()), gun: None };
    let plain = golden("files/openssl-ecdsa-pkcs8.pem");
    assert!(matches!(refusal(&plain, &role("targets")), ImportRefusal::NoCollection { .. }));
    assert!(matches!(refusal(&plain, &role("two\nlines")), ImportRefusal::Header(_)));
    let ssh = b"-----BEGIN OPENSSH PRIVATE KEY-----\nAQID\n-----END OPENSSH PRIVATE KEY-----\n";
    assert!(matches!(refusal(ssh, &none), ImportRefusal::Unusable(_)));
    let other = "a".repeat(64);
    let text = String::from_utf8(plain).unwrap();
    let renamed = text.replace("BEGIN PRIVATE KEY-----\n", &format!("BEGIN PRIVATE KEY-----\npath: ../{other}\n\n"));
    assert!(matches!(refusal(renamed.as_bytes(), &none), ImportRefusal::OtherKey { .. }));
    for no_key in [&b""[..], b"words", b"-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n"] {
        assert!(matches!(keys.import(no_key, &none), Err(KeyStoreError::Unusable { .. })));
    }
    assert_eq!(keys.list().unwrap(), []);
}

#[test]
fn old_exports_name_collection_and_role_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let (name, passphrase, id) = listed("openssl-ecdsa-pbes2-hmacsha1-aes256");
    let text = String::from_utf8(golden(&name)).unwrap();
    let path = format!("ENCRYPTED PRIVATE KEY-----\npath: tuf_keys/docker.com/app/{id}_snapshot\n\n");
    let text = text.replacen("ENCRYPTED PRIVATE KEY-----\n", &path, 1);
    let report = store(&folder, &passphrase).import(text.as_bytes(), &ImportDefaults::default()).unwrap();
    let Ok(Imported::Added(entry)) = &report.blocks[0].outcome else { panic!("{report:?}") };
    let gun = Some("docker.com/app".parse().unwrap());
    assert_eq!(entry.key_use, KeyUse { role: "snapshot".to_owned(), gun });
}

#[test]
fn a_backup_brings_a_whole_folder_back_and_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let keys = store(&folder, "of the keys");
    let one = keys.add(key(), targets()).unwrap();
    let two = keys.add(key(), KeyUse { role: "alice".to_owned(), gun: None }).unwrap();
    fs::write(folder.path().join("private/odd.key"), "x").unwrap();
    let Backup { text, saved, unreadable } = keys.backup("of the backup").unwrap();
    assert_eq!((saved.len(), unreadable.len()), (2, 1));
    assert!(!text.contains("alice") && !text.contains("role"), "the backup shows what is in it");

    let elsewhere = tempfile::tempdir().unwrap();
    let restored = store(&elsewhere, "of the keys");
    let wrong = restored.restore(text.as_bytes(), "of the keys").unwrap_err().to_string();
    assert!(wrong.contains("the passphrase is wrong"), "{wrong}");
    let outcome = restored.restore(text.as_bytes(), "of the backup").unwrap();
    assert!(outcome.iter().all(|key| matches!(key, Restored::Added(_))), "{outcome:?}");
    let uses = |keys: &FileKeyStore| keys.list().unwrap().into_iter().map(|e| (e.id, e.key_use)).collect::<Vec<_>>();
    assert_eq!(uses(&restored), uses(&keys));
    for id in [&one.id, &two.id] {
        restored.open(id).unwrap();
        let file = format!("private/{id}.key");
        assert_eq!(fs::read(folder.path().join(&file)).unwrap(), fs::read(elsewhere.path().join(&file)).unwrap());
    }
    restored.remove(&one.id).unwrap();
    let again = restored.restore(text.as_bytes(), "of the backup").unwrap();
    assert_eq!(again.iter().filter(|key| matches!(key, Restored::AlreadyThere(_))).count(), 1);
}

#[test]
fn a_changed_backup_restores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let keys = store(&folder, "x");
    assert!(keys.backup("y").is_err(), "an empty folder");
    keys.add(key(), targets()).unwrap();
    assert!(keys.backup("").is_err());
    let text = keys.backup("y").unwrap().text;
    let elsewhere = tempfile::tempdir().unwrap();
    let restored = store(&elsewhere, "x");
    let lines: Vec<&str> = text.lines().collect();
    for position in [5, 7, lines.len() - 2] {
        let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        let other = if changed[position].starts_with('A') { "B" } else { "A" };
        changed[position].replace_range(..1, other);
        assert!(restored.restore(changed.join("\n").as_bytes(), "y").is_err(), "line {position}");
    }
    for no_backup in [&b""[..], b"words", &golden("files/notary-export.pem"), &golden("files/openssl-ecdsa-scrypt.pem")]
    {
        assert!(matches!(restored.restore(no_backup, "y"), Err(KeyStoreError::Unusable { .. })));
    }
    assert_eq!(restored.list().unwrap(), []);
}

#[test]
fn of_two_who_add_the_same_key_at_once_one_wins_and_the_file_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let made = key();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = ["a", "b", "c", "d"]
            .into_iter()
            .map(|words| {
                let (folder, key) = (&folder, SigningKey::from_pkcs8(&made.to_pkcs8()).unwrap());
                scope.spawn(move || (words, store(folder, words).add(key, targets())))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let winners: Vec<_> =
        outcomes.iter().filter_map(|(words, outcome)| outcome.as_ref().ok().map(|e| (words, e))).collect();
    let [(words, entry)] = winners.as_slice() else { panic!("{outcomes:?}") };
    store(&folder, words).open(&entry.id).unwrap();
    assert_eq!(names(&folder.path().join("private")).len(), 1);
}

/// Not a test of its own: what the next one kills. Adds keys and changes their passphrases as long as it lives.
#[test]
fn a_writer_to_be_killed() {
    let Some(folder) = std::env::var_os("KEY_FOLDER_TO_WRITE") else { return };
    let keys = |words: &str| FileKeyStore::new(&folder, Arc::new(FixedPassphrase::new(words)));
    loop {
        let entry = keys("one").add(key(), targets()).unwrap();
        keys("one").change_passphrase(&entry.id, &FixedPassphrase::new("two")).unwrap();
    }
}

#[test]
fn a_writer_that_is_killed_at_any_time_leaves_whole_keys() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..12 {
        let mut writer = std::process::Command::new(std::env::current_exe().unwrap());
        writer.args(["--exact", "client::keystore::file::tests::a_writer_to_be_killed"]);
        let mut writer =
            writer.env("KEY_FOLDER_TO_WRITE", folder.path()).stdout(std::process::Stdio::null()).spawn().unwrap();
        // However slow the machine is: it has written something, and is now anywhere in writing the next.
        while store(&folder, "two").list().unwrap().len() <= seen.len() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::thread::sleep(std::time::Duration::from_millis(7 * round));
        writer.kill().unwrap();
        writer.wait().unwrap();
        let keys = store(&folder, "two");
        assert_eq!(keys.unreadable().unwrap(), []);
        for entry in keys.list().unwrap().into_iter() {
            if seen.insert(entry.id.clone()) && keys.open(&entry.id).is_err() {
                store(&folder, "one").open(&entry.id).unwrap();
            }
        }
    }
    assert!(seen.len() >= 12, "{}", seen.len());
}
