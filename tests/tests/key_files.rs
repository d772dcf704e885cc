//! Key folders shared with `notary` and Docker: what one writes the others open, sign with, and rewrite.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use libtrust::client::{
    EnvironmentNames, FileKeyStore, FixedPassphrase, ImportDefaults, Imported, KeyEntry, KeyStore, KeyUse,
    PassphraseEnvironment, Passphrases,
};
use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::names::KeyId;
use ring::rand::SystemRandom;
use stories::command::{Outcome, clean, run};
use stories::peers::docker;
use stories::peers::notary::NotaryCli;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/keys";

/// The passphrases that the harness gives to `notary`.
fn as_notary() -> Arc<dyn Passphrases> {
    Arc::new(PassphraseEnvironment::with(EnvironmentNames::Notary, |variable| {
        let role = variable.trim_start_matches("NOTARY_").trim_end_matches("_PASSPHRASE");
        Some(format!("passphrase-{role}").into())
    }))
}

fn keys_of(person: &NotaryCli) -> FileKeyStore {
    FileKeyStore::new(person.home().join("trust"), as_notary())
}

fn made(algorithm: KeyAlgorithm) -> Result<SigningKey> {
    Ok(SigningKey::generate(algorithm, &SystemRandom::new())?)
}

fn role(role: &str) -> KeyUse {
    KeyUse { role: role.to_owned(), gun: None }
}

fn import(keys: &FileKeyStore, text: &[u8], role: &str) -> Result<KeyEntry> {
    let defaults = ImportDefaults { role: Some(role.to_owned()), gun: None };
    match keys.import(text, &defaults)?.blocks.remove(0).outcome? {
        Imported::Added(entry) | Imported::AlreadyThere(entry) => Ok(entry),
    }
}

/// That a key in a folder opens and signs what its public key verifies.
fn signs(keys: &FileKeyStore, id: &KeyId) -> Result<()> {
    let key = keys.open(id)?;
    let signature = key.sign(id, b"message")?;
    key.public_key().verifying_key()?.verify(&signature.scheme, b"message", &signature.bytes)?;
    Ok(())
}

#[test]
fn notary_publishes_with_a_root_key_made_here_and_its_own_keys_sign_here() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    // Sealed so that `notary` cannot open it, and then so that it can.
    let trust = alice.home().join("trust");
    let first = FileKeyStore::new(&trust, Arc::new(FixedPassphrase::new("known to nobody else")));
    let root = first.add(made(KeyAlgorithm::Ecdsa)?, role("root"))?;
    // What a writer leaves that was killed.
    std::fs::write(first.folder().join(".key-0123456789abcdef.tmp"), "half a key")?;
    alice.ok(&["key", "list"])?.says(root.id.as_str())?;
    let refused = alice.run(&["init", GUN])?;
    ensure!(refused.code != 0, "it opened without its passphrase: {refused}");
    first.change_passphrase(&root.id, &FixedPassphrase::new("passphrase-ROOT"))?;

    alice.ok(&["init", GUN])?.says(&format!("Root key found, using: {}", root.id))?;
    alice.file("one", "hello\n")?;
    alice.ok(&["add", GUN, "v1", "one"])?;
    alice.ok(&["publish", GUN])?;
    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    bob.ok(&["lookup", GUN, "v1"])?;

    let keys = keys_of(&alice);
    ensure!(keys.unreadable()?.is_empty());
    let listed = keys.list()?;
    let of_collection = |entry: &&KeyEntry| entry.key_use.gun.as_ref().is_some_and(|gun| gun.as_str() == GUN);
    ensure!(listed.iter().filter(of_collection).any(|entry| entry.key_use.role == "targets"), "{listed:?}");
    for entry in &listed {
        signs(&keys, &entry.id)?;
    }
    Ok(())
}

#[test]
fn notary_signs_with_imported_keys_that_it_could_not_read_itself() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    alice.ok(&["init", GUN, "-p"])?;
    let keys = keys_of(&alice);
    alice.file("one", "hello\n")?;
    for (name, kind) in [("ec", "ec:P-256"), ("rsa", "rsa:2048")] {
        let delegation = format!("targets/{name}");
        let (algorithm, size) = kind.split_once(':').context("kind")?;
        let mut openssl = clean("openssl");
        openssl.current_dir(alice.home()).args(["req", "-x509", "-days", "9", "-subj", "/CN=x"]);
        // OpenSSL seals with HMAC-SHA256, which `notary` takes for a wrong passphrase.
        openssl.args(["-passout", "pass:passphrase-DELEGATION", "-keyout", name, "-out", "certificate"]);
        match algorithm {
            "ec" => openssl.args(["-newkey", "ec", "-pkeyopt", &format!("ec_paramgen_curve:{size}")]),
            _ => openssl.args(["-newkey", kind]),
        };
        run(&mut openssl)?.success()?;
        let entry = import(&keys, &std::fs::read(alice.home().join(name))?, &delegation)?;
        alice.ok(&["key", "list"])?.says(entry.id.as_str())?;
        alice.ok(&["delegation", "add", GUN, &delegation, "certificate", "--all-paths", "-p"])?;
        alice.ok(&["add", GUN, name, "one", "-r", &delegation, "-p"])?;
        let bob = NotaryCli::new(&format!("bob-{name}"), folder.path(), &server)?;
        bob.ok(&["list", GUN, "-r", &delegation])?.says(name)?;
    }
    Ok(())
}

