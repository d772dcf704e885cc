//! Image collections in TUF 1.0 beside Notary's form: begun, followed by every publication, brought up again after other
//! programs published, and read by a TUF client that knows nothing of Notary.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use stories::command::run;
use stories::peers::notary::NotaryCli;
use stories::peers::our_server;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

struct World {
    server: TrustServer,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // Notary's own server has no such form.
        let server = our_server::embedded(folder.path())?;
        Ok(Self { server, folder })
    }

    fn trust(&self, name: &str) -> Result<TrustCli> {
        TrustCli::new(name, self.folder.path(), &self.server)?.trusting_first_use()
    }

    fn notary(&self, name: &str) -> Result<NotaryCli> {
        NotaryCli::new(name, self.folder.path(), &self.server)
    }
}

/// A TUF client that trusts the first root of a collection.
struct Reader<'w> {
    cli: TrustCli,
    base: String,
    ca: &'w Path,
}

impl<'w> Reader<'w> {
    fn of(world: &'w World, gun: &str, name: &str) -> Result<Self> {
        let (cli, base) = (world.trust(name)?, format!("{}/tuf/{gun}", world.server.url()));
        let reader = Self { cli, base, ca: world.server.ca() };
        let root = reader.served("1.root.json")?;
        std::fs::write(reader.cli.home().join("root.json"), root)?;
        reader.cli.ok(&["tuf", "--metadata-dir", "metadata", "init", "root.json"])?;
        Ok(reader)
    }

    /// A file as the server has it.
    fn served(&self, name: &str) -> Result<Vec<u8>> {
        let ca = self.ca.to_str().context("a path in UTF-8")?;
        let url = format!("{}/metadata/{name}", self.base);
        let output = std::process::Command::new("curl").args(["-sSf", "--cacert", ca, &url]).output()?;
        ensure!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout)
    }

    /// Brings the metadata up to date and gives the file of a role, as it was kept.
    fn refreshed(&self, role: &str) -> Result<Value> {
        let metadata = format!("{}/metadata", self.base);
        self.cli.ok(&["tuf", "--metadata-dir", "metadata", "--metadata-url", &metadata, "refresh"])?;
        Ok(serde_json::from_slice(&std::fs::read(self.cli.home().join(format!("metadata/{role}.json")))?)?)
    }

    fn targets(&self) -> Result<Vec<String>> {
        let file = self.refreshed("targets")?;
        Ok(file["signed"]["targets"].as_object().context("targets")?.keys().cloned().collect())
    }
}

#[test]
fn every_publication_is_followed_with_the_same_keys() -> Result<()> {
    let world = World::start()?;
    let (owner, gun) = (world.trust("owner")?, "example.com/team/app");
    owner.ok(&["init", "--tuf", gun])?;
    let reader = Reader::of(&world, gun, "reader")?;
    ensure!(reader.targets()?.is_empty());

    // By whichever spelling: here Notary's, on the same folder.
    let (folder, url) = (owner.trust_dir(), world.server.url());
    let notary = ["notary", "-d", folder.to_str().context("a path in UTF-8")?, "-s", &url];
    let in_notary = |verb: &[&str]| {
        let mut command = owner.command()?;
        for role in ["TARGETS", "SNAPSHOT"] {
            command.env(format!("NOTARY_{role}_PASSPHRASE"), "passphrase-repository");
        }
        command.env("NOTARY_ROOT_PASSPHRASE", "passphrase-root");
        run(command.args([&notary, verb].concat()))?.success()
    };
    owner.file("image", "one")?;
    in_notary(&["add", "-p", gun, "1.0", "image"])?;
    let targets = reader.targets()?;
    ensure!(targets.len() == 2 && targets[0] == "1.0" && targets[1].starts_with("sha256:"), "{targets:?}");

    for role in ["targets", "root", "snapshot"] {
        let root = reader.refreshed("root")?["signed"]["version"].as_u64().context("version")?;
        owner.ok(&["--yes", "key", "rotate", gun, role])?;
        ensure!(reader.refreshed("root")?["signed"]["version"] == root + 1, "{role}");
        ensure!(reader.targets()?.len() == 2);
    }
    in_notary(&["remove", "-p", gun, "1.0"])?;
    ensure!(reader.targets()?.is_empty());
    // Docker's and Notary's readers see what they saw before.
    world.notary("docker user")?.ok(&["list", gun])?;
    Ok(())
}

