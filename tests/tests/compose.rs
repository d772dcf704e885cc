//! `docker-compose up -d` and the walk-through that every user of Notary knows, word for word.

use anyhow::{Context, Result, ensure};
use stories::command::{Outcome, run};
use stories::peers::compose::Compose;
use stories::peers::dockerd::Dockerd;
use stories::peers::registry::Registry;
use stories::trust_server::Kind;

/// In an empty home, in the checkout. `$1` is a repository in a registry; the port stands for 4443.
const WALK_THROUGH: &str = r#"
set -eux
docker-compose up -d
mkdir -p ~/.docker/tls/127.0.0.1:$NOTARY_PORT/
cp ./fixtures/notary-server.crt ~/.docker/tls/127.0.0.1:$NOTARY_PORT/ca.crt
for _ in $(seq 300); do
  if curl -fs --cacert ./fixtures/notary-server.crt "https://127.0.0.1:$NOTARY_PORT/_notary_server/health"; then break; fi
  sleep 0.1
done

export DOCKER_CONTENT_TRUST_SERVER=https://127.0.0.1:$NOTARY_PORT
docker tag debian:12-slim "$1:unsigned"
docker push "$1:unsigned"
export DOCKER_CONTENT_TRUST=1
docker tag debian:12-slim "$1:v1"
docker push "$1:v1"
docker pull "$1:v1"
if docker pull "$1:unsigned"; then exit 3; fi
"#;

const AGAIN: &str = r#"
set -eux
docker-compose up -d
for _ in $(seq 300); do
  if curl -fs --cacert ./fixtures/notary-server.crt "https://127.0.0.1:$NOTARY_PORT/_notary_server/health"; then break; fi
  sleep 0.1
done
export DOCKER_CONTENT_TRUST=1 DOCKER_CONTENT_TRUST_SERVER=https://127.0.0.1:$NOTARY_PORT
docker pull "$1:v1"
docker tag debian:12-slim "$1:v2"
docker push "$1:v2"
"#;

#[test]
fn the_walk_through_works_and_survives_down_and_up() -> Result<()> {
    if Kind::under_test()? != Kind::Ours {
        eprintln!("left out: the compose file is ours");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let engine = Dockerd::start_for_containers(folder.path())?;
    let registry = Registry::start(folder.path())?;
    let compose = Compose::new(&engine, folder.path())?;
    let repository = registry.repository("team/app");
    let play = |script: &str| -> Result<Outcome> {
        let mut command = compose.command("sh");
        command.env("HOME", folder.path()).args(["-c", script, "sh", &repository]);
        command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase-root");
        command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-repository");
        run(&mut command)
    };
    play("docker-compose build")?.success()?;
    play(WALK_THROUGH)?
        .success()?
        .says(&format!("Successfully signed {repository}:v1"))?
        .says("Pull (1 of 1)")?
        .says("No valid trust data for unsigned")?;
    hardened(&compose)?;

    play("docker-compose down")?.success()?;
    play(AGAIN)?.success()?.says("Pull (1 of 1)")?.says(&format!("Successfully signed {repository}:v2"))?;
    Ok(())
}

/// No container may write outside its volumes, gain a privilege, or see another one's secrets.
fn hardened(compose: &Compose<'_>) -> Result<()> {
    let listed = run(compose.command("docker").args(["ps", "-q"]))?.success()?.stdout;
    let ids: Vec<&str> = listed.split_whitespace().collect();
    ensure!(ids.len() == 3, "database, signer and server run: {ids:?}");
    let printed = run(compose.command("docker").arg("inspect").args(&ids))?.success()?.stdout;
    let containers: serde_json::Value = serde_json::from_str(&printed)?;
    for container in containers.as_array().context("containers")? {
        let (name, host) = (&container["Name"], &container["HostConfig"]);
        ensure!(host["ReadonlyRootfs"] == true, "{name} may write");
        ensure!(host["CapDrop"] == serde_json::json!(["ALL"]) && host["CapAdd"].is_null(), "{name} has capabilities");
        ensure!(host["SecurityOpt"][0] == "no-new-privileges:true", "{name} may gain privileges");
        ensure!(
            !["", "0", "root"].contains(&container["Config"]["User"].as_str().unwrap_or_default()),
            "{name} is root"
        );
        let secrets = container["Mounts"].as_array().context("mounts")?.iter();
        ensure!(secrets.filter(|mount| mount["Destination"] == "/run/secrets").count() == 1, "{name}");
    }
    Ok(())
}
