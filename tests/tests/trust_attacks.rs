//! Attacks between `trust` and its server. Each ends in its own exit code, names what is wrong, and leaves what was
//! trusted as it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use libtrust::edit::Change;
use libtrust::keys::{KeyAlgorithm, SigningKey};
use libtrust::names::RoleName;
use ring::rand::SystemRandom;
use stories::attacker::{Attacker, Behaviour, State};
use stories::peers::trust::TrustCli;
use stories::person::{Person, target};
use stories::signing::OwnCollection;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/app";
const IMAGE: &str = "example.com/team/app:v1";

/// A server with two collections, an attacker before it, a publisher who speaks to the server itself, and a reader who
/// speaks to the attacker and takes them for the server.
struct World {
    attacker: Attacker,
    alice: Person,
    bob: TrustCli,
    folder: tempfile::TempDir,
    _server: TrustServer,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let attacker = Attacker::before(&server, folder.path())?;
        let alice = Person::new(folder.path().join("alice"), &server)?;
        for gun in [GUN, "example.com/team/other"] {
            alice.init(gun, &Default::default())?;
            alice.sign(gun, "v1", "one")?;
        }
        let bob = TrustCli::new("bob", folder.path(), &attacker.server())?;
        bob.trusts_on_first_use()?;
        Ok(Self { attacker, alice, bob, folder, _server: server })
    }

    fn verify(&self) -> [&'static str; 3] {
        ["verify", "--no-registry", IMAGE]
    }

    /// Bob has seen the newest state; then the attacker does this, and Bob notices, with this code and these words.
    fn notices(&self, behaviour: Behaviour, code: i32, words: &str) -> Result<()> {
        self.attacker.behave(Behaviour::Honest);
        self.bob.ok(&self.verify())?;
        let before = contents(&self.bob.trust_dir().join("tuf"))?;
        self.attacker.behave(behaviour);
        let outcome = self.bob.fails(code, words, &self.verify())?;
        ensure!(outcome.stderr.contains("hint:") || code == 21, "no hint: {outcome}");
        ensure!(contents(&self.bob.trust_dir().join("tuf"))? == before, "the cache changed: {words}");
        self.attacker.behave(Behaviour::Honest);
        self.bob.ok(&self.verify())?;
        Ok(())
    }

    /// Somebody who has seen nothing yet notices it too.
    fn newcomer_notices(&self, name: &str, behaviour: Behaviour, code: i32, words: &str) -> Result<()> {
        let newcomer = TrustCli::new(name, self.folder.path(), &self.attacker.server())?;
        newcomer.trusts_on_first_use()?;
        self.attacker.behave(behaviour);
        newcomer.fails(code, words, &self.verify())?;
        ensure!(contents(&newcomer.trust_dir().join("tuf"))?.is_empty(), "something is remembered: {words}");
        Ok(())
    }
}

/// Every file below a folder, but locks.
fn contents(folder: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().is_some_and(|name| name != ".lock") {
                found.insert(path.clone(), std::fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

#[test]
fn an_old_state_is_a_rollback() -> Result<()> {
    let world = World::start()?;
    let old = world.attacker.snapshot_state(GUN)?;
    world.alice.sign(GUN, "v2", "two")?;
    world.notices(Behaviour::Shows(old), 13, "is lower than current version")
}

#[test]
fn files_of_different_moments_do_not_fit() -> Result<()> {
    let world = World::start()?;
    let old = world.attacker.snapshot_state(GUN)?;
    world.alice.sign(GUN, "v1", "two")?;
    world.bob.ok(&world.verify())?;
    world.alice.sign(GUN, "v1", "three")?;
    for role in ["targets", "snapshot"] {
        world.attacker.behave(Behaviour::Mixes(old.clone(), vec![role.to_owned()]));
        world.bob.fails(11, "checksum", &world.verify())?;
    }
    world.newcomer_notices("newcomer", Behaviour::Mixes(old, vec!["targets".to_owned()]), 11, "checksum")
}

#[test]
fn another_collection_s_files_are_not_this_one_s() -> Result<()> {
    let world = World::start()?;
    let other = Behaviour::Replays("example.com/team/other".to_owned());
    world.newcomer_notices("newcomer", other.clone(), 14, "example.com/team/other")?;
    world.attacker.behave(Behaviour::Honest);
    world.bob.ok(&world.verify())?;
    world.notices(other, 14, "example.com/team/other")
}

#[test]
fn one_role_s_file_is_not_another_s() -> Result<()> {
    let world = World::start()?;
    let swap = Behaviour::Swaps("timestamp".to_owned(), "snapshot".to_owned());
    world.notices(swap.clone(), 11, "timestamp")?;
    world.newcomer_notices("newcomer", swap, 11, "timestamp")
}

#[test]
fn one_signer_s_file_is_not_another_s() -> Result<()> {
    let world = World::start()?;
    for name in ["alice", "bob"] {
        let key = SigningKey::generate(KeyAlgorithm::Ecdsa, &SystemRandom::new())?;
        let role: RoleName = format!("targets/{name}").parse()?;
        let RoleName::Delegation(delegation) = &role else { anyhow::bail!("{role} is no delegation") };
        let keys = vec![key.public_key().clone()];
        let delegate =
            Change::AddDelegation { role: delegation.clone(), keys, threshold: None, paths: vec![String::new()] };
        world.alice.keep(key, name)?;
        let sign = Change::AddTarget { role, name: format!("{name}-1"), target: target(name) };
        world.alice.publish(GUN, &[delegate, sign])?;
    }
    let swap = Behaviour::Swaps("targets/alice".to_owned(), "targets/bob".to_owned());
    world.newcomer_notices("newcomer", swap, 11, "checksum for targets/alice")
}

#[test]
fn data_without_end_is_cut_off() -> Result<()> {
    let world = World::start()?;
    world.notices(Behaviour::Endless("timestamp".to_owned()), 11, "more than")?;
    for (n, role) in ["snapshot", "targets"].into_iter().enumerate() {
        world.newcomer_notices(&format!("newcomer-{n}"), Behaviour::Endless(role.to_owned()), 11, "more than")?;
    }
    Ok(())
}

#[test]
fn broken_connections_and_odd_answers_are_network_errors() -> Result<()> {
    let world = World::start()?;
    world.notices(Behaviour::Cuts("timestamp".to_owned(), 100), 21, "cannot reach")?;
    world.notices(Behaviour::Status(503), 21, "503")?;
    world.notices(Behaviour::Status(401), 20, "does not let you")?;
    world.notices(Behaviour::Status(404), 10, "does not have trust data")
}

#[test]
fn a_frozen_timestamp_is_noticed_once_it_has_expired() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let attacker = Attacker::before(&server, folder.path())?;
    let files = OwnCollection::new(GUN)?.files(1, -1)?;
    attacker.behave(Behaviour::Shows(State::of_files(GUN, &files)?));
    let bob = TrustCli::new("bob", folder.path(), &attacker.server())?;
    bob.trusts_on_first_use()?;
    bob.fails(13, "timestamp expired at", &["verify", "--no-registry", IMAGE])?;
    Ok(())
}
