//! Keys by the command line: what `docker` and `notary` wrote is taken in or refused, never lost, and the other way round.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result, ensure};
use stories::command::{clean, run};
use stories::peers::notary::NotaryCli;
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

fn keys(person: &TrustCli) -> Result<Vec<(String, String)>> {
    let listed = person.json(&["key", "list"])?;
    let keys = listed["keys"].as_array().context("keys")?;
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    Ok(keys.iter().map(|key| (text(&key["role"]), text(&key["id"]))).collect())
}

fn private(person: &TrustCli, file: &str) -> Result<()> {
    Ok(std::fs::set_permissions(person.home().join(file), std::fs::Permissions::from_mode(0o600))?)
}

/// Docker asks for the passphrase of its own key files, says that it imported them, and imports nothing.
#[test]
fn a_loaded_key_can_be_used_or_is_refused() -> Result<()> {
    let world = World::start()?;
    let (alice, other) = (world.person("alice")?, world.person("other")?);
    alice.ok(&["key", "generate", "alice"])?;
    let (_, id) = keys(&alice)?.remove(0);
    // Exactly the file that is in the folder: no header says which key it is.
    std::fs::copy(alice.trust_dir().join(format!("private/{id}.key")), other.home().join("alice.pem"))?;
    std::fs::set_permissions(other.home().join("alice.pem"), std::fs::Permissions::from_mode(0o644))?;
    other.fails(23, "can be read or written by others", &["key", "load", "--name", "alice", "alice.pem"])?;
    private(&other, "alice.pem")?;
    other.ok(&["key", "load", "--dry-run", "alice.pem"])?.says("would be added")?;
    ensure!(keys(&other)?.is_empty());
    other.ok(&["key", "load", "alice.pem"])?.says("added")?;
    ensure!(keys(&other)? == [("alice".to_owned(), id.clone())]);
    other.ok(&["key", "export", "--public", &id[..8]])?.says("role: alice")?;
    other.ok(&["key", "load", "alice.pem"])?.says("already there")?;

    let stranger = world.person("stranger")?.with_passphrase("another passphrase");
    std::fs::copy(other.home().join("alice.pem"), stranger.home().join("alice.pem"))?;
    stranger.fails(23, "passphrase", &["key", "load", "alice.pem"])?;
    ensure!(keys(&stranger)?.is_empty());
    stranger.file("no.pem", "no key\n")?;
    private(&stranger, "no.pem")?;
    stranger.fails(23, "no private key", &["key", "load", "no.pem"])?;
    Ok(())
}

#[test]
fn keys_of_openssl_and_notary_are_taken_in() -> Result<()> {
    let world = World::start()?;
    let alice = world.person("alice")?;
    let notary = NotaryCli::new("notary", world.folder.path(), &world.server)?.with_passphrase("passphrase-repository");
    let mut openssl = clean("openssl");
    openssl.current_dir(alice.home()).args([
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        "plain.pem",
    ]);
    run(&mut openssl)?.success()?;
    alice.ok(&["key", "import", "--role", "dave", "plain.pem"])?.says("dave")?;
    notary.ok(&["init", GUN])?;
    notary.ok(&["key", "export", "-o", "all.pem"])?;
    std::fs::copy(notary.home().join("all.pem"), alice.home().join("all.pem"))?;
    // The root key has a passphrase of its own here.
    alice.with_passphrase("passphrase-repository").ok(&["key", "import", "all.pem"])?;
    let roles: Vec<String> = keys(&alice)?.into_iter().map(|(role, _)| role).collect();
    ensure!(roles.len() == 4 && roles[0] == "root", "{roles:?}");
    // What one text refuses does not keep the rest out, and is not kept quiet.
    let exported = alice.ok(&["key", "export"])?.stdout;
    let carol = world.person("carol")?.with_passphrase("passphrase-repository");
    carol.file("mixed.pem", &format!("{exported}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"))?;
    carol.fails(23, "1 of 5 keys were not taken in", &["key", "import", "mixed.pem"])?;
    ensure!(keys(&carol)?.len() == 4);

    // And back to notary.
    let bob = NotaryCli::new("bob", world.folder.path(), &world.server)?.with_passphrase("passphrase-repository");
    bob.file("keys.pem", &exported)?;
    bob.ok(&["key", "import", "keys.pem"])?;
    bob.ok(&["key", "list"])?.says("dave")?.says("root")?;
    Ok(())
}