#[test]
fn what_other_programs_published_is_brought_up() -> Result<()> {
    let world = World::start()?;
    let gun = "example.com/old";
    // Both programs of one person, on one folder.
    let notary = world.notary("owner")?.with_passphrase("passphrase-of-all");
    let owner = TrustCli::new("owner", world.folder.path(), &world.server)?.with_config(notary.home());
    let owner = owner.with_passphrase("passphrase-of-all").trusting_first_use()?;
    // A collection of years, kept with Notary's own client.
    notary.ok(&["init", "-p", gun])?;
    notary.file("image", "one")?;
    notary.ok(&["add", "-p", gun, "1.0", "image"])?;

    owner.ok(&["migrate", gun])?.says("root 1, targets 1")?;
    owner.ok(&["migrate", gun])?.says("nothing to change")?;
    let reader = Reader::of(&world, gun, "reader")?;
    ensure!(reader.targets()?.len() == 2);

    // It goes on being used: its users notice nothing, and readers of TUF see old news until it is brought up.
    notary.file("image", "two")?;
    notary.ok(&["add", "-p", gun, "2.0", "image"])?;
    ensure!(reader.targets()?.len() == 2);
    owner.ok(&["migrate", gun])?.says("targets 2")?;
    ensure!(reader.targets()?.len() == 4);
    Ok(())
}

#[test]
fn signers_keep_their_parts() -> Result<()> {
    let world = World::start()?;
    let registry = Registry::start(world.folder.path())?;
    let (owner, alice) = (world.trust("owner")?, world.trust("alice")?);
    let repository = registry.repository("team/signed");
    let image = format!("{repository}:1.0");
    stories::images::push(&registry.host(), "team/signed", "1.0", "one")?;
    owner.ok(&["init", &repository])?;
    alice.ok(&["key", "generate", "alice"])?;
    let key = alice.home().join("alice.pub");
    owner.ok(&["signer", "add", "--key", key.to_str().context("a path in UTF-8")?, "alice", &repository])?;
    alice.ok(&["sign", &image])?;

    // The owner has no key of alice's: her part is left out, and lookups work without it.
    owner.fails(23, "targets/alice", &["migrate", &repository])?;
    let reader = Reader::of(&world, &repository, "reader")?;
    let file = reader.refreshed("targets")?;
    ensure!(
        file["signed"]["delegations"].get("roles").is_none_or(|roles| roles == &Value::Array(Vec::new())),
        "{file}"
    );

    // Where both keys are, it is published; from then on alice alone is enough for her part.
    let (from, to) = (alice.trust_dir().join("private"), owner.trust_dir().join("private"));
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        std::fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    owner.ok(&["migrate", &repository])?.says("targets/alice")?;
    let listed = |file: &Value| {
        let roles = file["signed"]["delegations"]["roles"].as_array().cloned().unwrap_or_default();
        roles.iter().filter_map(|role| Some(role["name"].as_str()?.to_owned())).collect::<Vec<_>>()
    };
    ensure!(listed(&reader.refreshed("targets")?) == ["targets/alice", "targets/releases"]);
    stories::images::push(&registry.host(), "team/signed", "2.0", "two")?;
    alice.ok(&["sign", &format!("{repository}:2.0")])?;
    let versions = reader.refreshed("snapshot")?["signed"]["meta"].clone();
    ensure!(versions["targets/releases.json"]["version"] == 2, "{versions}");
    Ok(())
}
