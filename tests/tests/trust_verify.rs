//! Readers with `trust`: what others published is found, and whoever stands between reader and server is noticed, each in
//! its own exit code and without harm to what was trusted before.

use anyhow::{Result, ensure};
use stories::attacker::{Attacker, Behaviour, State};
use stories::peers::notary::NotaryCli;
use stories::peers::trust::TrustCli;
use stories::signing::OwnCollection;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/app";
const OTHER: &str = "example.com/team/other";
/// SHA-256 of `hello, world` and a line end.
const DIGEST: &str = "sha256:853ff93762a06ddbf722c4ebe9ddd66d8f63ddaea97f521c3ecc20da7c976020";
/// Nobody is at the terminal of a story, so trusting on first use must be said.
const FIRST_USE: &str = r#"{ "version": 1, "default": { "first_use": true } }"#;

struct World {
    attacker: Attacker,
    alice: NotaryCli,
    _server: TrustServer,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let attacker = Attacker::before(&server, folder.path())?;
        let alice = NotaryCli::new("alice", folder.path(), &server)?;
        alice.file("one", "hello, world\n")?;
        for gun in [GUN, OTHER] {
            alice.ok(&["init", gun])?;
            alice.ok(&["add", gun, "v1", "one", "-p"])?;
        }
        Ok(Self { attacker, alice, _server: server, folder })
    }

    fn reader(&self, name: &str) -> Result<TrustCli> {
        let reader = TrustCli::new(name, self.folder.path(), &self.attacker.server())?;
        reader.file("policy.json", FIRST_USE)?;
        Ok(reader)
    }
}

const VERIFY: [&str; 5] = ["verify", "--no-registry", "--policy", "policy.json", "example.com/team/app:v1"];

#[test]
fn what_notary_published_is_verified_and_inspected() -> Result<()> {
    let world = World::start()?;
    let bob = world.reader("bob")?;
    bob.ok(&VERIFY)?.says(DIGEST)?;
    let verified = bob.json(&VERIFY)?;
    ensure!(verified["images"][0]["digest"] == DIGEST, "{verified}");

    let inspected = bob.json(&["inspect", GUN])?;
    let image = &inspected["images"][0];
    ensure!(image["tags"][0]["tag"] == "v1" && image["tags"][0]["digest"] == DIGEST, "{inspected}");
    ensure!(image["root_trust"] == "seen-before", "{inspected}");
    bob.ok(&["inspect", GUN])?.says("TAG   DIGEST")?.says("(repository key)")?;
    bob.fails(10, "v9", &["verify", "--no-registry", "example.com/team/app:v9"])?;
    bob.fails(10, "v9", &["inspect", "example.com/team/app:v9"])?;
    let wrong = format!("{GUN}:v1@sha256:{}", "ab".repeat(32));
    bob.fails(15, "sha256", &["verify", "--no-registry", &wrong])?;
    Ok(())
}

#[test]
fn an_unknown_name_is_not_trusted_when_nobody_looks() -> Result<()> {
    let world = World::start()?;
    let bob = world.reader("bob")?;
    bob.fails(14, "never seen before", &["verify", "--no-registry", "example.com/team/app:v1"])?;
    bob.ok(&VERIFY)?;
    bob.ok(&["verify", "--no-registry", "example.com/team/app:v1"])?;
    bob.ok(&["verify", "--offline", "example.com/team/app:v1"])?;
    Ok(())
}

#[test]
fn every_attack_has_its_exit_code_and_leaves_the_cache_as_it_was() -> Result<()> {
    let world = World::start()?;
    let (old, bob) = (world.attacker.snapshot_state(GUN)?, world.reader("bob")?);
    world.alice.ok(&["add", GUN, "v2", "one", "-p"])?;
    bob.ok(&VERIFY)?;
    let own = OwnCollection::new(GUN)?;
    let expired = State::of_files(GUN, &own.files(1, -1)?)?;
    let role = str::to_owned;
    for (what, behaviour, known, unknown) in [
        ("rollback", Behaviour::Shows(old.clone()), 13, 0),
        ("old snapshot", Behaviour::Mixes(old.clone(), vec![role("snapshot")]), 0, 11),
        ("another collection", Behaviour::Replays(role(OTHER)), 14, 14),
        ("another role", Behaviour::Swaps(role("timestamp"), role("snapshot")), 11, 11),
        ("expired timestamp", Behaviour::Shows(expired), 11, 13),
        ("endless", Behaviour::Endless(role("timestamp")), 11, 11),
        ("cut", Behaviour::Cuts(role("timestamp"), 20), 21, 21),
        ("no rights", Behaviour::Status(401), 20, 20),
        ("nothing there", Behaviour::Status(404), 10, 10),
        ("away", Behaviour::Status(503), 21, 21),
    ] {
        world.attacker.behave(behaviour);
        let before = files(&bob)?;
        let newcomer = world.reader(&what.replace(' ', "-"))?;
        for (who, code) in [(&bob, known), (&newcomer, unknown)] {
            let outcome = who.run(&VERIFY)?;
            ensure!(outcome.code == code, "{what} should have ended with {code}: {outcome}");
            ensure!(code == 0 || outcome.stdout.is_empty(), "{what} gave an answer: {outcome}");
        }
        ensure!(files(&bob)? == before || known == 0, "{what} changed the cache");
        world.attacker.behave(Behaviour::Honest);
        bob.ok(&VERIFY)?.says(DIGEST)?;
    }
    Ok(())
}

/// What a reader trusted so far.
fn files(reader: &TrustCli) -> Result<Vec<(String, Vec<u8>)>> {
    let folder = reader.trust_dir().join("tuf").join(GUN).join("metadata");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push((entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path())?));
        }
    }
    files.sort();
    Ok(files)
}
