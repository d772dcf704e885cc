//! The repository's `docker-compose.yml`, played in a copy of the files it uses.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::base_image;
use super::dockerd::Dockerd;
use crate::command::{clean, run};
use crate::ports;

/// A checkout as an operator has it, and the engine it is brought up on. Dropping it takes everything down.
pub struct Compose<'a> {
    engine: &'a Dockerd,
    checkout: PathBuf,
    port: u16,
}

impl<'a> Compose<'a> {
    /// Copies the files into `FOLDER/checkout` and makes the images that would come from registries.
    pub fn new(engine: &'a Dockerd, folder: &Path) -> Result<Self> {
        base_image::compiler(engine, folder)?;
        base_image::database(engine, folder)?;
        let checkout = checkout(folder)?;
        Ok(Self { engine, checkout, port: ports::free()? })
    }

    /// Where the trust server is to be reached.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A program run in the checkout, with the engine, the port and the images in its environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = clean(program);
        command.current_dir(&self.checkout).env("DOCKER_HOST", self.engine.host()).env("DOCKER_BUILDKIT", "0");
        command.env("NOTARY_PORT", self.port.to_string()).env("COMPOSE_PROJECT_NAME", "notary");
        command.env("NOTARY_COMPILER", "notary-compiler").env("NOTARY_DATABASE", "postgres-like");
        command.env("COMPOSE_HTTP_TIMEOUT", "110");
        command
    }
}

impl Drop for Compose<'_> {
    fn drop(&mut self) {
        let _ = run(self.command("docker-compose").args(["logs", "--no-color", "--tail", "40"]));
        let _ = run(self.command("docker-compose").args(["down", "--volumes", "--timeout", "5"]));
    }
}

/// Copies what the deployment's files use into `FOLDER/checkout`.
pub(crate) fn checkout(folder: &Path) -> Result<PathBuf> {
    let (repository, checkout) = (Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), folder.join("checkout"));
    std::fs::create_dir_all(checkout.join("fixtures"))?;
    let mut copy = clean("cp");
    copy.arg("-r").args(["docker-compose.yml", "docker-compose.swarm.yml", "deploy"].map(|name| repository.join(name)));
    run(copy.arg(&checkout))?.success()?;
    Ok(checkout)
}
