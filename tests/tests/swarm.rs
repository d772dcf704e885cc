//! The stack on Docker Swarm, its secrets from Swarm's own store, and a trusted push and pull through it.

use anyhow::Result;
use stories::command::{Outcome, run};
use stories::peers::dockerd::Dockerd;
use stories::peers::registry::Registry;
use stories::peers::swarm::Swarm;
use stories::trust_server::Kind;

/// As `docker-compose.swarm.yml` says. `$1` is the folder for secrets.
const DEPLOY: &str = r#"
set -eux
docker node update --label-add notary.database=yes "$(docker node ls -q)"
mkdir -m 700 "$1"
docker run --rm --network none -u "$(id -u)" --cap-drop ALL -v "$1:/secrets" notary-server provision --out /secrets
deploy/swarm/create-secrets "$1" 1
docker stack deploy -c docker-compose.swarm.yml notary
"#;

/// `$1` is the folder with the authority; ends once the server says it is healthy.
const HEALTHY: &str = r#"
set -eu
for _ in $(seq 500); do
  if curl -fs --cacert "$1/ca/ca.crt" "https://127.0.0.1:$NOTARY_PORT/_notary_server/health"; then exit 0; fi
  sleep 0.2
done
docker stack ps --no-trunc notary
exit 1
"#;

/// `$1` is the folder with the authority, `$2` an image in a registry.
const PUSH_AND_PULL: &str = r#"
set -eux
mkdir -p ~/.docker/tls/127.0.0.1:$NOTARY_PORT/
cp "$1/ca/ca.crt" ~/.docker/tls/127.0.0.1:$NOTARY_PORT/ca.crt
export DOCKER_CONTENT_TRUST=1 DOCKER_CONTENT_TRUST_SERVER=https://127.0.0.1:$NOTARY_PORT
docker tag debian:12-slim "$2"
docker push "$2"
docker pull "$2"
"#;

#[test]
fn a_stack_with_docker_secrets_signs_and_heals() -> Result<()> {
    if Kind::under_test()? != Kind::Ours {
        eprintln!("left out: the stack file is ours");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let engine = Dockerd::start_for_containers(folder.path())?;
    let registry = Registry::start(folder.path())?;
    let swarm = Swarm::new(&engine, folder.path())?;
    let secrets = swarm.secrets().to_string_lossy().into_owned();
    let play = |script: &str, image: &str| -> Result<Outcome> {
        let mut command = swarm.command("sh");
        command.env("HOME", folder.path()).args(["-c", script, "sh", &secrets, image]);
        command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase-root");
        command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-repository");
        run(&mut command)
    };
    play(DEPLOY, "")?.success()?;
    play(HEALTHY, "")?.success()?;
    let (v1, v2) = (registry.repository("team/app:v1"), registry.repository("team/app:v2"));
    play(PUSH_AND_PULL, &v1)?.success()?.says(&format!("Successfully signed {v1}"))?.says("Pull (1 of 1)")?;

    // A signer that dies is replaced, and the new one holds the same keys.
    play("docker rm -f $(docker ps -q --filter label=com.docker.swarm.service.name=notary_signer)", "")?.success()?;
    play(HEALTHY, "")?.success()?;
    play(PUSH_AND_PULL, &v2)?.success()?.says(&format!("Successfully signed {v2}"))?;
    Ok(())
}
