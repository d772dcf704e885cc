//! `trust` and `docker` with content trust on the same folders: one begins, the other signs, the first rotates every key,
//! and readers of both kinds follow, those with an old cache, too.

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
    binary: &'static str,
}

/// Both programs of one person, on one folder.
struct Person {
    trust: TrustCli,
    docker: DockerClient,
}

impl World {
    fn start(binary: &'static str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let registry = Registry::start(folder.path())?;
        let engine = Dockerd::start(folder.path())?;
        Ok(Self { engine, registry, server, folder, binary })
    }

    fn person(&self, name: &str) -> Result<Person> {
        let docker = DockerClient::new(self.binary, name, self.folder.path(), &self.engine, &self.server)?;
        let trust = TrustCli::new(name, self.folder.path(), &self.server)?.trusting_first_use()?;
        Ok(Person { trust, docker })
    }

    fn image(&self, tag: &str) -> String {
        format!("{}:{tag}", self.registry.repository("team/app"))
    }
}

impl Person {
    /// Makes an image and pushes it unsigned; gives its digest.
    fn pushes(&self, image: &str) -> Result<String> {
        self.docker.make_image(image, image)?;
        self.docker.push_unsigned(image)
    }

    /// Makes an image, pushes and signs it with Docker.
    fn signs_by_pushing(&self, image: &str) -> Result<String> {
        self.docker.make_image(image, image)?;
        let pushed = self.docker.trusted(&["push", image])?.success()?.stdout;
        digest_in(&pushed).context("a digest")
    }

    /// Both programs find this under the name.
    fn sees(&self, image: &str, digest: &str) -> Result<()> {
        self.trust.ok(&["verify", image])?.says(digest)?;
        self.docker.trusted(&["pull", image])?.success()?.says(digest)?;
        Ok(())
    }
}

fn trust_begins(binary: &'static str) -> Result<()> {
    let world = World::start(binary)?;
    let (owner, old) = (world.person("owner")?, world.person("old")?);
    let (v1, v2, v3) = (world.image("v1"), world.image("v2"), world.image("v3"));
    let repository = world.registry.repository("team/app");
    owner.trust.ok(&["init", &repository])?;
    let one = owner.signs_by_pushing(&v1)?;
    old.sees(&v1, &one)?;
    for role in ["root", "targets", "timestamp", "snapshot"] {
        let server = if role == "snapshot" { &["--server-managed"][..] } else { &[] };
        owner.trust.ok(&[&["key", "rotate", "--yes", &repository, role], server].concat())?;
    }
    old.sees(&v1, &one)?;
    let two = owner.signs_by_pushing(&v2)?;
    old.sees(&v2, &two)?;

    // A signer of ours, and Docker signs with the key.
    owner.trust.ok(&["key", "generate", "alice"])?;
    owner.trust.ok(&["signer", "add", "--key", "alice.pub", "alice", &repository])?;
    let three = owner.pushes(&v3)?;
    owner.docker.docker(&["trust", "sign", &v3])?.success()?.says("Successfully signed")?;
    for reader in [&old, &world.person("new")?] {
        reader.sees(&v3, &three)?;
        reader.trust.ok(&["verify", &v3])?.says("signed by alice")?;
        reader.docker.docker(&["trust", "inspect", "--pretty", &v3])?.success()?.says("alice")?;
    }
    Ok(())
}

fn docker_begins(binary: &'static str) -> Result<()> {
    let world = World::start(binary)?;
    let (owner, old) = (world.person("owner")?, world.person("old")?);
    let (v1, v2) = (world.image("v1"), world.image("v2"));
    let repository = world.registry.repository("team/app");
    let one = owner.signs_by_pushing(&v1)?;
    old.sees(&v1, &one)?;
    let two = owner.pushes(&v2)?;
    owner.trust.ok(&["sign", &v2])?.says(&two)?;
    owner.trust.ok(&["key", "rotate", "--yes", &repository, "targets"])?;
    old.sees(&v2, &two)?;

    // A signer of Docker's, and ours signs with the key.
    owner.docker.docker(&["trust", "key", "generate", "bob"])?.success()?;
    owner.docker.docker(&["trust", "signer", "add", "--key", "bob.pub", "bob", &repository])?.success()?;
    owner.trust.ok(&["sign", &v1])?.says("targets/bob")?;
    owner.trust.ok(&["key", "rotate", "--yes", &repository, "root"])?;
    for reader in [&old, &world.person("new")?] {
        reader.sees(&v1, &one)?;
        reader.trust.ok(&["verify", &v1])?.says("signed by bob")?;
    }
    // What one revokes is gone for the other.
    owner.docker.docker(&["trust", "revoke", "--yes", &v1])?.success()?;
    owner.trust.ok(&["revoke", &v2])?;
    old.trust.fails(10, "v2", &["verify", &v2])?;
    old.docker.trusted(&["pull", &v2])?.failure("No valid trust data for v2")?;
    // Docker left `v1` in targets; ours says so, and takes it out.
    old.trust.ok(&["verify", &v1])?.says("the repository key")?;
    owner.trust.ok(&["revoke", &v1])?;
    old.trust.fails(10, "v1", &["verify", &v1])?;
    Ok(())
}

fn newer() -> Option<&'static str> {
    let is_there = Path::new(NEWER).exists();
    if !is_there {
        eprintln!("left out: there is no newer Docker client at {NEWER}");
    }
    is_there.then_some(NEWER)
}

#[test]
fn docker_20_goes_on_with_what_trust_began() -> Result<()> {
    trust_begins(DEBIAN)
}

#[test]
fn newer_docker_goes_on_with_what_trust_began() -> Result<()> {
    newer().map_or(Ok(()), trust_begins)
}

#[test]
fn trust_goes_on_with_what_docker_20_began() -> Result<()> {
    docker_begins(DEBIAN)
}

#[test]
fn trust_goes_on_with_what_newer_docker_began() -> Result<()> {
    newer().map_or(Ok(()), docker_begins)
}

#[test]
fn changes_are_told_as_documents() -> Result<()> {
    let world = World::start(DEBIAN)?;
    let owner = world.person("owner")?;
    let repository = world.registry.repository("team/app");
    let begun = owner.trust.json(&["init", &repository])?;
    ensure!(begun["collections"][0]["initialized"] == true && begun["dry_run"] == false, "{begun}");
    owner.trust.ok(&["key", "generate", "alice"])?;
    let added = owner.trust.json(&["signer", "add", "--dry-run", "--key", "alice.pub", "alice", &repository])?;
    let changes = added["collections"][0]["changes"].as_array().context("changes")?;
    ensure!(changes.len() == 2 && changes[0]["action"] == "add-delegation" && added["dry_run"] == true, "{added}");
    ensure!(added["collections"][0]["roles"][0]["role"] == "targets", "{added}");
    let listed = owner.trust.json(&["signer", "list", &repository])?;
    ensure!(listed["collections"][0]["signers"].as_array().is_some_and(Vec::is_empty), "{listed}");
    Ok(())
}
