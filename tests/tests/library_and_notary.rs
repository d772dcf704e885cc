//! Our library and `notary` on the same collections and the same trust folder, against either server.

use std::path::Path;

use anyhow::{Result, ensure};
use libtrust::client::{Init, NewKeys, PartialFile, SnapshotHolder};
use libtrust::edit::Change;
use libtrust::names::RoleName;
use stories::peers::notary::NotaryCli;
use stories::person::{Person, target};
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/both";

/// `notary` with the passphrase our library uses, in a trust folder.
fn notary(name: &str, folder: &Path, server: &TrustServer) -> Result<NotaryCli> {
    Ok(NotaryCli::new(name, folder, server)?.with_passphrase("passphrase-of-all"))
}

#[test]
fn notary_goes_on_with_what_our_library_began() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    for (n, snapshot) in [SnapshotHolder::Server, SnapshotHolder::Publisher].into_iter().enumerate() {
        let gun = format!("{GUN}-{n}");
        let alice = notary(&format!("alice-{n}"), folder.path(), &server)?;
        let ours = Person::new(alice.home().join("trust"), &server)?;
        ours.init(&gun, &Init { snapshot, ..Init::default() })?;
        ours.sign(&gun, "v1", "one\n")?;
        // The same folder: keys and cache are those our library wrote.
        alice.file("two", "two\n")?;
        alice.ok(&["add", &gun, "v2", "two", "-p"])?;
        ours.sign(&gun, "v3", "three\n")?;
        // Another reader, who never saw it.
        let bob = notary(&format!("bob-{n}"), folder.path(), &server)?;
        let names: Vec<String> = bob.list(&gun)?.into_iter().map(|(name, _)| name).collect();
        ensure!(names == ["v1", "v2", "v3"], "{names:?}");
        bob.file("one", "one\n")?;
        bob.ok(&["verify", &gun, "v1", "-i", "one"])?;
    }
    Ok(())
}

#[test]
fn our_library_goes_on_with_what_notary_began() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = notary("alice", folder.path(), &server)?;
    alice.file("one", "one\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "v1", "one", "-p"])?;
    let ours = Person::new(alice.home().join("trust"), &server)?;
    ensure!(ours.digest(GUN, "v1")? == hex::encode(target("one\n").digests.sha256.unwrap_or_default()));
    ours.sign(GUN, "v2", "two\n")?;
    ensure!(alice.list(GUN)?.len() == 2);
    let (_, certificate) = alice.delegate_key("releases")?;
    alice.ok(&["delegation", "add", GUN, "targets/releases", &certificate, "--all-paths", "-p"])?;
    ensure!(ours.update(GUN)?.signer_names().is_empty());
    ours.publish(GUN, &[Change::RemoveTarget { role: RoleName::Targets, name: "v1".into() }])?;
    ensure!(alice.list(GUN)?.len() == 1);
    Ok(())
}

#[test]
fn readers_with_old_caches_follow_our_rotations() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let ours = Person::new(folder.path().join("ours"), &server)?;
    ours.init(GUN, &Init::default())?;
    ours.sign(GUN, "v0", "zero\n")?;
    let (old, bob) = (notary("old", folder.path(), &server)?, Person::new(folder.path().join("bob"), &server)?);
    let sleeper = notary("sleeper", folder.path(), &server)?;
    for reader in [&old, &sleeper] {
        ensure!(reader.list(GUN)?.len() == 1);
    }
    bob.digest(GUN, "v0")?;
    let rotations = [
        (RoleName::Targets, NewKeys::Generate),
        (RoleName::Root, NewKeys::Generate),
        (RoleName::Snapshot, NewKeys::Generate),
        (RoleName::Snapshot, NewKeys::Server),
        (RoleName::Timestamp, NewKeys::Server),
        (RoleName::Root, NewKeys::Generate),
    ];
    for (n, (role, keys)) in rotations.iter().enumerate() {
        let rotation = ours.rotate(GUN, role, keys)?;
        ensure!(rotation.retired.len() == 1 && rotation.keys != rotation.retired, "{role}: {rotation:?}");
        ensure!(old.list(GUN)?.len() == n + 1, "an old reader after {role}");
        let tag = format!("v{}", n + 1);
        ours.sign(GUN, &tag, &tag)?;
        ensure!(old.list(GUN)?.len() == n + 2, "an old reader after {role} and a signature");
        bob.digest(GUN, &tag)?;
    }
    ensure!(sleeper.list(GUN)?.len() == rotations.len() + 1, "a reader who missed every rotation");
    Ok(())
}

/// Two people must sign the root; neither sees the other's key, and files travel between them.
#[test]
fn two_people_sign_a_root_over_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let (alice, bob) =
        (Person::new(folder.path().join("alice"), &server)?, Person::new(folder.path().join("bob"), &server)?);
    alice.init(GUN, &Init::default())?;
    alice.sign(GUN, "v1", "one\n")?;
    let reader = notary("reader", folder.path(), &server)?;
    ensure!(reader.list(GUN)?.len() == 1);
    let certificates = vec![alice.root_certificate(GUN)?, bob.root_certificate(GUN)?];
    let change = Change::ReplaceKeys { role: RoleName::Root, keys: certificates, threshold: 2.try_into().ok() };
    ensure!(alice.publish(GUN, std::slice::from_ref(&change)).is_err(), "one of two signed");

    let prepared = alice.prepare(GUN, &[change])?;
    let [file] = prepared.as_slice() else { anyhow::bail!("{prepared:?}") };
    ensure!(!file.is_complete());
    ensure!(alice.publish_partials(GUN, &prepared).is_err(), "not complete");
    let mut travelled = PartialFile::parse(file.to_text().as_bytes())?;
    ensure!(bob.sign_partial(&mut travelled)? == 1);
    let mut merged = file.clone();
    merged.merge(&PartialFile::parse(travelled.to_text().as_bytes())?)?;
    ensure!(merged.is_complete(), "{:?}", merged.groups());
    alice.publish_partials(GUN, &[merged.clone()])?;
    ensure!(reader.list(GUN)?.len() == 1, "a reader who saw the old root");
    let root = alice.update(GUN)?;
    ensure!(root.root().version.get() == 2 && root.root().signers().len() == 2);
    // Once published it is of the past.
    ensure!(alice.publish_partials(GUN, &[merged]).is_err());
    // From now on one alone cannot change the root.
    ensure!(alice.publish(GUN, &[Change::RenewRoot]).is_err());
    Ok(())
}

#[test]
fn what_notary_began_and_staged_without_a_server_is_published_by_our_library() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = notary("alice", folder.path(), &server)?;
    alice.file("one", "one\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "v1", "one"])?;
    let ours = Person::new(alice.home().join("trust"), &server)?;
    ours.publish_staged(GUN)?;
    ensure!(alice.list(GUN)?.len() == 1);
    // And what is staged by ours is published by it.
    let change = Change::AddTarget { role: RoleName::Targets, name: "v2".into(), target: target("two\n") };
    ours.stage(GUN, &change)?;
    alice.ok(&["status", GUN])?.says("v2")?;
    alice.ok(&["publish", GUN])?;
    ensure!(alice.list(GUN)?.len() == 2);
    ensure!(ours.digest(GUN, "v2").is_ok());
    Ok(())
}
