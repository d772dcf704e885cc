//! A publisher with `trust`, on the keys and collections that `docker` made: what it signs and takes back, `docker` sees,
//! and no engine is asked.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use stories::peers::docker::{DEBIAN, DockerClient, NEWER};
use stories::peers::dockerd::Dockerd;
use stories::peers::registry::Registry;
use stories::peers::trust::TrustCli;
use stories::trust_server::TrustServer;

fn signed_and_revoked(binary: &'static str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let registry = Registry::start(folder.path())?;
    let engine = Dockerd::start(folder.path())?;
    let owner = DockerClient::new(binary, "owner", folder.path(), &engine, &server)?;
    let reader = DockerClient::new(binary, "reader", folder.path(), &engine, &server)?;
    let app = registry.repository("team/app");
    owner.docker(&["trust", "key", "generate", "alice"])?.success()?;
    owner.docker(&["trust", "signer", "add", "--key", "alice.pub", "alice", &app])?.success()?;
    let (v1, v2) = (format!("{app}:v1"), format!("{app}:v2"));
    owner.make_image(&v1, "one")?;
    owner.make_image(&v2, "two")?;
    let (first, second) = (owner.push_unsigned(&v1)?, owner.push_unsigned(&v2)?);

    // The owner's folder, with the owner's keys; the owner has seen the collection before.
    owner.docker(&["trust", "inspect", &app])?.success()?;
    let trust = TrustCli::new("ours", folder.path(), &server)?.with_config(&owner.home().join("config"));
    trust.fails(15, "nothing was signed", &["sign", &v1, "--expect-digest", &second])?;
    trust.ok(&["sign", &v1, &v2, "--dry-run"])?.says("would sign")?;
    reader.trusted(&["pull", &v1])?.failure("No valid trust data for v1")?;
    trust.ok(&["sign", &v1, &v2])?.says(&first)?.says(&second)?;

    owner.docker(&["rmi", &v1, &v2])?.success()?;
    reader.trusted(&["pull", &v1])?.success()?.says(&first)?;
    let printed = reader.docker(&["trust", "inspect", &v2])?.success()?.stdout;
    let inspected: serde_json::Value = serde_json::from_str(&printed)?;
    ensure!(inspected[0]["SignedTags"][0]["Signers"] == serde_json::json!(["alice"]), "{printed}");
    let verified = trust.json(&["verify", &v1])?;
    ensure!(verified["images"][0]["digest"] == first.as_str(), "{verified}");
    ensure!(verified["images"][0]["signers"].to_string().contains("alice"), "{verified}");

    // Somebody with access to the registry, not to the keys.
    owner.make_image(&v1, "the evil one")?;
    let moved = owner.push_unsigned(&v1)?;
    trust.fails(15, &moved, &["verify", &v1])?;

    trust.ok(&["revoke", &v1])?.says("targets/releases")?;
    reader.trusted(&["pull", &v1])?.failure("No valid trust data for v1")?;
    trust.fails(10, "v1", &["verify", &v1])?;
    trust.fails(10, "nothing was revoked", &["revoke", &v1])?;

    // And Docker goes on from there.
    let again = owner.docker(&["trust", "sign", &v1])?.success()?;
    ensure!(again.stdout.contains("Successfully signed"), "{again}");
    trust.ok(&["verify", &v1])?.says(&moved)?;
    let image = owner.image_id(&v1).context("the image Docker signed")?;
    ensure!(!image.is_empty());
    Ok(())
}

#[test]
fn docker_20_sees_what_trust_signs() -> Result<()> {
    signed_and_revoked(DEBIAN)
}

#[test]
fn newer_docker_sees_what_trust_signs() -> Result<()> {
    if !Path::new(NEWER).exists() {
        eprintln!("left out: there is no newer Docker client at {NEWER}");
        return Ok(());
    }
    signed_and_revoked(NEWER)
}
