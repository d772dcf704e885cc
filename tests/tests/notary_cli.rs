//! A publisher and a reader with the `notary` command: make, publish, read, verify, withdraw.

use anyhow::{Result, ensure};
use stories::peers::notary::NotaryCli;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/tool";

fn published(folder: &std::path::Path, server: &TrustServer) -> Result<NotaryCli> {
    let alice = NotaryCli::new("alice", folder, server)?;
    alice.file("one", "hello, world\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "v1", "one"])?;
    alice.ok(&["publish", GUN])?.says("Successfully published changes for repository")?;
    Ok(alice)
}

#[test]
fn a_published_collection_is_listed_looked_up_and_verified_by_another_user() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = published(folder.path(), &server)?;
    let custom = alice.file("custom.json", r#"{"build":7,"by":"ci"}"#)?;
    alice.file("two", "second file\n")?;
    alice.ok(&["add", GUN, "a&b<c>", "two", "--custom", custom])?;
    alice.ok(&["add", GUN, "ünï-🦀", "two"])?;
    alice.ok(&["status", GUN])?.says("Unpublished changes")?;
    alice.ok(&["publish", GUN])?;

    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    let names: Vec<String> = bob.list(GUN)?.into_iter().map(|(name, _)| name).collect();
    ensure!(names == ["a&b<c>", "v1", "ünï-🦀"], "{names:?}");
    let digest = "853ff93762a06ddbf722c4ebe9ddd66d8f63ddaea97f521c3ecc20da7c976020";
    bob.ok(&["lookup", GUN, "v1"])?.says(&format!("v1 sha256:{digest} 13"))?;
    bob.file("good", "hello, world\n")?;
    bob.file("bad", "hello, w0rld\n")?;
    bob.ok(&["verify", GUN, "v1", "-i", "good", "-q"])?;
    bob.run(&["verify", GUN, "v1", "-i", "bad", "-q"])?.failure("data not present in the trusted collection")?;
    bob.run(&["lookup", GUN, "v9"])?.failure("No valid trust data for v9")?;
    Ok(())
}

#[test]
fn an_unknown_collection_has_no_trust_data() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    bob.run(&["list", GUN])?.failure(&format!("{} does not have trust data for {GUN}", server.host()))?;
    Ok(())
}

#[test]
fn a_removed_target_is_gone_for_a_reader_who_had_it_cached() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = published(folder.path(), &server)?;
    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    ensure!(bob.list(GUN)?.len() == 1);
    alice.ok(&["remove", GUN, "v1", "-p"])?;
    bob.ok(&["list", GUN])?.says("No targets present in this repository.")?;
    bob.run(&["lookup", GUN, "v1"])?.failure("No valid trust data for v1")?;
    Ok(())
}

#[test]
fn a_witnessed_role_is_signed_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = published(folder.path(), &server)?;
    alice.ok(&["list", GUN])?;
    let targets = alice.home().join("trust/tuf").join(GUN).join("metadata/targets.json");
    let before = version(&targets)?;
    alice.ok(&["witness", GUN, "targets"])?.says("- targets")?;
    alice.ok(&["publish", GUN])?;
    alice.ok(&["list", GUN])?;
    let after = version(&targets)?;
    ensure!(after == before + 1, "targets went from version {before} to {after}");
    Ok(())
}

#[test]
fn a_collection_deleted_remotely_is_gone_and_can_be_published_anew() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let alice = published(folder.path(), &server)?;
    alice.ok(&["init", "example.com/team/tool2", "-p"])?;
    alice.ok(&["delete", GUN, "--remote"])?.says("Successfully deleted local and remote trust data")?;
    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    bob.run(&["list", GUN])?.failure("does not have trust data for")?;

    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "again", "one"])?;
    alice.ok(&["publish", GUN])?;
    ensure!(bob.list(GUN)? == [("again".to_owned(), "targets".to_owned())]);
    Ok(())
}

fn version(file: &std::path::Path) -> Result<i64> {
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(file)?)?;
    Ok(file["signed"]["version"].as_i64().unwrap_or_default())
}
