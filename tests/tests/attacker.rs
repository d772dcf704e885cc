//! The attacker of the other stories does what it says, and `notary` notices: what a client of ours must notice at least.

use std::path::Path;

use anyhow::{Result, ensure};
use stories::attacker::{Attacker, Behaviour, State};
use stories::peers::notary::NotaryCli;
use stories::signing::OwnCollection;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/app";

/// A server with two collections, an attacker before it, and a publisher who speaks to the server itself.
struct World {
    server: TrustServer,
    attacker: Attacker,
    alice: NotaryCli,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let attacker = Attacker::before(&server, folder.path())?;
        let alice = NotaryCli::new("alice", folder.path(), &server)?;
        alice.file("one", "hello, world\n")?;
        for gun in [GUN, "example.com/team/other"] {
            alice.ok(&["init", gun])?;
            alice.ok(&["add", gun, "v1", "one", "-p"])?;
        }
        Ok(Self { server, attacker, alice, folder })
    }

    /// A reader who speaks to the attacker and takes them for the server.
    fn reader(&self, name: &str) -> Result<NotaryCli> {
        NotaryCli::new(name, self.folder.path(), &self.attacker.server())
    }

    fn publish_v2(&self) -> Result<()> {
        self.alice.ok(&["add", GUN, "v2", "one", "-p"]).map(drop)
    }
}

#[test]
fn an_honest_attacker_is_not_noticed() -> Result<()> {
    let world = World::start()?;
    let bob = world.reader("bob")?;
    ensure!(bob.list(GUN)?.len() == 1);
    let seen = world.attacker.take_requests();
    ensure!(seen.contains(&format!("GET /v2/{GUN}/_trust/tuf/timestamp.json")), "{seen:?}");

    let carol = world.reader("carol")?;
    carol.file("two", "second file\n")?;
    carol.ok(&["init", "example.com/carol"])?;
    carol.ok(&["add", "example.com/carol", "v1", "two", "-p"])?;
    let direct = NotaryCli::new("dave", world.folder.path(), &world.server)?;
    ensure!(direct.list("example.com/carol")?.len() == 1, "the publication did not arrive");
    Ok(())
}

#[test]
fn an_old_state_is_a_rollback_to_who_saw_a_newer_one() -> Result<()> {
    let world = World::start()?;
    let old = world.attacker.snapshot_state(GUN)?;
    world.publish_v2()?;
    let (bob, newcomer) = (world.reader("bob")?, world.reader("newcomer")?);
    ensure!(bob.list(GUN)?.len() == 2);
    world.attacker.behave(Behaviour::Shows(old));
    bob.run(&["list", GUN])?.failure("is lower than current version")?;
    // Who has seen nothing newer cannot tell, until the timestamp expires.
    ensure!(newcomer.list(GUN)?.len() == 1);
    Ok(())
}

#[test]
fn files_of_different_moments_do_not_fit() -> Result<()> {
    let world = World::start()?;
    let old = world.attacker.snapshot_state(GUN)?;
    world.publish_v2()?;
    for role in ["snapshot", "targets"] {
        world.attacker.behave(Behaviour::Mixes(old.clone(), vec![role.to_owned()]));
        world.reader(role)?.run(&["list", GUN])?.failure(&format!("checksum for {role} did not match"))?;
    }
    Ok(())
}

#[test]
fn another_collection_s_files_are_not_this_one_s() -> Result<()> {
    let world = World::start()?;
    world.attacker.behave(Behaviour::Replays("example.com/team/other".to_owned()));
    world.reader("bob")?.run(&["list", GUN])?.failure("could not validate the path to a trusted root")?;
    Ok(())
}

#[test]
fn one_role_s_file_is_not_another_s() -> Result<()> {
    let world = World::start()?;
    world.attacker.behave(Behaviour::Swaps("snapshot".to_owned(), "targets".to_owned()));
    world.reader("bob")?.run(&["list", GUN])?.failure("checksum for snapshot did not match")?;
    Ok(())
}

#[test]
fn an_expired_timestamp_is_signed_and_still_refused() -> Result<()> {
    let world = World::start()?;
    let own = OwnCollection::new(GUN)?;
    world.attacker.behave(Behaviour::Shows(State::of_files(GUN, &own.files(1, 7)?)?));
    let bob = world.reader("bob")?;
    ensure!(bob.list(GUN)?.len() == 1);
    world.attacker.behave(Behaviour::Shows(State::of_files(GUN, &own.files(2, -1)?)?));
    bob.run(&["list", GUN])?.failure("timestamp expired")?;
    Ok(())
}

#[test]
fn endless_and_broken_answers_end() -> Result<()> {
    let world = World::start()?;
    world.attacker.behave(Behaviour::Endless("timestamp".to_owned()));
    world.reader("bob")?.run(&["list", GUN])?.failure("unexpected end of JSON input")?;
    world.attacker.behave(Behaviour::Cuts("snapshot".to_owned(), 20));
    world.reader("carol")?.run(&["list", GUN])?.failure("unexpected EOF")?;
    Ok(())
}

#[test]
fn a_status_is_all_that_comes() -> Result<()> {
    let world = World::start()?;
    for (status, told) in [(401, "not authorized"), (404, "does not have trust data"), (503, "503")] {
        world.attacker.behave(Behaviour::Status(status));
        let reader = world.reader(&format!("reader-{status}"))?;
        reader.run(&["list", GUN])?.failure(told)?;
    }
    Ok(())
}

#[test]
fn a_state_is_what_the_server_shows() -> Result<()> {
    let world = World::start()?;
    let state = world.attacker.snapshot_state(GUN)?;
    for name in ["root.json", "1.root.json", "timestamp.json", "snapshot.json", "targets.json"] {
        ensure!(state.file(GUN, name).is_some(), "{name} is not in it");
    }
    ensure!(Path::new(&world.server.ca()).exists());
    Ok(())
}
