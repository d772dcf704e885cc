//! Somebody who holds only a delegation's key publishes from their own trust folder.

use std::path::Path;

use anyhow::{Result, ensure};
use stories::peers::notary::NotaryCli;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/delegated";

/// An owner who delegated `targets/releases` under `rel/` to a user who has imported the key.
fn delegated(folder: &Path, server: &TrustServer) -> Result<(NotaryCli, NotaryCli)> {
    let owner = NotaryCli::new("owner", folder, server)?;
    let dave = NotaryCli::new("dave", folder, server)?;
    owner.file("one", "one\n")?;
    dave.file("two", "two\n")?;
    let (key, certificate) = dave.delegate_key("dave")?;
    std::fs::copy(dave.home().join(&certificate), owner.home().join(&certificate))?;
    owner.ok(&["init", GUN])?;
    owner.ok(&["key", "rotate", GUN, "snapshot", "-r"])?;
    owner.ok(&["add", GUN, "v1", "one"])?;
    owner.ok(&["delegation", "add", GUN, "targets/releases", &certificate, "--paths", "rel/"])?;
    owner.ok(&["publish", GUN])?;
    owner.ok(&["delegation", "list", GUN])?.says("targets/releases")?;
    dave.ok(&["key", "import", &key, "-r", "dave"])?;
    Ok((owner, dave))
}

#[test]
fn a_delegate_publishes_from_another_trust_folder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let (owner, dave) = delegated(folder.path(), &server)?;
    dave.ok(&["add", GUN, "rel/1.0", "two", "-r", "targets/releases"])?;
    dave.ok(&["publish", GUN])?;

    let reader = NotaryCli::new("reader", folder.path(), &server)?;
    let expected = [("rel/1.0", "targets/releases"), ("v1", "targets")].map(|(n, r)| (n.to_owned(), r.to_owned()));
    ensure!(reader.list(GUN)? == expected);
    ensure!(owner.list(GUN)? == expected);
    Ok(())
}

#[test]
fn a_delegate_cannot_publish_outside_its_paths_or_for_the_owner() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let (_, dave) = delegated(folder.path(), &server)?;
    dave.ok(&["add", GUN, "other/1.0", "two", "-r", "targets/releases"])?;
    dave.run(&["publish", GUN])?.failure("Could not add all targets")?;
    dave.ok(&["reset", GUN, "--all"])?;
    dave.ok(&["add", GUN, "v2", "two"])?;
    dave.run(&["publish", GUN])?.failure("could not find necessary signing keys")?;
    Ok(())
}

#[test]
fn a_nested_delegation_is_published_and_followed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let (_, dave) = delegated(folder.path(), &server)?;
    let (key, certificate) = dave.delegate_key("deep")?;
    dave.ok(&["add", GUN, "rel/1.0", "two", "-r", "targets/releases"])?;
    dave.ok(&["delegation", "add", GUN, "targets/releases/deep", &certificate, "--paths", "rel/deep/"])?;
    dave.ok(&["publish", GUN])?;
    dave.ok(&["key", "import", &key, "-r", "deep"])?;
    dave.ok(&["add", GUN, "rel/deep/x", "two", "-r", "targets/releases/deep"])?;
    dave.ok(&["publish", GUN])?;
    let reader = NotaryCli::new("reader", folder.path(), &server)?;
    reader.ok(&["list", GUN])?.says("targets/releases/deep")?;
    Ok(())
}

#[test]
fn a_removed_delegation_is_no_longer_trusted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let (owner, dave) = delegated(folder.path(), &server)?;
    dave.ok(&["add", GUN, "rel/1.0", "two", "-r", "targets/releases"])?;
    dave.ok(&["publish", GUN])?;
    owner.ok(&["delegation", "remove", GUN, "targets/releases", "-y", "-p"])?;
    let reader = NotaryCli::new("reader", folder.path(), &server)?;
    reader.run(&["lookup", GUN, "rel/1.0"])?.failure("No valid trust data for rel/1.0")?;
    dave.ok(&["add", GUN, "rel/2.0", "two", "-r", "targets/releases"])?;
    dave.run(&["publish", GUN])?.failure("fatal")?;
    ensure!(reader.list(GUN)? == [("v1".to_owned(), "targets".to_owned())]);
    Ok(())
}
