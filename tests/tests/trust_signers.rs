//! Signers, with `docker trust` and `trust` on the same folders: who signs, who no longer does, and what stays pullable.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use stories::peers::docker::{DEBIAN, DockerClient, NEWER, digest_in};
use stories::peers::dockerd::Dockerd;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

/// Everything the people of these stories meet. Dropped in this order.
struct World {
    engine: Dockerd,
    registry: Registry,
    server: TrustServer,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let registry = Registry::start(folder.path())?;
        let engine = Dockerd::start(folder.path())?;
        Ok(Self { engine, registry, server, folder })
    }

    /// Both programs of one person, on one folder.
    fn person(&self, binary: &str, name: &str) -> Result<(TrustCli, DockerClient)> {
        let docker = DockerClient::new(binary, name, self.folder.path(), &self.engine, &self.server)?;
        let trust = TrustCli::new(name, self.folder.path(), &self.server)?.trusting_first_use()?;
        ensure!(trust.trust_dir() == docker.home().join("config/trust"));
        Ok((trust, docker))
    }
}

/// The newest client there is.
fn client() -> &'static str {
    if Path::new(NEWER).exists() { NEWER } else { DEBIAN }
}

/// The tag is what is pulled as trusted by a reader.
fn pulls(docker: &DockerClient, image: &str, digest: &str) -> Result<()> {
    docker.trusted(&["pull", image])?.success()?.says(digest)?;
    Ok(())
}

fn signers(trust: &TrustCli, repository: &str) -> Result<Vec<String>> {
    let listed = trust.json(&["signer", "list", repository])?;
    let signers = listed["collections"][0]["signers"].as_array().context("signers")?;
    Ok(signers.iter().filter_map(|signer| Some(signer["name"].as_str()?.to_owned())).collect())
}

/// Docker's `signer remove` since version 26 ends with success and changes nothing. Ours removes.
fn docker_adds_trust_signs_and_removes(binary: &'static str) -> Result<()> {
    let world = World::start()?;
    let (trust, docker) = world.person(binary, "owner")?;
    let (_, reader) = world.person(binary, "reader")?;
    let repository = world.registry.repository("team/app");
    let v1 = format!("{repository}:v1");
    for name in ["alice", "bob"] {
        docker.docker(&["trust", "key", "generate", name])?.success()?;
        let key = format!("{name}.pub");
        docker.docker(&["trust", "signer", "add", "--key", &key, name, &repository])?.success()?;
    }
    ensure!(signers(&trust, &repository)? == ["alice", "bob"]);
    docker.make_image(&v1, "one")?;
    let digest = docker.push_unsigned(&v1)?;
    docker.docker(&["rmi", &v1])?;
    trust.ok(&["sign", &v1])?.says("targets/releases")?;
    reader.docker(&["trust", "inspect", "--pretty", &repository])?.success()?.says("alice, bob")?;
    pulls(&reader, &v1, &digest)?;

    trust.ok(&["signer", "remove", "--dry-run", "bob", &repository])?.says("would publish")?;
    ensure!(signers(&trust, &repository)?.len() == 2);
    trust.ok(&["signer", "remove", "bob", &repository])?.says("remove delegation targets/bob")?;
    ensure!(signers(&trust, &repository)? == ["alice"]);
    let seen = reader.docker(&["trust", "inspect", &repository])?.success()?.stdout;
    ensure!(seen.contains("alice") && !seen.contains("bob"), "{seen}");
    pulls(&reader, &v1, &digest)?;
    trust.fails(2, "bob is no signer", &["signer", "remove", "bob", &repository])?;

    // The last signer: what they released goes with them, and nobody is surprised.
    trust.fails(2, "last signer", &["signer", "remove", "alice", &repository])?;
    trust.ok(&["signer", "remove", "--yes", "alice", &repository])?;
    reader.trusted(&["pull", &v1])?.failure("No valid trust data for v1")?;
    // The repository key signs again.
    trust.ok(&["sign", &v1])?.says("in targets")?;
    pulls(&reader, &v1, &digest)?;

    // Somebody new: what the first ones' keys released is there still, and nobody vouches for it by signing something else.
    docker.docker(&["trust", "key", "generate", "carol"])?.success()?;
    trust.ok(&["signer", "add", "--key", "carol.pub", "carol", &repository])?;
    let v2 = format!("{repository}:v2");
    docker.make_image(&v2, "two")?;
    let second = docker.push_unsigned(&v2)?;
    trust.fails(1, "is not trusted now", &["sign", &v2])?;
    trust.ok(&["witness", "--empty", &repository, "targets/releases"])?;
    trust.ok(&["sign", &v2])?.says("targets/releases")?;
    docker.docker(&["rmi", &v1, &v2])?;
    pulls(&reader, &v2, &second)?;
    pulls(&reader, &v1, &digest)?;
    Ok(())
}

#[test]
fn a_removed_signer_is_removed_for_docker_20() -> Result<()> {
    docker_adds_trust_signs_and_removes(DEBIAN)
}

#[test]
fn a_removed_signer_is_removed_for_newer_docker() -> Result<()> {
    if client() == DEBIAN {
        eprintln!("left out: there is no newer Docker client at {NEWER}");
        return Ok(());
    }
    docker_adds_trust_signs_and_removes(NEWER)
}

