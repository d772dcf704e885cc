//! `trust mirror`: collections of a server that goes away, as files behind any web server, or on another trust server.

use std::path::Path;

use anyhow::{Result, ensure};
use libtrust::client::{Init, NewKeys, SnapshotHolder};
use libtrust::names::RoleName;
use stories::peers::nginx;
use stories::peers::notary::NotaryCli;
use stories::peers::our_server;
use stories::peers::trust::TrustCli;
use stories::person::Person;
use stories::process::Stop;
use stories::trust_server::TrustServer;

const GUN: &str = "registry.example/team/app";

fn folder(parent: &Path, name: &str) -> Result<std::path::PathBuf> {
    let folder = parent.join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn allow_first_use(reader: &TrustCli) -> Result<()> {
    std::fs::create_dir_all(reader.trust_dir())?;
    Ok(std::fs::write(reader.trust_dir().join("policy.json"), r#"{"version":1,"default":{"first_use":true}}"#)?)
}

/// One person's certificates are made by another authority than the other server's: both must be believed.
fn both(parent: &Path, first: &TrustServer, second: &TrustServer) -> Result<std::path::PathBuf> {
    let path = parent.join("both.crt");
    std::fs::write(&path, [std::fs::read(first.ca())?, std::fs::read(second.ca())?].concat())?;
    Ok(path)
}

#[test]
fn a_folder_behind_a_web_server_is_a_mirror() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let mut server = TrustServer::start(&folder(scratch.path(), "server")?)?;
    let person = Person::new(scratch.path().join("publisher"), &server)?;
    person.init(GUN, &Init::default())?;
    person.sign(GUN, "v1", "one\n")?;
    let sleeper = NotaryCli::new("sleeper", scratch.path(), &server)?;
    ensure!(sleeper.list(GUN)?.len() == 1);
    person.rotate(GUN, &RoleName::Root, &NewKeys::Generate)?;
    person.rotate(GUN, &RoleName::Root, &NewKeys::Generate)?;
    person.sign(GUN, "v2", "two\n")?;

    let web = nginx::serve(&folder(scratch.path(), "web")?)?;
    let files = scratch.path().join("web/files").display().to_string();
    let mirror = TrustCli::new("mirror", scratch.path(), &server)?;
    mirror.fails(14, "pin", &["mirror", &server.url(), GUN, "--to-folder", &files])?;
    allow_first_use(&mirror)?;
    let url = server.url();
    let args = ["mirror", url.as_str(), GUN, "--to-folder", &files];
    let copied = mirror.json(&args)?;
    ensure!(copied["collections"][0]["incomplete"].as_array().is_some_and(Vec::is_empty), "{copied}");
    ensure!(mirror.json(&args)?["collections"][0]["files"] == 0, "nothing is new");
    // What is published later comes with the next run.
    person.sign(GUN, "v3", "three\n")?;
    mirror.ok(&args)?;
    server.stop(Stop::Kill)?;

    let notary = NotaryCli::new("notary", scratch.path(), &web)?;
    ensure!(notary.list(GUN)?.len() == 3);
    ensure!(sleeper.at(&web).list(GUN)?.len() == 3, "a reader who missed two roots");
    let reader = TrustCli::new("reader", scratch.path(), &web)?;
    allow_first_use(&reader)?;
    reader.ok(&["list", GUN])?.says("v3")?;
    reader.ok(&["diff", GUN, "2", "3"])?.says("v2")?;
    reader.fails(10, "", &["list", "registry.example/other"])?;
    Ok(())
}

#[test]
fn the_owner_takes_a_collection_to_another_server() -> Result<()> {
    let scratch = tempfile::tempdir()?;
    for (n, snapshot) in [SnapshotHolder::Server, SnapshotHolder::Publisher].into_iter().enumerate() {
        let scratch = folder(scratch.path(), &n.to_string())?;
        let mut old = TrustServer::start(&folder(&scratch, "old")?)?;
        let new = our_server::embedded(&folder(&scratch, "new")?)?;
        let both = both(&scratch, &old, &new)?.display().to_string();
        let owner = TrustCli::new("owner", &scratch, &old)?;
        let person = Person::new(owner.trust_dir(), &old)?;
        person.init(GUN, &Init { snapshot, ..Init::default() })?;
        for tag in ["v1", "v2", "v3"] {
            person.sign(GUN, tag, tag)?;
        }
        let (old_reader, old_notary) =
            (TrustCli::new("reader", &scratch, &old)?, NotaryCli::new("notary", &scratch, &old)?);
        allow_first_use(&old_reader)?;
        old_reader.ok(&["list", GUN])?;
        ensure!(old_notary.list(GUN)?.len() == 3);

        let (from, to) = (old.url(), new.url());
        let run = |user: &TrustCli, args: &[&str]| {
            let mut command = user.command()?;
            command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase-of-all");
            command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-of-all");
            // Said a second time it would be refused.
            let mut plain = stories::command::clean(stories::peers::trust::binary()?);
            plain.current_dir(user.home());
            for (name, value) in command.get_envs() {
                if let Some(value) = value {
                    plain.env(name, value);
                }
            }
            stories::command::run(plain.args(["--tlscacert", &both]).args(args))
        };
        let args = ["mirror", &from, GUN, "--to", &to];
        ensure!(run(&owner, &args)?.code == 2, "a root must be signed, and that is said");
        let args = ["mirror", &from, GUN, "--to", &to, "--rotate-server-keys"];
        // Somebody without the root key cannot.
        let other = TrustCli::new("other", &scratch, &old)?;
        allow_first_use(&other)?;
        ensure!(run(&other, &args)?.code == 23);
        run(&owner, &args)?.success()?;
        ensure!(run(&owner, &args)?.code != 0, "it is there already");
        old.stop(Stop::Kill)?;

        // Readers who know the old root follow, and so do new ones; the owner goes on.
        old_reader.at(&new).ok(&["list", GUN])?.says("v3")?;
        // Notary's clients compare with the old server's count also where its key was replaced, until they forget it.
        old_notary.at(&new).run(&["list", GUN])?.failure("is lower than current version")?;
        std::fs::remove_dir_all(old_notary.home().join("trust/tuf"))?;
        ensure!(old_notary.at(&new).list(GUN)?.len() == 3);
        let person = Person::new(owner.trust_dir(), &new)?;
        person.sign(GUN, "v4", "v4")?;
        let fresh = NotaryCli::new("fresh", &scratch, &new)?;
        ensure!(fresh.list(GUN)?.len() == 4);
        ensure!(old_notary.at(&new).list(GUN)?.len() == 4);
    }
    Ok(())
}
