//! `docker-trust` as a plugin of the real Docker client. Clients that have `docker trust` built in refuse a plugin of that
//! name, so here its file is called `docker-trustx`; what Docker asks and passes on is the same.

use std::path::Path;

use anyhow::{Result, ensure};
use stories::command::{Outcome, clean, run};
use stories::peers::docker::{DEBIAN, NEWER};
use stories::peers::trust::plugin;

/// Docker with the plugin in its configuration folder. No engine is needed.
struct Client {
    binary: &'static str,
    home: tempfile::TempDir,
}

impl Client {
    fn new(binary: &'static str) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let plugins = home.path().join("config/cli-plugins");
        std::fs::create_dir_all(&plugins)?;
        std::fs::copy(plugin()?, plugins.join("docker-trustx"))?;
        Ok(Self { binary, home })
    }

    fn docker(&self, args: &[&str]) -> Result<Outcome> {
        let mut command = clean(self.binary);
        command.env("HOME", self.home.path()).env("DOCKER_CONFIG", self.home.path().join("config"));
        run(command.args(args))
    }
}

fn clients() -> impl Iterator<Item = &'static str> {
    [DEBIAN, NEWER].into_iter().filter(|binary| Path::new(binary).exists())
}

#[test]
fn docker_lists_it_among_its_commands() -> Result<()> {
    for binary in clients() {
        let client = Client::new(binary)?;
        let help = client.docker(&["--help"])?.success()?.stdout;
        let line = help.lines().find(|line| line.trim_start().starts_with("trustx*")).unwrap_or_default();
        ensure!(line.contains("Manage trust on Docker images"), "{help}");
    }
    Ok(())
}

#[test]
fn help_of_docker_is_its_help() -> Result<()> {
    for binary in clients() {
        let client = Client::new(binary)?;
        for args in
            [&["trustx", "--help"][..], &["help", "trustx"], &["-D", "--log-level", "error", "trustx", "--help"]]
        {
            client.docker(args)?.success()?.says("Usage: docker trust")?;
        }
    }
    Ok(())
}

#[test]
fn exit_codes_are_docker_s() -> Result<()> {
    for binary in clients() {
        let client = Client::new(binary)?;
        for (args, code) in
            [(&["trustx"][..], 0), (&["trustx", "bogus"], 1), (&["trustx", "--bogus"], 125), (&["trustx", "--help"], 0)]
        {
            let outcome = client.docker(args)?;
            ensure!(outcome.code == code, "{args:?} should have ended with {code}: {outcome}");
        }
    }
    Ok(())
}

#[test]
fn a_shell_gets_no_file_names_for_completion() -> Result<()> {
    // Docker 20.10 does not ask plugins.
    if Path::new(NEWER).exists() {
        let client = Client::new(NEWER)?;
        let answer = client.docker(&["__complete", "trustx", ""])?.success()?.stdout;
        ensure!(answer.lines().next_back() == Some(":4"), "{answer}");
    }
    Ok(())
}
