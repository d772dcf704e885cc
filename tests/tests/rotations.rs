//! Every role's key is rotated, and a reader with an old cache follows.

use std::path::Path;

use anyhow::{Result, ensure};
use stories::peers::notary::NotaryCli;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/rotated";

/// A publisher with `v1` published, and a reader who has read it.
fn published(folder: &Path, server: &TrustServer) -> Result<(NotaryCli, NotaryCli)> {
    let alice = NotaryCli::new("alice", folder, server)?;
    alice.file("file", "content\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "v1", "file", "-p"])?;
    let bob = NotaryCli::new("bob", folder, server)?;
    ensure!(bob.list(GUN)?.len() == 1);
    Ok((alice, bob))
}

/// Rotates, checks that both an old and a new reader follow, and that publishing goes on.
fn rotate_and_go_on(
    folder: &Path,
    server: &TrustServer,
    people: &(NotaryCli, NotaryCli),
    rotation: &[&str],
) -> Result<()> {
    let (alice, bob) = people;
    let before = bob.list(GUN)?.len();
    let args = [&["key", "rotate", GUN], rotation].concat();
    alice.run_with_input(&args, "yes\n")?.success()?.says("Successfully rotated")?;
    ensure!(bob.list(GUN)?.len() == before, "the old reader after {rotation:?}");
    let tag = format!("{}{}", before + 1, rotation.concat());
    alice.ok(&["add", GUN, &tag, "file", "-p"])?;
    ensure!(bob.list(GUN)?.len() == before + 1, "the old reader after {rotation:?} and a publish");
    let fresh = NotaryCli::new(&format!("fresh-{tag}"), folder, server)?;
    ensure!(fresh.list(GUN)? == bob.list(GUN)?, "a new reader after {rotation:?}");
    Ok(())
}

#[test]
fn a_reader_follows_every_rotation_in_turn() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let people = published(folder.path(), &server)?;
    let rotations: [&[&str]; 6] =
        [&["targets"], &["snapshot", "-r"], &["timestamp", "-r"], &["root"], &["snapshot"], &["snapshot", "-r"]];
    for rotation in rotations {
        rotate_and_go_on(folder.path(), &server, &people, rotation)?;
    }
    Ok(())
}

#[test]
fn a_reader_who_missed_three_root_rotations_follows_the_chain() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let (alice, bob) = published(folder.path(), &server)?;
    for _ in 0..3 {
        alice.run_with_input(&["key", "rotate", GUN, "root"], "yes\n")?.success()?;
    }
    alice.ok(&["key", "rotate", GUN, "timestamp", "-r"])?;
    alice.ok(&["add", GUN, "v2", "file", "-p"])?;
    ensure!(bob.list(GUN)?.len() == 2);
    Ok(())
}

#[test]
fn a_publisher_left_behind_by_a_rotation_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let (alice, bob) = published(folder.path(), &server)?;
    let left_behind = alice.copy("left-behind")?;
    alice.ok(&["key", "rotate", GUN, "targets"])?;
    left_behind.ok(&["add", GUN, "stolen", "file"])?;
    left_behind.run(&["publish", GUN])?.failure("could not find necessary signing keys")?;
    ensure!(bob.list(GUN)?.len() == 1);
    Ok(())
}
