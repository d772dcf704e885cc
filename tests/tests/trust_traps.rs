//! Traps that `notary` and `docker trust` have, and `trust` does not. Those about signers, revocation and keys are with
//! the stories about these.

use anyhow::{Result, ensure};
use stories::attacker::{Attacker, Behaviour};
use stories::peers::notary::NotaryCli;
use stories::peers::trust::TrustCli;
use stories::process::Stop;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/app";
const IMAGE: &str = "example.com/team/app:v1";
const HEX: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

/// A collection with one tag, and `trust` and `notary` of its owner on one folder.
struct World {
    server: TrustServer,
    trust: TrustCli,
    notary: NotaryCli,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let notary = NotaryCli::new("owner", folder.path(), &server)?.with_passphrase("passphrase-of-all");
        let trust = TrustCli::new("owner", folder.path(), &server)?.with_config(notary.home());
        let trust = trust.with_passphrase("passphrase-of-all").trusting_first_use()?;
        trust.ok(&["init", GUN])?;
        notary.ok(&["addhash", GUN, "v1", "12", "--sha256", HEX, "-p"])?;
        trust.ok(&["verify", "--no-registry", IMAGE])?;
        Ok(Self { server, trust, notary, folder })
    }

    fn reader(&self, name: &str) -> Result<TrustCli> {
        TrustCli::new(name, self.folder.path(), &self.server)?.trusting_first_use()
    }
}

/// `notary init` over a collection that exists replaces the cached root, and locks its owner out.
#[test]
fn a_collection_is_not_begun_over_itself() -> Result<()> {
    let world = World::start()?;
    let before = world.trust.json(&["key", "list"])?;
    world.trust.fails(1, "already initialized", &["init", GUN])?;
    world.trust.fails(1, "already initialized", &["init", "--dry-run", GUN])?;
    ensure!(before == world.trust.json(&["key", "list"])?, "keys were made for nothing");
    // Nor by somebody who never saw it.
    let other = world.reader("other")?;
    other.fails(1, "already initialized", &["init", GUN])?;
    other.ok(&["verify", "--no-registry", IMAGE])?;

    // Who was locked out by `notary` gets out.
    world.notary.ok(&["init", GUN])?;
    world.notary.run(&["list", GUN])?.failure("could not rotate trust")?;
    let locked = world.trust.run(&["verify", "--no-registry", IMAGE])?;
    ensure!(locked.code != 0 && locked.stderr.contains("trust forget"), "{locked}");
    world.trust.ok(&["forget", "--yes", GUN])?;
    world.trust.ok(&["verify", "--no-registry", IMAGE])?;
    world.notary.ok(&["list", GUN])?;
    Ok(())
}

/// `notary` reads pins only while nothing is cached.
#[test]
fn a_pin_counts_also_for_what_was_seen_before() -> Result<()> {
    let world = World::start()?;
    let reader = world.reader("reader")?;
    reader.ok(&["verify", "--no-registry", IMAGE])?;
    let pin = format!(r#"{{"version":1,"names":{{"{GUN}":{{"root":{{"keys":["{}"]}}}}}}}}"#, "ab".repeat(32));
    std::fs::write(reader.home().join("pins.json"), &pin)?;
    reader.fails(14, "", &["verify", "--policy", "pins.json", "--no-registry", IMAGE])?;
    reader.fails(14, "", &["verify", "--policy", "pins.json", "--offline", IMAGE])?;
    Ok(())
}

/// `notary` writes files of such a collection wherever its name leads.
#[test]
fn no_name_leaves_the_trust_folder() -> Result<()> {
    let world = World::start()?;
    for name in ["../../evil", "a/../../evil", "/etc/evil", ".."] {
        for verb in [&["init"][..], &["forget"], &["delete"], &["publish"], &["status"], &["reset", "--all"]] {
            world.trust.fails(2, "segments are refused", &[verb, &["--", name]].concat())?;
        }
    }
    ensure!(!world.folder.path().join("evil").exists() && !world.notary.home().join("evil").exists());
    Ok(())
}

/// Docker and `notary` fall back to the cache with a warning at most, and end well.
#[test]
fn no_server_is_no_success() -> Result<()> {
    let mut world = World::start()?;
    world.server.stop(Stop::Kill)?;
    world.trust.fails(21, "", &["verify", "--no-registry", IMAGE])?;
    let offline = world.trust.ok(&["verify", "--allow-offline", "--no-registry", IMAGE])?;
    ensure!(offline.stderr.contains("no server confirmed this"), "{offline}");
    Ok(())
}

/// Docker checks no certificate where the registry is on loopback.
#[test]
fn certificates_count_on_loopback() -> Result<()> {
    let world = World::start()?;
    let reader = world.reader("reader")?;
    // As this user, but without the authority's certificate on the command line.
    let mut command = stories::command::clean(stories::peers::trust::binary()?);
    command.env("HOME", reader.home()).env("DOCKER_CONFIG", reader.home().join("config"));
    command.args(["--server", &world.server.url(), "verify", "--no-registry", "127.0.0.1:5000/team/app:v1"]);
    let outcome = stories::command::run(&mut command)?;
    ensure!(outcome.code == 21 && outcome.stderr.contains("certificate"), "{outcome}");
    Ok(())
}

/// `notary` removes the old key of targets while the server has not answered yet.
#[test]
fn a_refused_rotation_costs_no_key() -> Result<()> {
    let world = World::start()?;
    let attacker = Attacker::before(&world.server, world.folder.path())?;
    let trust = world.trust.at(&attacker.server());
    let before = trust.json(&["key", "list"])?;
    let held = |keys: &serde_json::Value| -> Vec<String> {
        keys["keys"].as_array().into_iter().flatten().map(|key| key["id"].to_string()).collect()
    };
    for (status, code) in [(400, 1), (403, 20), (503, 21)] {
        attacker.behave(Behaviour::RefusesPublications(status));
        for role in ["targets", "snapshot"] {
            trust.fails(code, "", &["key", "rotate", "--yes", GUN, role])?;
            let after = held(&trust.json(&["key", "list"])?);
            ensure!(held(&before).iter().all(|id| after.contains(id)), "{before} became {after:?}");
        }
    }
    attacker.behave(Behaviour::Honest);
    trust.ok(&["key", "rotate", "--yes", GUN, "targets"])?.says("removed from here")?;
    world.notary.ok(&["addhash", GUN, "v2", "12", "--sha256", HEX, "-p"])?;
    Ok(())
}

#[test]
fn a_deleted_collection_is_gone_and_its_keys_stay() -> Result<()> {
    let world = World::start()?;
    let keys = world.trust.json(&["key", "list"])?;
    world.trust.fails(2, "nobody is here", &["delete", "--remote", GUN])?;
    world.trust.ok(&["delete", "--remote", "--yes", "--dry-run", GUN])?;
    // Here alone: the server still has it.
    world.trust.ok(&["delete", GUN])?;
    world.trust.ok(&["verify", "--no-registry", IMAGE])?;
    world.trust.ok(&["revoke", "--stage", IMAGE])?;
    world.trust.fails(2, "never published", &["delete", GUN])?;
    world.trust.ok(&["delete", "--remote", "--yes", GUN])?;
    world.trust.fails(10, "does not have trust data", &["verify", "--no-registry", IMAGE])?;
    world.notary.ok(&["status", GUN])?.says("No unpublished changes")?;
    ensure!(keys == world.trust.json(&["key", "list"])?);
    world.trust.ok(&["init", GUN])?;
    Ok(())
}
