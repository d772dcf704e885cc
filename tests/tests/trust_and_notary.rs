//! `trust` and `notary` on the same folders: what one began, staged or changed, the other goes on with.

use anyhow::{Context as _, Result, ensure};
use stories::images;
use stories::peers::notary::NotaryCli;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

const PASSPHRASE: &str = "passphrase-of-all";

struct World {
    server: TrustServer,
    registry: Registry,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let server = TrustServer::start(folder.path())?;
        let registry = Registry::start(folder.path())?;
        Ok(Self { server, registry, folder })
    }

    /// Both programs of one person, on one folder.
    fn person(&self, name: &str) -> Result<(TrustCli, NotaryCli)> {
        let notary = NotaryCli::new(name, self.folder.path(), &self.server)?.with_passphrase(PASSPHRASE);
        let trust = TrustCli::new(name, self.folder.path(), &self.server)?.with_config(notary.home());
        Ok((trust.with_passphrase(PASSPHRASE).trusting_first_use()?, notary))
    }

    /// Pushes `app:TAG`; gives its digest.
    fn push(&self, tag: &str) -> Result<String> {
        images::push(&self.registry.host(), "team/app", tag, tag)
    }

    fn app(&self) -> String {
        self.registry.repository("team/app")
    }
}

/// What a reader who never saw the collection finds, by both programs.
fn all_see(world: &World, reader: &str, tags: &[(&str, &str)]) -> Result<()> {
    let (trust, notary) = world.person(reader)?;
    sees(world, &trust, &notary, tags)
}

fn sees(world: &World, trust: &TrustCli, notary: &NotaryCli, tags: &[(&str, &str)]) -> Result<()> {
    for (tag, digest) in tags {
        trust.ok(&["verify", &format!("{}:{tag}", world.app())])?.says(digest)?;
        notary.ok(&["lookup", &world.app(), tag])?.says(digest)?;
    }
    Ok(())
}

fn add(world: &World, notary: &NotaryCli, tag: &str, digest: &str, more: &[&str]) -> Result<()> {
    let hex = digest.trim_start_matches("sha256:");
    notary.ok(&[&["addhash", &world.app(), tag, "300", "--sha256", hex], more].concat())?;
    Ok(())
}

#[test]
fn trust_begins_notary_signs_trust_rotates() -> Result<()> {
    let world = World::start()?;
    let app = world.app();
    let (trust, notary) = world.person("alice")?;
    let (one, two, three) = (world.push("v1")?, world.push("v2")?, world.push("v3")?);
    trust.ok(&["init", &app])?.says("begun")?;
    add(&world, &notary, "v1", &one, &["-p"])?;
    let (old_trust, old_notary) = world.person("old")?;
    sees(&world, &old_trust, &old_notary, &[("v1", &one)])?;
    for role in ["targets", "root", "snapshot", "timestamp"] {
        trust.ok(&["key", "rotate", "--yes", &app, role])?.says(role)?;
    }
    trust.ok(&["key", "rotate", "--yes", "--server-managed", &app, "snapshot"])?;
    add(&world, &notary, "v2", &two, &["-p"])?;
    trust.ok(&["sign", &format!("{app}:v3")])?.says(&three)?;
    let tags = [("v1", one.as_str()), ("v2", &two), ("v3", &three)];
    sees(&world, &old_trust, &old_notary, &tags)?;
    all_see(&world, "new", &tags)
}

#[test]
fn notary_begins_trust_signs_notary_rotates() -> Result<()> {
    let world = World::start()?;
    let app = world.app();
    let (trust, notary) = world.person("alice")?;
    let (one, two) = (world.push("v1")?, world.push("v2")?);
    notary.ok(&["init", &app, "-p"])?;
    trust.ok(&["sign", &format!("{app}:v1")])?.says(&one)?;
    let (old_trust, old_notary) = world.person("old")?;
    sees(&world, &old_trust, &old_notary, &[("v1", &one)])?;
    for rotation in [&["targets"][..], &["root"], &["snapshot", "-r"], &["timestamp", "-r"]] {
        notary.run_with_input(&[&["key", "rotate", &app], rotation].concat(), "yes\n")?.success()?;
    }
    trust.ok(&["sign", &format!("{app}:v2")])?.says(&two)?;
    let tags = [("v1", one.as_str()), ("v2", &two)];
    sees(&world, &old_trust, &old_notary, &tags)?;
    all_see(&world, "new", &tags)
}