#[test]
fn passphrases_change_and_backups_come_back() -> Result<()> {
    let world = World::start()?;
    let alice = world.person("alice")?;
    alice.ok(&["key", "generate", "alice"])?;
    alice.ok(&["key", "generate", "root"])?;
    let before = keys(&alice)?;
    alice.file("secret", "passphrase-of-the-backup\n")?;
    alice.fails(23, "terminal", &["key", "backup", "keys.backup"])?;
    alice.ok(&["key", "backup", "--backup-passphrase-file", "secret", "keys.backup"])?.says("2 keys")?;
    alice.fails(1, "cannot write", &["key", "backup", "--backup-passphrase-file", "secret", "keys.backup"])?;
    let mode = std::fs::metadata(alice.home().join("keys.backup"))?.permissions().mode();
    ensure!(mode & 0o077 == 0, "others can read the backup: {mode:o}");

    let (_, id) = &before[1];
    alice.fails(2, "nobody is here", &["key", "remove", id])?;
    alice.ok(&["key", "remove", "--yes", id])?;
    alice.fails(23, "no private key", &["key", "remove", "--yes", id])?;
    alice.file("wrong", "passphrase-of-another\n")?;
    alice.fails(23, "wrong", &["key", "restore", "--backup-passphrase-file", "wrong", "keys.backup"])?;
    alice.ok(&["key", "restore", "--backup-passphrase-file", "secret", "keys.backup"])?.says("already there")?;
    ensure!(keys(&alice)? == before);

    alice.ok(&["key", "passwd", "--new-passphrase-file", "secret", &id[..10]])?;
    alice.fails(23, "passphrase", &["key", "export", "--public", id])?;
    alice.with_passphrase("passphrase-of-the-backup").ok(&["key", "export", "--public", id])?;
    Ok(())
}

/// Notary removes the old key before it asks the server: if that refuses, nobody can sign any more.
#[test]
fn a_key_is_removed_only_after_the_server_agreed() -> Result<()> {
    let mut world = World::start()?;
    let alice = world.person("alice")?;
    alice.ok(&["init", GUN])?;
    let before = keys(&alice)?;
    world.server.stop(stories::process::Stop::Kill)?;
    alice.fails(21, "", &["key", "rotate", "--yes", GUN, "targets"])?;
    let after = keys(&alice)?;
    ensure!(before.iter().all(|key| after.contains(key)), "{before:?} became {after:?}");
    Ok(())
}

#[test]
fn an_old_key_is_kept_where_nobody_says_that_it_may_go() -> Result<()> {
    let world = World::start()?;
    let alice = world.person("alice")?;
    alice.ok(&["init", GUN])?;
    let before = keys(&alice)?;
    alice.ok(&["key", "rotate", GUN, "targets"])?;
    let kept = keys(&alice)?;
    ensure!(kept.len() == before.len() + 1, "{kept:?}");
    alice.ok(&["key", "rotate", "--yes", "--keep-old", GUN, "targets"])?;
    ensure!(keys(&alice)?.len() == kept.len() + 1);
    alice.ok(&["key", "rotate", "--yes", GUN, "targets"])?.says("removed from here")?;
    ensure!(keys(&alice)?.len() == kept.len() + 1);
    for (arguments, why) in [
        (&["root", "--server-managed"][..], "the server never holds"),
        (&["targets/alice"], "changed with its signers"),
    ] {
        alice.fails(2, why, &[&["key", "rotate", "--yes", GUN], arguments].concat())?;
    }
    Ok(())
}
