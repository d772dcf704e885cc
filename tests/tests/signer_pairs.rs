//! Server and signer in every pairing of ours and Notary's: a publisher makes, rotates and publishes, a reader follows.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;
use stories::peers::database::{Database, Engine};
use stories::peers::notary::NotaryCli;
use stories::peers::postgres::Postgres;
use stories::peers::signer::{Signer, SignerKind};
use stories::peers::{go_server, go_signer, our_server};
use stories::process::Stop;
use stories::trust_server::TrustServer;

const GUN: &str = "example.com/team/paired";

/// Publishes with the server's timestamp key and then with its snapshot key, rotates both, and reads as two users.
fn publish_rotate_and_read(folder: &Path, server: &TrustServer) -> Result<()> {
    let alice = NotaryCli::new("alice", folder, server)?;
    alice.file("file", "content\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["add", GUN, "v1", "file", "-p"])?;
    let bob = NotaryCli::new("bob", folder, server)?;
    ensure!(bob.list(GUN)?.len() == 1);
    for rotation in [["snapshot", "-r"], ["timestamp", "-r"], ["snapshot", "-r"]] {
        let args = [&["key", "rotate", GUN], &rotation[..]].concat();
        alice.run_with_input(&args, "yes\n")?.success()?.says("Successfully rotated")?;
        ensure!(bob.list(GUN)?.len() == 1, "after {rotation:?}");
    }
    alice.ok(&["add", GUN, "v2", "file", "-p"])?;
    ensure!(bob.list(GUN)?.len() == 2);
    ensure!(NotaryCli::new("carol", folder, server)?.list(GUN)? == bob.list(GUN)?, "a new reader");
    Ok(())
}

/// A PostgreSQL that is started when a signer of Notary's needs it.
fn durable(kind: SignerKind, folder: &Path, postgres: &mut Option<Postgres>) -> Result<Signer> {
    Signer::start_durable(kind, folder, || {
        let started = Postgres::start(folder)?;
        let url = go_signer::database(&started)?;
        *postgres = Some(started);
        Ok(url)
    })
}

#[test]
fn our_server_publishes_with_notarys_signer() -> Result<()> {
    let (folder, mut postgres) = (tempfile::tempdir()?, None);
    let signer = durable(SignerKind::Go, folder.path(), &mut postgres)?;
    publish_rotate_and_read(folder.path(), &our_server::with_signer(folder.path(), &signer, &[])?)
}

#[test]
fn our_server_publishes_with_notarys_signer_in_memory() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let signer = Signer::start(SignerKind::Go, folder.path(), &json!({ "backend": "memory" }))?;
    publish_rotate_and_read(folder.path(), &our_server::with_signer(folder.path(), &signer, &[])?)
}

#[test]
fn notarys_server_publishes_with_our_signer() -> Result<()> {
    let (folder, mut postgres) = (tempfile::tempdir()?, None);
    let signer = durable(SignerKind::Ours, folder.path(), &mut postgres)?;
    publish_rotate_and_read(folder.path(), &go_server::with_signer(folder.path(), &signer)?)
}

#[test]
fn our_server_publishes_with_our_signer() -> Result<()> {
    let (folder, mut postgres) = (tempfile::tempdir()?, None);
    let signer = durable(SignerKind::Ours, folder.path(), &mut postgres)?;
    publish_rotate_and_read(folder.path(), &our_server::with_signer(folder.path(), &signer, &[])?)
}

/// Both are killed, one after the other; keys and collections are as they were.
fn survives_restarts(kind: SignerKind) -> Result<()> {
    let (folder, mut postgres) = (tempfile::tempdir()?, None);
    let mut signer = durable(kind, folder.path(), &mut postgres)?;
    let mut server = our_server::with_signer(folder.path(), &signer, &[])?;
    publish_rotate_and_read(folder.path(), &server)?;
    server.stop(Stop::Kill)?;
    signer.stop(Stop::Kill)?;
    signer.resume()?;
    server.resume()?;
    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    ensure!(bob.list(GUN)?.len() == 2);
    // Needs both of the server's keys.
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    alice.ok(&["add", GUN, "v3", "file", "-p"])?;
    ensure!(bob.list(GUN)?.len() == 3);
    Ok(())
}

#[test]
fn keys_at_our_signer_survive_kills_of_both() -> Result<()> {
    survives_restarts(SignerKind::Ours)
}

#[test]
fn keys_at_notarys_signer_survive_kills_of_both() -> Result<()> {
    survives_restarts(SignerKind::Go)
}

/// One database of keys, opened in turn by Notary's signer and ours.
fn keys_pass_from_one_signer_to_the_other(engine: Engine) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let database = Database::start(engine, folder.path())?;
    database.create_for_signer("signer")?;
    let mut storage = database.storage("signer");
    storage["default_alias"] = json!("one");
    let mut tags = 2;
    for kind in [SignerKind::Go, SignerKind::Ours, SignerKind::Go, SignerKind::Ours] {
        let signer = Signer::start(kind, folder.path(), &storage)?;
        let server = our_server::with_signer(folder.path(), &signer, &[])?;
        if tags == 2 {
            publish_rotate_and_read(folder.path(), &server)?;
        }
        let alice = NotaryCli::new("alice", folder.path(), &server)?;
        alice.ok(&["add", GUN, &format!("by-{tags}"), "file", "-p"])?;
        // New keys in turn, so that each signer also opens what the other made.
        alice.run_with_input(&["key", "rotate", GUN, "snapshot", "-r"], "yes\n")?.success()?;
        tags += 1;
        ensure!(NotaryCli::new("bob", folder.path(), &server)?.list(GUN)?.len() == tags, "with {kind:?}");
    }
    Ok(())
}

#[test]
fn keys_in_postgresql_pass_from_notarys_signer_to_ours_and_back() -> Result<()> {
    keys_pass_from_one_signer_to_the_other(Engine::Postgres)
}

#[test]
fn keys_in_mariadb_pass_from_notarys_signer_to_ours_and_back() -> Result<()> {
    keys_pass_from_one_signer_to_the_other(Engine::MariaDb)
}
