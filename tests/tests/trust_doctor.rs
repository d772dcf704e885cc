//! `trust doctor`: what is not in order is found, named, and ends with 1.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Result, ensure};
use libtrust::client::Init;
use serde_json::Value;
use stories::command::{Outcome, run};
use stories::peers::trust::TrustCli;
use stories::person::Person;
use stories::process::Stop;
use stories::trust_server::TrustServer;

const GUN: &str = "registry.example/team/app";

/// How a check went, as the document has it.
fn state(outcome: &Outcome, check: &str) -> Result<String> {
    let document: Value = serde_json::from_str(&outcome.stdout)?;
    let findings = document["findings"].as_array().cloned().unwrap_or_default();
    let found = findings.iter().find(|finding| finding["check"] == check);
    Ok(found.and_then(|finding| finding["state"].as_str()).unwrap_or("absent").to_owned())
}

fn mode(path: &Path, mode: u32) -> Result<()> {
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?)
}

/// A `docker` that says it is of some version, and comes before the real one.
fn docker(folder: &Path, script: &str) -> Result<String> {
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin)?;
    std::fs::write(bin.join("docker"), format!("#!/bin/sh\n{script}\n"))?;
    mode(&bin.join("docker"), 0o755)?;
    Ok(format!("{}:{}", bin.display(), std::env::var("PATH")?))
}

#[test]
fn what_is_not_in_order_is_found() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = TrustServer::start(folder.path())?;
    let user = TrustCli::new("user", folder.path(), &server)?;
    let person = Person::new(user.trust_dir(), &server)?;
    person.init(GUN, &Init::default())?;
    person.sign(GUN, "v1", "one\n")?;
    let fine = user.ok(&["doctor", "-o", "json", GUN])?;
    for check in ["credentials", "server", "tls", "clock", "folder", "keys", "policy", "collection"] {
        ensure!(state(&fine, check)? == "ok", "{check}: {fine}");
    }
    ensure!(state(&user.ok(&["doctor", "-o", "json"])?, "collection")? == "ok");

    let private = user.trust_dir().join("private");
    mode(&private, 0o755)?;
    let open = user.fails(1, "chmod", &["doctor", "-o", "json", GUN])?;
    ensure!(state(&open, "folder")? == "failed" && state(&open, "keys")? == "ok", "{open}");
    mode(&private, 0o700)?;
    let broken = private.join(format!("{}.key", "ab".repeat(32)));
    std::fs::write(&broken, "no key")?;
    mode(&broken, 0o600)?;
    let outcome = user.fails(1, "cannot be used", &["doctor", "-o", "json"])?;
    ensure!(state(&outcome, "keys")? == "failed");
    std::fs::remove_file(&broken)?;

    let policy = user.file("policy.json", "{}")?;
    let outcome = user.fails(1, "policy", &["doctor", "--policy", policy, "-o", "json"])?;
    ensure!(state(&outcome, "policy")? == "failed");
    let outcome = user.fails(1, "no root key is pinned", &["doctor", "registry.example/none", "-o", "json"])?;
    ensure!(state(&outcome, "collection")? == "failed" && state(&outcome, "server")? == "ok");

    for (script, expected) in [
        ("echo 29.0.1", "failed"),
        ("echo 28.2.2", "ok"),
        ("exit 1", "warning"),
        // One that never answers is not waited for.
        ("exec sleep 60", "warning"),
    ] {
        let mut command = user.command()?;
        command.env("PATH", docker(folder.path(), script)?).env("DOCKER_CONTENT_TRUST", "1");
        let outcome = run(command.args(["doctor", "-o", "json"]))?;
        ensure!(state(&outcome, "docker")? == expected, "{outcome}");
        ensure!(outcome.code == i32::from(expected == "failed"), "{outcome}");
    }

    server.stop(Stop::Kill)?;
    let outcome = user.fails(1, "cannot reach", &["doctor", "-o", "json", GUN])?;
    ensure!(state(&outcome, "server")? == "failed" && state(&outcome, "keys")? == "ok", "{outcome}");
    Ok(())
}
