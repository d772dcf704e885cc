//! `docker-trust inspect` beside the real `docker trust inspect`: on the same collections they print the same, byte for
//! byte, and end alike.

use std::path::Path;

use anyhow::{Result, ensure};
use stories::command::{Outcome, clean, run};
use stories::peers::docker::{DockerClient, NEWER};
use stories::peers::dockerd::Dockerd;
use stories::peers::registry::Registry;
use stories::peers::trust::plugin;
use stories::trust_server::TrustServer;

/// The plugin as Docker 29 runs it, for a user of the real client: the same configuration folder.
fn ours(user: &DockerClient, server: &TrustServer, args: &[&str]) -> Result<Outcome> {
    let config = user.home().join("config");
    let mut command = clean(plugin()?);
    command.current_dir(user.home()).env("HOME", user.home()).env("DOCKER_CONTENT_TRUST_SERVER", server.url());
    command.env("DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND", "docker");
    run(command.arg("--config").arg(config).arg("trust").args(args))
}

#[test]
fn inspections_are_docker_s_byte_for_byte() -> Result<()> {
    if !Path::new(NEWER).exists() {
        eprintln!("left out: there is no newer Docker client at {NEWER}");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let server = TrustServer::start(folder.path())?;
    let registry = Registry::start(folder.path())?;
    let engine = Dockerd::start(folder.path())?;
    let owner = DockerClient::new(NEWER, "owner", folder.path(), &engine, &server)?;
    let reader = DockerClient::new(NEWER, "reader", folder.path(), &engine, &server)?;
    let (app, plain) = (registry.repository("team/app"), registry.repository("team/plain"));
    for name in ["alice", "bob"] {
        owner.docker(&["trust", "key", "generate", name])?.success()?;
        owner.docker(&["trust", "signer", "add", "--key", &format!("{name}.pub"), name, &app])?.success()?;
    }
    for tag in ["v1", "v2", "v10"] {
        let image = format!("{app}:{tag}");
        owner.make_image(&image, tag)?;
        owner.docker(&["trust", "sign", &image])?.success()?;
    }
    let image = format!("{plain}:v1");
    owner.make_image(&image, "plain")?;
    owner.trusted(&["push", &image])?.success()?;
    let (tagged, unsigned, nobody) = (format!("{app}:v2"), format!("{app}:v9"), registry.repository("team/nobody"));

    for images in
        [&[app.as_str()][..], &[&tagged], &[&unsigned], &[&plain], &[&plain, &tagged], &[&nobody], &[&plain, &nobody]]
    {
        for options in [&["inspect"][..], &["inspect", "--pretty"]] {
            let args = [options, images].concat();
            let theirs = reader.docker(&[&["trust"], args.as_slice()].concat())?;
            let outcome = ours(&reader, &server, &args)?;
            ensure!(outcome.stdout == theirs.stdout, "{args:?}:\n{outcome}\n---\n{theirs}");
            ensure!(outcome.code == theirs.code, "{args:?}:\n{outcome}\n---\n{theirs}");
            // Ours says why, too.
            ensure!(
                theirs.stderr.lines().all(|line| outcome.stderr.contains(line)),
                "{args:?}:\n{outcome}\n---\n{theirs}"
            );
        }
    }
    Ok(())
}
