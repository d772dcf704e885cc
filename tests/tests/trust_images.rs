//! `trust sign` and `trust verify` with a real registry, against either trust server, and with `docker` and `notary` on
//! the other side.

use anyhow::{Context as _, Result, ensure};
use stories::images::{push, push_index};
use stories::peers::notary::NotaryCli;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

struct World {
    folder: tempfile::TempDir,
    server: TrustServer,
    registry: Registry,
    alice: TrustCli,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let registry = Registry::start(folder.path())?;
        let alice = TrustCli::new("alice", folder.path(), &server)?;
        alice.trusts_on_first_use()?;
        Ok(Self { folder, server, registry, alice })
    }

    fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.registry.repository("team/app"))
    }

    fn push(&self, tag: &str, content: &str) -> Result<String> {
        push(&self.registry.host(), "team/app", tag, content)
    }

    fn reader(&self, name: &str) -> Result<TrustCli> {
        let reader = TrustCli::new(name, self.folder.path(), &self.server)?;
        reader.trusts_on_first_use()?;
        Ok(reader)
    }
}

#[test]
fn what_is_signed_verifies_until_the_registry_serves_something_else() -> Result<()> {
    let world = World::start()?;
    let digest = world.push("v1", "one")?;
    let image = world.image("v1");
    // Nothing is signed yet, and signing does not begin a collection by accident.
    world.alice.fails(10, "does not have trust data", &["verify", &image])?;
    world.alice.fails(10, "trust init", &["sign", &image])?;
    world.alice.ok(&["sign", "--init", &image])?.says(&digest)?;

    let bob = world.reader("bob")?;
    let seen = bob.json(&["verify", &image])?;
    let seen = &seen["images"][0];
    ensure!(seen["digest"] == digest.as_str() && seen["in_registry"] == true, "{seen}");
    ensure!(seen["root_trust"] == "first-use" && seen["role"] == "targets", "{seen}");
    ensure!(bob.json(&["verify", &image])?["images"][0]["root_trust"] == "seen-before");

    // Somebody pushes another image under the tag.
    let other = world.push("v1", "two")?;
    ensure!(other != digest);
    bob.fails(15, &other, &["verify", &image])?;
    bob.ok(&["verify", "--no-registry", &image])?.says(&digest)?;
    bob.fails(15, "expected", &["verify", "--digest", &other, &image])?;
    world.alice.fails(15, &digest, &["sign", "--expect-digest", &digest, &image])?;
    world.alice.ok(&["sign", "--expect-digest", &other, &image])?;
    bob.ok(&["verify", &image])?.says(&other)?;
    Ok(())
}

#[test]
fn many_tags_and_platforms_are_signed_in_one_publication() -> Result<()> {
    let world = World::start()?;
    let (index, platforms) = push_index(&world.registry.host(), "team/app", "multi", &["amd64", "arm64"])?;
    let one = world.push("v1", "one")?;
    let (multi, single) = (world.image("multi"), world.image("v1"));
    let signed = world.alice.json(&["sign", "--init", "--all-platforms", &multi, &single])?;
    let tags: Vec<&str> =
        signed["images"].as_array().context("images")?.iter().filter_map(|i| i["tag"].as_str()).collect();
    ensure!(tags == ["multi", "multi-linux-amd64", "multi-linux-arm64", "v1"], "{tags:?}");
    ensure!(signed["published"].as_array().is_some_and(|published| published.len() == 1), "{signed}");
    let bob = world.reader("bob")?;
    for (tag, digest) in
        [("multi", &index), ("v1", &one), ("multi-linux-amd64", &platforms[0]), ("multi-linux-arm64", &platforms[1])]
    {
        bob.ok(&["verify", "--no-registry", &world.image(tag)])?.says(digest)?;
    }
    bob.ok(&["verify", &multi, &single])?;
    Ok(())
}

#[test]
fn nobody_watching_means_no_first_use() -> Result<()> {
    let world = World::start()?;
    world.push("v1", "one")?;
    let image = world.image("v1");
    world.alice.ok(&["sign", "--init", &image])?;
    let robot = TrustCli::new("robot", world.folder.path(), &world.server)?;
    robot.fails(14, "no root key is pinned", &["verify", &image])?;
    world.alice.fails(14, "no root key is pinned", &["--trust-dir", "elsewhere", "--no-tofu", "verify", &image])?;
    ensure!(!robot.trust_dir().join("tuf").exists(), "nothing is trusted, so nothing is remembered");
    Ok(())
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() -> Result<()> {
    let world = World::start()?;
    world.push("v1", "one")?;
    world.push("v2", "two")?;
    world.alice.ok(&["sign", "--init", &world.image("v1")])?;
    world.alice.ok(&["--dry-run", "sign", &world.image("v2")])?.says("would sign")?;
    world.reader("bob")?.fails(10, "no valid trust data", &["verify", &world.image("v2")])?;
    Ok(())
}

#[test]
fn without_a_server_the_cache_speaks_only_when_asked_to() -> Result<()> {
    let mut world = World::start()?;
    let digest = world.push("v1", "one")?;
    let image = world.image("v1");
    world.alice.ok(&["sign", "--init", &image])?;
    let bob = world.reader("bob")?;
    bob.fails(10, "not in the cache", &["verify", "--offline", &image])?;
    bob.ok(&["verify", &image])?;
    world.server.stop(stories::process::Stop::Kill)?;
    bob.fails(21, "cannot reach", &["verify", &image])?;
    bob.ok(&["verify", "--offline", &image])?.says(&digest)?;
    let allowed = bob.ok(&["verify", "--allow-offline", &image])?;
    ensure!(allowed.stderr.contains("no server confirmed this"), "{allowed}");
    Ok(())
}

#[test]
fn what_trust_signs_notary_lists_and_the_other_way_round() -> Result<()> {
    let world = World::start()?;
    world.push("v1", "one")?;
    world.alice.ok(&["sign", "--init", &world.image("v1")])?;
    let gun = world.registry.repository("team/app");
    let bob = NotaryCli::new("bob", world.folder.path(), &world.server)?;
    ensure!(bob.list(&gun)?.len() == 1);
    Ok(())
}
