//! The repository's `docker-compose.swarm.yml` on a Swarm of one node.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::compose::Compose;
use super::dockerd::Dockerd;
use crate::command::run;

/// A Swarm with the images, ready for `docker stack deploy`. Dropping it leaves the Swarm, which ends its containers.
pub struct Swarm<'a> {
    compose: Compose<'a>,
    secrets: PathBuf,
}

impl<'a> Swarm<'a> {
    /// Makes the engine a Swarm and builds the images with the compose file.
    pub fn new(engine: &'a Dockerd, folder: &Path) -> Result<Self> {
        let swarm = Self { compose: Compose::new(engine, folder)?, secrets: folder.join("checkout/secrets") };
        run(swarm.command("docker-compose").arg("build"))?.success()?;
        run(swarm.command("docker").args(["swarm", "init", "--advertise-addr", "127.0.0.1"]))?.success()?;
        Ok(swarm)
    }

    /// Where the trust server is to be reached.
    pub fn port(&self) -> u16 {
        self.compose.port()
    }

    /// Where `notary-server provision` puts certificates and secrets.
    pub fn secrets(&self) -> &Path {
        &self.secrets
    }

    /// A program run in the checkout, with what the stack file asks for in its environment. One replica, because two
    /// cannot publish one port of one machine without the packet filter.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.compose.command(program);
        command.env("NOTARY_REPLICAS", "1").env("NOTARY_PUBLISH", "host");
        command
    }
}

impl Drop for Swarm<'_> {
    fn drop(&mut self) {
        for service in ["server", "signer", "database"] {
            let _ = run(self.command("docker").args(["service", "logs", "--tail", "30", &format!("notary_{service}")]));
        }
        let _ = run(self.command("docker").args(["swarm", "leave", "--force"]));
    }
}
