//! `trust log` and `trust diff`: what changed under a name, by whose keys, and what the server has that was not seen here.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use libtrust::client::{Init, NewKeys};
use libtrust::edit::Change;
use libtrust::names::RoleName;
use serde_json::Value;
use stories::peers::trust::TrustCli;
use stories::person::Person;
use stories::trust_server::TrustServer;

const GUN: &str = "registry.example/team/app";

fn scene(folder: &Path) -> Result<(TrustServer, Person, TrustCli)> {
    let server = TrustServer::start(folder)?;
    let person = Person::new(folder.join("publisher"), &server)?;
    person.init(GUN, &Init::default())?;
    person.sign(GUN, "v1", "one\n")?;
    let reader = TrustCli::new("reader", folder, &server)?;
    std::fs::create_dir_all(reader.trust_dir())?;
    std::fs::write(reader.trust_dir().join("policy.json"), r#"{"version":1,"default":{"first_use":true}}"#)?;
    Ok((server, person, reader))
}

fn of<'a>(document: &'a Value, list: &str, role: &str) -> Vec<&'a Value> {
    document[list].as_array().map_or(Vec::new(), |all| all.iter().filter(|one| one["role"] == role).collect())
}

#[test]
fn the_log_tells_what_changed_and_by_which_keys() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_server, person, reader) = scene(folder.path())?;
    person.sign(GUN, "v1", "another one\n")?;
    let rotation = person.rotate(GUN, &RoleName::Targets, &NewKeys::Generate)?;
    person.publish(GUN, &[Change::RemoveTarget { role: RoleName::Targets, name: "v1".into() }])?;

    let log = reader.json(&["log", GUN])?;
    let roots = of(&log, "entries", "root");
    ensure!(roots.len() == 2, "{log}");
    let change = &roots[0]["changes"][0];
    ensure!(change["what"] == "keys" && change["of"] == "targets", "{change}");
    ensure!(change["after"] == rotation.keys[0].as_str() && change["before"] == rotation.retired[0].as_str());
    let targets = of(&log, "entries", "targets");
    // Begun, signed, signed again, its keys replaced, revoked: the newest first.
    ensure!(targets.len() >= 4, "{log}");
    let newest = targets.first().context("an entry")?;
    ensure!(newest["changes"][0]["what"] == "tag" && newest["changes"][0]["after"].is_null(), "{newest}");
    ensure!(newest["signed_by"][0] == rotation.keys[0].as_str(), "{newest}");
    ensure!(log["incomplete"].as_array().is_some_and(Vec::is_empty), "{log}");
    let one = reader.json(&["log", &format!("{GUN}:v1")])?;
    ensure!(one["entries"].as_array().is_some_and(|entries| entries.len() == 3), "{one}");
    ensure!(of(&reader.json(&["log", "-n", "1", GUN])?, "entries", "targets").len() == 1);
    reader.ok(&["log", GUN])?.says("keys of targets")?;
    Ok(())
}

#[test]
fn versions_are_compared_and_a_server_with_what_was_seen() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (_server, person, reader) = scene(folder.path())?;
    reader.fails(10, "not in the cache", &["diff", GUN])?;
    reader.ok(&["list", GUN])?;
    reader.ok(&["diff", GUN])?.says("no difference")?;
    person.sign(GUN, "v2", "two\n")?;
    let expected = format!("+ tag v2  sha256:{}", person.digest(GUN, "v2")?);
    reader.ok(&["diff", GUN])?.says(&expected)?;
    // It was not remembered: the same again.
    reader.ok(&["diff", GUN])?.says(&expected)?;

    person.rotate(GUN, &RoleName::Root, &NewKeys::Generate)?;
    reader.ok(&["diff", GUN, "1", "2", "--role", "root"])?.says("~ keys of root")?;
    reader.ok(&["diff", GUN, "2", "3"])?.says(&expected)?;
    reader.ok(&["diff", GUN, "3", "2"])?.says("- tag v2")?;
    reader.fails(10, "no version 99", &["diff", GUN, "1", "99"])?;
    Ok(())
}
