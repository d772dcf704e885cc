//! Docker users with content trust: sign on push, pull by tag, signers, revocation. With Debian's 20.10 client and,
//! on machines that have one, a newer client; both against the same kind of engine and a real registry.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use stories::peers::docker::{DEBIAN, DockerClient, NEWER, digest_in};
use stories::peers::dockerd::Dockerd;
use stories::peers::registry::Registry;
use stories::trust_server::TrustServer;

/// Everything a Docker user meets. Dropped in this order.
struct World {
    engine: Dockerd,
    registry: Registry,
    server: TrustServer,
    folder: tempfile::TempDir,
    binary: &'static str,
}

impl World {
    fn start(binary: &'static str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let registry = Registry::start(folder.path())?;
        let engine = Dockerd::start(folder.path())?;
        Ok(Self { engine, registry, server, folder, binary })
    }

    fn user(&self, name: &str) -> Result<DockerClient> {
        DockerClient::new(self.binary, name, self.folder.path(), &self.engine, &self.server)
    }
}

/// Push and pull: what was signed is what arrives, whatever the registry says.
fn signed_on_push_and_checked_on_pull(binary: &'static str) -> Result<()> {
    let world = World::start(binary)?;
    let (alice, bob) = (world.user("alice")?, world.user("bob")?);
    let repository = world.registry.repository("team/app");
    let (signed, unsigned) = (format!("{repository}:v1"), format!("{repository}:unsigned"));
    let image = alice.make_image(&signed, "the good one")?;

    let pushed = alice.trusted(&["push", &signed])?.success()?;
    let digest = digest_in(&pushed.stdout).context("the push names a digest")?;
    pushed.says(&format!("Successfully signed {signed}"))?;

    alice.docker(&["rmi", &signed])?.success()?;
    bob.trusted(&["pull", &signed])?.success()?.says(&format!("Pull (1 of 1): {signed}@{digest}"))?;
    ensure!(bob.image_id(&signed)? == image, "another image arrived");

    // Somebody with access to the registry, not to the keys.
    bob.docker(&["rmi", "-f", &image])?.success()?;
    alice.make_image(&signed, "the evil one")?;
    let moved = alice.push_unsigned(&signed)?;
    ensure!(moved != digest, "the tag was not moved");
    alice.docker(&["rmi", &signed])?.success()?;
    bob.trusted(&["pull", &signed])?.success()?.says(&digest)?;
    ensure!(bob.image_id(&signed)? == image, "the moved tag was pulled");
    bob.docker(&["pull", &signed])?.success()?.says(&moved)?;

    alice.make_image(&unsigned, "nobody signed this")?;
    alice.push_unsigned(&unsigned)?;
    bob.trusted(&["pull", &unsigned])?.failure("No valid trust data for unsigned")?;
    let other = world.registry.repository("team/never-signed");
    bob.trusted(&["pull", &format!("{other}:v1")])?.failure(&format!(
        "remote trust data does not exist for {other}: {} does not have trust data",
        world.server.host()
    ))?;
    Ok(())
}

/// `docker trust`: a signer with a key of their own signs, is listed, and takes the signature back.
fn a_signer_signs_and_revokes(binary: &'static str) -> Result<()> {
    let world = World::start(binary)?;
    let (owner, bob) = (world.user("owner")?, world.user("bob")?);
    let repository = world.registry.repository("team/signed");
    let (v1, v2) = (format!("{repository}:v1"), format!("{repository}:v2"));

    owner
        .docker(&["trust", "key", "generate", "alice"])?
        .success()?
        .says("Successfully generated and loaded private key")?;
    owner
        .docker(&["trust", "signer", "add", "--key", "alice.pub", "alice", &repository])?
        .success()?
        .says(&format!("Successfully added signer: alice to {repository}"))?;
    let mut digests = Vec::new();
    for tag in [&v1, &v2] {
        owner.make_image(tag, tag)?;
        let signed = owner.docker(&["trust", "sign", tag])?.success()?.says(&format!("Successfully signed {tag}"))?;
        digests.push(digest_in(&signed.stdout).context("sign names a digest")?);
        owner.docker(&["rmi", tag])?.success()?;
    }

    inspected(&bob, &v1, &digests)?;
    bob.trusted(&["pull", &v1])?.success()?.says(&digests[0])?;
    bob.docker(&["trust", "inspect", "--pretty", &repository])?.success()?.says("Signatures for")?.says("alice")?;

    owner
        .docker(&["trust", "revoke", "-y", &v1])?
        .success()?
        .says(&format!("Successfully deleted signature for {v1}"))?;
    bob.trusted(&["pull", &v1])?.failure("No valid trust data for v1")?;
    bob.trusted(&["pull", &v2])?.success()?.says(&digests[1])?;
    Ok(())
}

/// `docker trust inspect` of a repository with one signer and two tags.
fn inspected(who: &DockerClient, image: &str, digests: &[String]) -> Result<()> {
    let repository = image.rsplit_once(':').context("a tag")?.0;
    let printed = who.docker(&["trust", "inspect", repository])?.success()?.stdout;
    let inspected: serde_json::Value = serde_json::from_str(&printed)?;
    let tags = &inspected[0]["SignedTags"];
    for (tag, digest) in tags.as_array().context("signed tags")?.iter().zip(digests) {
        ensure!(tag["Digest"] == digest["sha256:".len()..] && tag["Signers"] == serde_json::json!(["alice"]), "{tags}");
    }
    ensure!(tags.as_array().map(Vec::len) == Some(digests.len()), "{tags}");
    ensure!(inspected[0]["Signers"][0]["Name"] == "alice", "{inspected}");
    let administrators = &inspected[0]["AdministrativeKeys"];
    ensure!(administrators[0]["Name"] == "Root" && administrators[1]["Name"] == "Repository", "{administrators}");
    Ok(())
}

fn newer() -> Option<&'static str> {
    if Path::new(NEWER).exists() {
        return Some(NEWER);
    }
    eprintln!("left out: there is no newer Docker client at {NEWER}");
    None
}

#[test]
fn docker_20_signs_on_push_and_checks_on_pull() -> Result<()> {
    signed_on_push_and_checked_on_pull(DEBIAN)
}

#[test]
fn docker_20_signer_signs_and_revokes() -> Result<()> {
    a_signer_signs_and_revokes(DEBIAN)
}

#[test]
fn newer_docker_signs_on_push_and_checks_on_pull() -> Result<()> {
    newer().map_or(Ok(()), signed_on_push_and_checked_on_pull)
}

#[test]
fn newer_docker_signer_signs_and_revokes() -> Result<()> {
    newer().map_or(Ok(()), a_signer_signs_and_revokes)
}
