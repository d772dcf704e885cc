//! The README's two commands: `notary-server` on a fresh machine, and the three lines it prints pasted into a shell.

use anyhow::{Context, Result, ensure};
use stories::command::{clean, run};
use stories::peers::our_server;
use stories::trust_server::Kind;

/// Runs in a network namespace of its own, so that the default port is free whatever else this machine does.
/// `$1` is the server; the working directory is an empty home.
const SCRIPT: &str = r#"
set -eu
busybox ip link set lo up
"$1" >printed 2>log & pid=$!
trap 'kill $pid' EXIT
for _ in $(seq 200); do
  if [ "$(grep -c -e DOCKER_CONTENT_TRUST -e tls/ca.crt printed || true)" -ge 3 ] && curl -ks https://127.0.0.1:4443/v2/ >answer; then break; fi
  sleep 0.05
done
grep -e DOCKER_CONTENT_TRUST -e tls/ca.crt printed >three-lines || true
. ./three-lines
echo "trust=$DOCKER_CONTENT_TRUST server=$DOCKER_CONTENT_TRUST_SERVER"
echo "answer=$(curl -fsS --cacert "$HOME/.docker/tls/127.0.0.1:4443/ca.crt" "$DOCKER_CONTENT_TRUST_SERVER/v2/")"
notary -s "$DOCKER_CONTENT_TRUST_SERVER" --tlscacert "$HOME/.docker/tls/127.0.0.1:4443/ca.crt" list example.com/none || true
"#;

#[test]
fn a_server_without_arguments_prints_three_lines_that_work() -> Result<()> {
    if Kind::under_test()? != Kind::Ours {
        eprintln!("left out: the Go server needs a configuration");
        return Ok(());
    }
    let home = tempfile::tempdir()?;
    let mut command = clean("unshare");
    command.current_dir(home.path()).env("HOME", home.path());
    command.args(["--net", "sh", "-c", SCRIPT, "sh"]).arg(our_server::binary()?);
    let outcome = run(&mut command)?;
    let read = |name| std::fs::read_to_string(home.path().join(name)).unwrap_or_default();
    eprintln!("printed:\n{}log:\n{}", read("printed"), read("log"));
    let outcome = outcome.success().context("the three lines, pasted, give a trust server that answers")?;
    let lines = read("three-lines");
    ensure!(lines.lines().count() == 3, "three lines to paste, not:\n{lines}");
    outcome
        .says("trust=1 server=https://127.0.0.1:4443")?
        .says("answer={}")?
        .says("127.0.0.1:4443 does not have trust data for example.com/none")?;
    Ok(())
}
