//! A root that two people must sign, by the command line alone: files travel between them, and `notary` follows.

use anyhow::{Result, ensure};
use stories::images;
use stories::peers::notary::NotaryCli;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/app";

struct World {
    server: TrustServer,
    folder: tempfile::TempDir,
}

impl World {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self { server: TrustServer::start(folder.path())?, folder })
    }

    fn person(&self, name: &str) -> Result<TrustCli> {
        TrustCli::new(name, self.folder.path(), &self.server)?.trusting_first_use()
    }
}

/// The root key that is here.
fn root_key(person: &TrustCli) -> Result<String> {
    let listed = person.json(&["key", "list"])?;
    let root = listed["keys"].as_array().into_iter().flatten().find(|key| key["role"] == "root");
    Ok(root.and_then(|key| key["id"].as_str()).unwrap_or_default().to_owned())
}

/// A file goes from one person to another.
fn carry(from: &TrustCli, to: &TrustCli, file: &str) -> Result<()> {
    std::fs::copy(from.home().join(file), to.home().join(file))?;
    Ok(())
}

#[test]
fn two_people_sign_a_root_over_files() -> Result<()> {
    let world = World::start()?;
    let (alice, bob) = (world.person("alice")?, world.person("bob")?);
    let reader = NotaryCli::new("reader", world.folder.path(), &world.server)?;
    alice.ok(&["init", GUN])?;
    reader.ok(&["list", GUN])?;
    bob.ok(&["key", "generate", "root"])?;
    let certificate = bob.ok(&["root", "certificate", "--key", &root_key(&bob)?, GUN])?.stdout;
    alice.file("bob.crt", &certificate)?;

    let key = root_key(&alice)?;
    let prepare = ["root", "prepare", "--key", &key, "--certificate", "bob.crt", "--threshold", "2"];
    alice.fails(2, "3 signatures", &[&prepare[..7], &["3", "--to", "root.json", GUN]].concat())?;
    alice.ok(&[&prepare[..], &["--to", "root.json", GUN]].concat())?.says("root version 2")?.says("not complete")?;
    alice.fails(1, "cannot write root.json", &[&prepare[..], &["--to", "root.json", GUN]].concat())?;
    alice.fails(11, "1 of 2 needed", &["root", "publish", "root.json"])?;

    carry(&alice, &bob, "root.json")?;
    // Nobody signs what they have not seen.
    bob.fails(2, "Sign this?", &["root", "sign", "root.json"])?;
    bob.ok(&["root", "show", "root.json"])?.says("root: 2 of")?;
    bob.ok(&["root", "sign", "--yes", "--to", "root-bob.json", "root.json"])?.says("complete")?;
    carry(&bob, &alice, "root-bob.json")?;
    // A stranger's key is none that it wants.
    let eve = world.person("eve")?;
    eve.ok(&["key", "generate", "root"])?;
    carry(&alice, &eve, "root.json")?;
    eve.fails(23, "no key", &["root", "sign", "--yes", "root.json"])?;

    alice.ok(&["root", "publish", "root.json", "root-bob.json"])?.says("published")?.says("root 2")?;
    reader.ok(&["list", GUN])?;
    // Once published it is of the past.
    alice.fails(22, "does not follow", &["root", "publish", "root-bob.json"])?;

    // From now on neither can change a key alone, and nothing was lost by trying.
    let before = alice.json(&["key", "list"])?;
    alice.fails(23, "root of", &["key", "rotate", "--yes", GUN, "targets"])?;
    ensure!(before == alice.json(&["key", "list"])?, "a key was made or lost");

    // Over files they can: the root and the targets that its new key signs.
    alice.ok(&["root", "prepare", "--rotate", "targets", "--to", "next.json", GUN])?.says("next.targets.json")?;
    carry(&alice, &bob, "next.root.json")?;
    bob.ok(&["root", "sign", "--yes", "next.root.json"])?;
    carry(&bob, &alice, "next.root.json")?;
    alice.ok(&["root", "publish", "next.targets.json", "next.root.json"])?.says("root 3, targets 2")?;
    reader.ok(&["list", GUN])?;

    // A renewal goes the same way.
    alice.ok(&["root", "prepare", "--to", "renewed.json", GUN])?.says("root version 4")?;
    carry(&alice, &bob, "renewed.json")?;
    bob.ok(&["root", "sign", "--yes", "renewed.json"])?;
    bob.ok(&["root", "publish", "renewed.json"])?.says("root 4")?;
    reader.ok(&["list", GUN])?;
    Ok(())
}

#[test]
fn a_collection_begins_with_two_root_keys() -> Result<()> {
    let world = World::start()?;
    let alice = world.person("alice")?;
    alice.ok(&["key", "generate", "root"])?;
    alice.ok(&["key", "generate", "root"])?;
    let listed = alice.json(&["key", "list"])?;
    let ids: Vec<&str> = listed["keys"].as_array().into_iter().flatten().filter_map(|key| key["id"].as_str()).collect();
    alice.fails(23, "several root keys", &["init", GUN])?;
    let both = ids.join(",");
    alice.ok(&["init", "--root-key", &both, "--root-threshold", "2", "--snapshot", "publisher", GUN])?;
    NotaryCli::new("reader", world.folder.path(), &world.server)?.ok(&["list", GUN])?;
    alice.ok(&["key", "remove", "--yes", ids[0]])?;
    alice.fails(23, "root of", &["key", "rotate", "--yes", GUN, "targets"])?;
    Ok(())
}

/// Two signers of whom both must sign: each has a key, and neither publishes alone.
#[test]
fn two_people_sign_a_delegation_over_files() -> Result<()> {
    let world = World::start()?;
    let registry = Registry::start(world.folder.path())?;
    let repository = registry.repository("team/app");
    let image = format!("{repository}:v1");
    let digest = images::push(&registry.host(), "team/app", "v1", "one")?;
    let (owner, ann, ben) = (world.person("owner")?, world.person("ann")?, world.person("ben")?);
    owner.ok(&["init", &repository])?;
    for signer in [&ann, &ben] {
        let name = signer.home().file_name().and_then(|name| name.to_str()).unwrap_or_default();
        signer.ok(&["key", "generate", name])?;
        carry(signer, &owner, &format!("{name}.pub"))?;
    }
    owner.ok(&["signer", "add", "--key", "ann.pub,ben.pub", "--threshold", "2", "duo", &repository])?;
    ann.fails(23, "targets/duo", &["sign", &image])?;
    ann.ok(&["sign", "--prepare", "tag.json", &image])?
        .says("tag.targets-duo.json")?
        .says("tag.targets-releases.json")?;
    ann.fails(11, "1 of 2 needed", &["root", "publish", "tag.targets-duo.json", "tag.targets-releases.json"])?;
    for file in ["tag.targets-duo.json", "tag.targets-releases.json"] {
        carry(&ann, &ben, file)?;
        ben.ok(&["root", "sign", "--yes", file])?;
    }
    ben.ok(&["root", "publish", "tag.targets-duo.json", "tag.targets-releases.json"])?;
    owner.ok(&["verify", &image])?.says(&digest)?.says("duo")?;
    let reader = NotaryCli::new("reader", world.folder.path(), &world.server)?;
    reader.ok(&["lookup", &repository, "v1"])?.says(&digest[7..])?;
    Ok(())
}
