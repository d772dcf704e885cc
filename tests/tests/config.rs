//! Configuration files of the Go server, and the data folder of ours.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use stories::peers::notary::NotaryCli;
use stories::peers::our_server;
use stories::process::{Process, Stop};
use stories::trust_server::{Kind, TrustServer};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/compat/server").join(name)
}

/// Stories about what only our server does.
fn ours() -> Result<bool> {
    let ours = Kind::under_test()? == Kind::Ours;
    if !ours {
        eprintln!("left out: the Go server does not do this");
    }
    Ok(ours)
}

#[test]
fn a_configuration_of_the_go_server_runs_unchanged() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start_with_config(folder.path(), &fixture("memory-local-tls.json"))?;
    let alice = NotaryCli::new("alice", folder.path(), &server)?;
    let gun = "example.com/team/configured";
    alice.file("file", "content\n")?;
    alice.ok(&["init", gun])?;
    alice.ok(&["key", "rotate", gun, "snapshot", "-r"])?;
    alice.ok(&["add", gun, "v1", "file", "-p"])?;
    ensure!(NotaryCli::new("bob", folder.path(), &server)?.list(gun)?.len() == 1);
    Ok(())
}

#[test]
fn a_misspelt_authentication_is_refused_at_start() -> Result<()> {
    if !ours()? {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let Err(error) = TrustServer::start_with_config(folder.path(), &fixture("misspelt-auth.json")) else {
        anyhow::bail!("a server without the authentication its operator asked for is running");
    };
    let error = error.to_string();
    ensure!(error.contains("ended") && error.contains("auth"), "it should end and name the key: {error}");
    Ok(())
}

#[test]
fn a_second_server_on_one_data_folder_is_refused() -> Result<()> {
    if !ours()? {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let data = folder.path().join("data");
    let mut command = our_server::command(folder.path())?;
    command.arg("--data-dir").arg(&data).args(["--listen", "127.0.0.1:0"]);
    let mut second = Process::start("second", folder.path(), Stop::Kill, &mut command)?;
    ensure!(second.wait_for_end(Duration::from_secs(10))? > 0, "the second server should fail");
    ensure!(second.log().contains(&*data.to_string_lossy()), "the refusal should name the folder: {}", second.log());
    NotaryCli::new("alice", folder.path(), &server)?
        .run(&["list", "example.com/x"])?
        .failure("does not have trust data")?;
    Ok(())
}

#[test]
fn private_files_of_the_data_folder_are_for_their_owner_alone() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    if !ours()? {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let _server = TrustServer::start(folder.path())?;
    let mut folders = vec![folder.path().join("data")];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next)? {
            let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            if metadata.is_dir() {
                folders.push(path);
                continue;
            }
            let secret = std::fs::read(&path)?.windows(11).any(|bytes| bytes == b"PRIVATE KEY");
            let mode = metadata.permissions().mode() & 0o777;
            ensure!(!secret || mode == 0o600, "{} holds a private key with mode {mode:o}", path.display());
        }
    }
    Ok(())
}