#[test]
fn notary_rewrites_every_kind_of_key_and_both_go_on() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    let keys = keys_of(&alice);
    run(clean("openssl").current_dir(alice.home()).args(["genrsa", "-out", "rsa", "3072"]))?.success()?;
    let entries = [
        keys.add(made(KeyAlgorithm::Ecdsa)?, role("alice"))?,
        keys.add(made(KeyAlgorithm::Ed25519)?, role("targets/releases"))?,
        import(&keys, &std::fs::read(alice.home().join("rsa"))?, "bob")?,
    ];
    for entry in &entries {
        alice.ok(&["key", "passwd", entry.id.as_str()])?.says("Successfully updated passphrase")?;
        signs(&keys_of(&alice), &entry.id)?;
    }
    ensure!(keys_of(&alice).list()?.len() == 3);
    Ok(())
}

#[test]
fn exports_go_both_ways() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    alice.ok(&["init", GUN])?;
    let listed = keys_of(&alice).list()?;
    ensure!(listed.len() == 3 || listed.len() == 2, "{listed:?}");

    // Ours to notary.
    let ids: Vec<KeyId> = listed.iter().map(|entry| entry.id.clone()).collect();
    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    bob.file("ours.pem", &keys_of(&alice).export(&ids)?)?;
    bob.ok(&["key", "import", "ours.pem"])?;
    let bobs = keys_of(&bob).list()?;
    ensure!(bobs.iter().map(|entry| (&entry.id, &entry.key_use)).eq(listed.iter().map(|e| (&e.id, &e.key_use))));
    for id in &ids {
        signs(&keys_of(&bob), id)?;
        bob.ok(&["key", "passwd", id.as_str()])?;
    }
    // Notary's to ours.
    bob.ok(&["key", "export", "-o", "notary.pem"])?;
    let carol = NotaryCli::new("carol", folder.path(), &server)?;
    let keys = keys_of(&carol);
    let report = keys.import(&std::fs::read(bob.home().join("notary.pem"))?, &ImportDefaults::default())?;
    ensure!(report.is_complete() && report.blocks.len() == ids.len(), "{report:?}");
    ids.iter().try_for_each(|id| signs(&keys_of(&carol), id))
}

/// Runs `docker trust` without an engine.
fn docker_trust(program: &str, home: &Path, server: &TrustServer, words: &[&str]) -> Result<Outcome> {
    let tls = home.join("config/tls").join(server.host());
    std::fs::create_dir_all(&tls)?;
    std::fs::copy(server.ca(), tls.join("ca.crt"))?;
    let mut command: Command = clean(program);
    command.current_dir(home).env("HOME", home).env("DOCKER_CONFIG", home.join("config"));
    command.env("DOCKER_CONTENT_TRUST_SERVER", server.url());
    command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase of root");
    command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase of others");
    run(command.arg("trust").args(words))
}

fn with_docker(program: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let home = folder.path().join("dave");
    let trust = home.join("config/trust");
    let passphrases = || -> Arc<dyn Passphrases> {
        Arc::new(PassphraseEnvironment::with(EnvironmentNames::Docker, |variable| {
            Some(if variable.contains("ROOT") { "passphrase of root" } else { "passphrase of others" }.into())
        }))
    };
    let keys = FileKeyStore::new(&trust, passphrases());
    let root = keys.add(made(KeyAlgorithm::Ecdsa)?, role("root"))?;
    docker_trust(program, &home, &server, &["key", "generate", "erin"])?.success()?;
    let add = ["signer", "add", "--key", "erin.pub", "erin", GUN];
    docker_trust(program, &home, &server, &add)?.success()?.says("Successfully added signer: erin")?;
    // Docker signed with the root key that was there, and made no other.
    let listed = FileKeyStore::new(&trust, passphrases()).list()?;
    let roots: Vec<_> = listed.iter().filter(|entry| entry.key_use.role == "root").collect();
    ensure!(roots == [&root], "{listed:?}");
    ensure!(listed.iter().any(|entry| entry.key_use.role == "erin"), "{listed:?}");
    let keys = FileKeyStore::new(&trust, passphrases());
    listed.iter().try_for_each(|entry| signs(&keys, &entry.id))
}

#[test]
fn docker_20_signs_with_a_root_key_made_here() -> Result<()> {
    with_docker(docker::DEBIAN)
}

#[test]
fn docker_28_signs_with_a_root_key_made_here() -> Result<()> {
    // Machines without the newer client have none to be compatible with.
    if Path::new(docker::NEWER).exists() { with_docker(docker::NEWER) } else { Ok(()) }
}