#[test]
fn what_one_stages_the_other_publishes() -> Result<()> {
    let world = World::start()?;
    let app = world.app();
    let (trust, notary) = world.person("alice")?;
    let (one, two, three) = (world.push("v1")?, world.push("v2")?, world.push("v3")?);
    // Begun and never sent.
    notary.ok(&["init", &app])?;
    add(&world, &notary, "v1", &one, &[])?;
    trust.ok(&["status", &app])?.says("add v1 to targets")?;
    trust.ok(&["publish", &app])?.says("published")?;
    notary.ok(&["status", &app])?.says("No unpublished changes")?;
    all_see(&world, "first", &[("v1", &one)])?;

    add(&world, &notary, "v2", &two, &[])?;
    add(&world, &notary, "v3", &three, &[])?;
    trust.ok(&["reset", "--number", "0", &app])?.says("v2")?;
    trust.fails(2, "no staged change 7", &["reset", "--number", "7", &app])?;
    trust.ok(&["publish", "--dry-run", &app])?.says("would publish")?;
    trust.ok(&["publish", &app])?.says("v3")?;
    ensure!(notary.list(&app)?.len() == 2);

    trust.ok(&["revoke", "--stage", &format!("{app}:v1")])?.says("staged")?;
    trust.ok(&["witness", "--stage", &app, "targets"])?;
    notary.ok(&["status", &app])?.says("v1")?.says("witness")?;
    ensure!(notary.list(&app)?.len() == 2, "nothing is published yet");
    notary.ok(&["publish", &app])?;
    trust.fails(10, "v1", &["verify", &format!("{app}:v1")])?;
    all_see(&world, "second", &[("v3", &three)])?;

    // A file that is no change keeps all of them from being published, and is dropped with them.
    std::fs::write(trust.trust_dir().join("tuf").join(&app).join("changelist/x.change"), "{")?;
    trust.fails(1, "is not a staged change", &["publish", &app])?;
    trust.ok(&["reset", "--all", "--yes", &app])?;
    trust.ok(&["publish", &app])?.says("nothing to change")?;
    Ok(())
}

#[test]
fn delegations_are_what_both_say() -> Result<()> {
    let world = World::start()?;
    let app = world.app();
    let (trust, notary) = world.person("alice")?;
    trust.ok(&["init", &app])?;
    for name in ["one", "two", "three"] {
        trust.ok(&["key", "generate", name])?;
    }
    let trust_home = trust.home().to_owned();
    std::fs::copy(trust_home.join("three.pub"), notary.home().join("three.pem"))?;
    trust.ok(&[
        "delegation",
        "add",
        "--key",
        "one.pub,two.pub",
        "--threshold",
        "2",
        "--path",
        "1.",
        &app,
        "targets/duo",
    ])?;
    let digest = world.push("1.0")?;
    world.push("v1")?;
    trust.fails(2, "may not speak", &["sign", "--roles", "targets/duo", &format!("{app}:v1")])?;
    trust.ok(&["sign", "--roles", "targets/duo", &format!("{app}:1.0")])?;
    notary.ok(&["lookup", &app, "1.0"])?.says(&digest)?;
    notary.ok(&["delegation", "add", &app, "targets/solo", "three.pem", "--all-paths", "-p"])?;
    let listed = trust.json(&["delegation", "list", &app])?;
    let roles = listed["delegations"].as_array().context("delegations")?;
    ensure!(roles.len() == 2 && roles[0]["role"] == "targets/duo" && roles[0]["threshold"] == 2, "{listed}");
    ensure!(roles[1]["role"] == "targets/solo" && roles[1]["paths"][0] == "", "{listed}");

    // One of two keys is not enough any more: said before, and seen by both.
    let key = roles[0]["keys"][0].as_str().context("a key")?;
    trust.ok(&["delegation", "purge", "--key-id", &key[..12], &app])?.says("purge")?;
    trust.fails(10, "1.0", &["verify", "--no-registry", &format!("{app}:1.0")])?;
    notary.run(&["lookup", &app, "1.0"])?.failure("No valid trust data")?;
    trust.fails(2, "nobody is here", &["delegation", "remove", &app, "targets/duo"])?;
    trust.ok(&["delegation", "remove", "--yes", &app, "targets/duo"])?;
    trust.ok(&["delegation", "remove", "--all-paths", &app, "targets/solo"])?;
    let listed = trust.json(&["delegation", "list", &app])?;
    ensure!(listed["delegations"].as_array().map(Vec::len) == Some(1), "{listed}");
    Ok(())
}