/// Docker leaves a tag that was signed before there were signers in `targets`, where it stays pullable.
#[test]
fn a_revoked_tag_is_revoked_in_every_role() -> Result<()> {
    let world = World::start()?;
    let (trust, docker) = world.person(client(), "owner")?;
    let (_, reader) = world.person(client(), "reader")?;
    let repository = world.registry.repository("team/app");
    let (v1, v2) = (format!("{repository}:v1"), format!("{repository}:v2"));
    docker.make_image(&v1, "one")?;
    let pushed = docker.trusted(&["push", &v1])?.success()?.stdout;
    let digest = digest_in(&pushed).context("a digest")?;
    trust.ok(&["key", "generate", "alice"])?;
    trust.ok(&["signer", "add", "--key", "alice.pub", "alice", &repository])?;
    trust.ok(&["sign", &v1])?.says("targets/alice")?;
    docker.docker(&["tag", &v1, &v2])?.success()?;
    docker.push_unsigned(&v2)?;
    trust.ok(&["sign", &v2])?;
    docker.docker(&["rmi", &v1, &v2])?;
    pulls(&reader, &v1, &digest)?;

    // Who has no key for one of the roles that release it revokes nothing, rather than half of it.
    let (alice, _) = world.person(client(), "alice")?;
    let id = trust.json(&["key", "list"])?;
    let id = id["keys"].as_array().into_iter().flatten().find(|key| key["role"] == "alice").context("alice")?;
    let id = id["id"].as_str().context("an id")?.to_owned();
    let exported = trust.ok(&["key", "export", &id])?.stdout;
    alice.file("alice.key", &exported)?;
    alice.ok(&["key", "import", "alice.key"])?;
    alice.fails(23, "targets lists it", &["revoke", &v1])?;
    pulls(&reader, &v1, &digest)?;

    trust.ok(&["revoke", &v1])?.says("remove v1 from targets\n")?.says("targets/releases")?;
    reader.trusted(&["pull", &v1])?.failure("No valid trust data for v1")?;
    trust.fails(10, "no tag v1", &["revoke", &v1])?;
    alice.ok(&["revoke", &v2])?.says("targets/alice")?;
    reader.trusted(&["pull", &v2])?.failure("No valid trust data for v2")?;

    trust.ok(&["sign", &v1, &v2])?;
    trust.fails(2, "every tag", &["revoke", &repository])?;
    trust.ok(&["revoke", "--yes", &repository])?;
    for tag in [&v1, &v2] {
        reader.trusted(&["pull", tag])?.failure("No valid trust data")?;
    }
    Ok(())
}

#[test]
fn a_signer_goes_on_with_another_key() -> Result<()> {
    let world = World::start()?;
    let (trust, docker) = world.person(client(), "owner")?;
    let (alice, _) = world.person(client(), "alice")?;
    let (_, reader) = world.person(client(), "reader")?;
    let repository = world.registry.repository("team/app");
    let v1 = format!("{repository}:v1");
    alice.ok(&["key", "generate", "alice"])?;
    std::fs::copy(alice.home().join("alice.pub"), trust.home().join("alice.pub"))?;
    trust.fails(10, "", &["signer", "add", "--key", "alice.pub", "alice", &repository])?;
    trust.ok(&["signer", "add", "--init", "--key", "alice.pub", "alice", &repository])?;
    docker.make_image(&v1, "one")?;
    let digest = docker.push_unsigned(&v1)?;
    docker.docker(&["rmi", &v1])?;
    alice.ok(&["sign", &v1])?;
    pulls(&reader, &v1, &digest)?;

    // The owner has not alice's key: she signs again herself.
    std::fs::create_dir(alice.home().join("next"))?;
    alice.ok(&["key", "generate", "--dir", "next", "alice"])?;
    std::fs::copy(alice.home().join("next/alice.pub"), trust.home().join("next.pub"))?;
    let replace = ["signer", "replace", "--key", "next.pub", "alice", &repository];
    trust.fails(2, "will count again only", &replace)?;
    trust.ok(&[&["--yes"], &replace[..]].concat())?.says("trust witness")?;
    reader.trusted(&["pull", &v1])?.failure("No valid trust data")?;
    alice.ok(&["witness", &repository, "targets/alice", "targets/releases"])?;
    pulls(&reader, &v1, &digest)?;
    reader.docker(&["trust", "inspect", "--pretty", &v1])?.success()?.says("alice")?;

    // With the new key at hand it is one publication, and no tag is away for a moment.
    std::fs::create_dir(alice.home().join("third"))?;
    alice.ok(&["key", "generate", "--dir", "third", "alice"])?;
    let all = alice.ok(&["key", "export"])?.stdout;
    trust.file("alice.key", &all)?;
    trust.ok(&["key", "import", "alice.key"])?;
    std::fs::copy(alice.home().join("third/alice.pub"), trust.home().join("third.pub"))?;
    trust.ok(&["signer", "replace", "--key", "third.pub", "alice", &repository])?.says("witness targets/releases")?;
    pulls(&reader, &v1, &digest)?;
    Ok(())
}
