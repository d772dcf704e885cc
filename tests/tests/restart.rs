//! A server that ends and comes back is the same server: files, keys and readers' caches go on.

use anyhow::{Result, ensure};
use stories::peers::notary::NotaryCli;
use stories::process::Stop;
use stories::trust_server::TrustServer;
use stories::wire::Wire;

const GUN: &str = "example.com/team/restarted";

fn survives(stop: Stop) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut server = TrustServer::start_durable(folder.path())?;
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    alice.file("file", "content\n")?;
    alice.ok(&["init", GUN])?;
    alice.ok(&["key", "rotate", GUN, "snapshot", "-r"])?;
    alice.ok(&["add", GUN, "v1", "file", "-p"])?;
    let bob = NotaryCli::new("bob", folder.path(), &server)?;
    let before = bob.list(GUN)?;
    let keys_before = online_keys(&server)?;

    server.stop(stop)?;
    server.resume()?;

    ensure!(bob.list(GUN)? == before, "an old reader sees something else");
    ensure!(NotaryCli::new("carol", folder.path(), &server)?.list(GUN)? == before, "a new reader sees something else");
    ensure!(online_keys(&server)? == keys_before, "the server's keys are others");
    // The publish needs both online keys, and the snapshot is the server's.
    alice.ok(&["add", GUN, "v2", "file", "-p"])?;
    ensure!(bob.list(GUN)?.len() == 2);
    Ok(())
}

/// The answers to `timestamp.key` and `snapshot.key`.
fn online_keys(server: &TrustServer) -> Result<Vec<Option<Vec<u8>>>> {
    let wire = Wire::new(server)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let mut keys = Vec::new();
        for role in ["timestamp.key", "snapshot.key"] {
            keys.push(wire.file(GUN, role).await?);
        }
        Ok(keys)
    })
}

#[test]
fn everything_survives_an_orderly_restart() -> Result<()> {
    survives(Stop::Terminate)
}

#[test]
fn everything_survives_a_kill() -> Result<()> {
    survives(Stop::Kill)
}
