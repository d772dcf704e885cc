//! `trust renew`: what nears its end is signed anew by whoever has the keys, and what cannot be is told.

use anyhow::{Context as _, Result, ensure};
use libtrust::client::Init;
use libtrust::names::RoleName;
use stories::peers::notary::NotaryCli;
use stories::peers::trust::TrustCli;
use stories::person::Person;
use stories::trust_server::TrustServer;

const GUN: &str = "registry.example/team/app";

#[test]
fn what_expires_soon_is_signed_anew_with_the_keys_that_are_here() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let owner = TrustCli::new("owner", folder.path(), &server)?;
    // The library's person shares keys and cache with the command.
    let person = Person::new(owner.trust_dir(), &server)?;
    person.init(GUN, &Init::default())?;
    person.sign(GUN, "v1", "one\n")?;
    let renew = |args: &[&str]| -> Result<_> {
        let mut command = owner.command()?;
        command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase-of-all");
        command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-of-all");
        stories::command::run(command.arg("renew").args(args))
    };
    let before = person.update(GUN)?;
    renew(&[GUN])?.success()?.says("nothing expires soon")?;
    renew(&["--within", "20y", "--dry-run", GUN])?.success()?.says("would renew root")?;
    let untouched = person.update(GUN)?;
    ensure!(untouched.root().version == before.root().version);

    renew(&["--within", "4y", GUN])?.success()?.says("renewed targets")?;
    renew(&["--within", "20y", GUN])?.success()?.says("renewed root")?;
    let after = person.update(GUN)?;
    ensure!(after.root().version.get() == before.root().version.get() + 1, "{:?}", after.root().version);
    let targets = after.role(&RoleName::Targets).context("targets")?;
    ensure!(targets.targets.len() == 1 && targets.version.get() > 2);
    // Others follow.
    let reader = NotaryCli::new("reader", folder.path(), &server)?;
    ensure!(reader.list(GUN)?.len() == 1);

    // Somebody without the keys is told whose they are.
    let other = TrustCli::new("other", folder.path(), &server)?;
    std::fs::create_dir_all(other.trust_dir())?;
    std::fs::write(other.trust_dir().join("policy.json"), r#"{"version":1,"default":{"first_use":true}}"#)?;
    let key = after.root().roles.get(&RoleName::Targets).context("keys")?.key_ids[0].to_string();
    let outcome = other.fails(23, &key, &["renew", "--within", "20y", GUN])?;
    outcome.says("not renewed: ")?;
    Ok(())
}

/// Notary's own clients cannot do this: they refuse to read what they are to sign anew.
#[test]
fn what_has_expired_is_signed_anew() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let owner = TrustCli::new("owner", folder.path(), &server)?;
    // Servers take nothing that has expired, so it does so in a moment.
    let end = chrono::Utc::now() + chrono::TimeDelta::seconds(6);
    let person = Person::new(owner.trust_dir(), &server)?.at(end - libtrust::edit::TARGETS_LIFETIME);
    person.init(GUN, &Init::default())?;
    person.sign(GUN, "v1", "one\n")?;
    while chrono::Utc::now() <= end + chrono::TimeDelta::seconds(1) {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    owner.fails(12, "expired", &["list", GUN])?;
    let mut command = owner.command()?;
    command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-of-all").args(["renew", GUN]);
    stories::command::run(&mut command)?.success()?.says("renewed targets")?;
    owner.ok(&["list", GUN])?.says("v1")?;
    let reader = NotaryCli::new("reader", folder.path(), &server)?;
    ensure!(reader.list(GUN)?.len() == 1);
    Ok(())
}
