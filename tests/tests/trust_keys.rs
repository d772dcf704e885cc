//! Private keys with `trust key`, beside `notary`: what one exports the other imports and uses.

use anyhow::{Context, Result, ensure};
use stories::peers::notary::NotaryCli;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/app";

#[test]
fn keys_go_from_notary_to_trust_and_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    alice.file("one", "hello, world\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "v1", "one", "-p"])?;
    alice.ok(&["key", "export", "-o", "keys.pem"])?;

    let trust = TrustCli::new("trust", folder.path(), &server)?;
    trust.ok(&["key", "list"])?.says("No private key is here.")?;
    let file = alice.home().join("keys.pem");
    let file = file.to_str().context("a path")?;
    // Its passphrases are notary's, not ours: nothing is imported, and it is said of each key.
    trust.fails(23, "was not imported", &["key", "import", file])?;
    trust.ok(&["key", "list"])?.says("No private key is here.")?;

    let with_passphrases = |args: &[&str]| {
        let mut command = trust.command()?;
        command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase-ROOT");
        command.env_remove("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE");
        for role in ["TARGETS", "SNAPSHOT"] {
            command.env(format!("NOTARY_{role}_PASSPHRASE"), format!("passphrase-{role}"));
        }
        stories::command::run(command.args(args))
    };
    with_passphrases(&["key", "import", file])?.success()?.says("imported root key")?;
    with_passphrases(&["key", "import", file])?.success()?.says("already here: root key")?;
    let listed = trust.json(&["key", "list"])?;
    let keys = listed["keys"].as_array().context("keys")?;
    ensure!(keys.len() == 3 && keys[0]["role"] == "root", "{listed}");
    ensure!(keys.iter().filter(|key| key["gun"] == GUN).count() == 2, "{listed}");

    let exported = trust.ok(&["key", "export"])?.stdout;
    ensure!(exported.matches("BEGIN ENCRYPTED PRIVATE KEY").count() == 3, "{exported}");
    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    bob.file("keys.pem", &exported)?;
    bob.file("two", "second file\n")?;
    bob.ok(&["key", "import", "keys.pem"])?;
    bob.ok(&["add", GUN, "v2", "two", "-p"])?.says("Successfully published changes")?;

    let id = keys[0]["id"].as_str().context("an id")?;
    let one = trust.ok(&["key", "export", &id[..10]])?.stdout;
    ensure!(one.contains(&format!("path: {id}")) && one.matches("BEGIN").count() == 1, "{one}");
    trust.fails(23, "no private key", &["key", "export", "zz"])?;
    Ok(())
}

#[test]
fn a_key_of_docker_s_folder_can_be_imported() -> Result<()> {
    // Docker itself asks for the passphrase, says it imported such a file, and imports nothing.
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let notary = NotaryCli::new("notary", folder.path(), &server)?;
    notary.ok(&["key", "generate", "ecdsa", "-r", "carol"])?;
    let private = notary.home().join("trust/private");
    let key = std::fs::read_dir(private)?.next().context("a key file")??.path();
    let trust = TrustCli::new("trust", folder.path(), &server)?;
    let mut import = trust.command()?;
    import.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-DELEGATION");
    let id = key.file_stem().and_then(|id| id.to_str()).context("an id")?;
    let imported = stories::command::run(import.args(["key", "import", key.to_str().context("a path")?]))?;
    imported.success()?.says(&format!("imported carol key {id}"))?;
    trust.ok(&["key", "list"])?.says(id)?;
    Ok(())
}
