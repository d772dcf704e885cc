//! The Docker command line: one binary, one configuration folder, one engine, one trust server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::dockerd::Dockerd;
use crate::command::{Outcome, clean, run, run_with_input};
use crate::trust_server::TrustServer;

/// The client of Debian's `docker.io`, version 20.10.
pub const DEBIAN: &str = "/usr/bin/docker";
/// Where a newer client is, on machines that have one.
pub const NEWER: &str = "/usr/local/bin/docker";

/// A user of Docker with a configuration folder of their own.
#[derive(Clone, Debug)]
pub struct DockerClient {
    binary: PathBuf,
    home: PathBuf,
    host: String,
    trust_server: String,
}

impl DockerClient {
    /// A new user whose files are in `FOLDER/NAME` and who trusts the server's authority.
    pub fn new(binary: &str, name: &str, folder: &Path, engine: &Dockerd, server: &TrustServer) -> Result<Self> {
        let home = folder.join(name);
        let tls = home.join("config/tls").join(server.host());
        std::fs::create_dir_all(&tls)?;
        std::fs::copy(server.ca(), tls.join("ca.crt")).context("the trust server's CA")?;
        Ok(Self { binary: binary.into(), home, host: engine.host(), trust_server: server.url() })
    }

    /// The user's own folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Runs `docker ARGS` with content trust off; `docker trust` does not need it on.
    pub fn docker(&self, args: &[&str]) -> Result<Outcome> {
        run(self.command().args(args))
    }

    /// As [`DockerClient::docker`], with something typed into it.
    pub fn docker_with_input(&self, args: &[&str], input: &str) -> Result<Outcome> {
        run_with_input(self.command().args(args), input)
    }

    /// Runs `docker ARGS` with content trust on.
    pub fn trusted(&self, args: &[&str]) -> Result<Outcome> {
        run(self.command().env("DOCKER_CONTENT_TRUST", "1").args(args))
    }

    /// Logs in to a registry.
    pub fn login(&self, registry: &str, user: &str, password: &str) -> Result<Outcome> {
        let mut command = self.command();
        command.args(["login", "--username", user, "--password-stdin", registry]);
        run_with_input(&mut command, password)
    }

    /// Makes an image whose only file holds `content`, under `name`; gives its id.
    pub fn make_image(&self, name: &str, content: &str) -> Result<String> {
        let files = tempfile::tempdir_in(&self.home)?;
        std::fs::write(files.path().join("content"), content)?;
        let archive = self.home.join("image.tar");
        run(clean("tar").arg("-C").arg(files.path()).arg("-cf").arg(&archive).arg("."))?.success()?;
        let archive = archive.to_string_lossy();
        Ok(self.docker(&["import", &archive, name])?.success()?.stdout.trim().to_owned())
    }

    /// Pushes an image without content trust; gives the manifest's digest, `sha256:` and hex.
    pub fn push_unsigned(&self, name: &str) -> Result<String> {
        let pushed = self.docker(&["push", name])?.success()?.stdout;
        digest_in(&pushed).context("no digest in the push's output")
    }

    /// The id of a local image.
    pub fn image_id(&self, name: &str) -> Result<String> {
        let id = self.docker(&["image", "inspect", "--format", "{{.Id}}", name])?.success()?.stdout;
        Ok(id.trim().to_owned())
    }

    fn command(&self) -> Command {
        let mut command = clean(&self.binary);
        command.current_dir(&self.home);
        command.env("HOME", &self.home).env("DOCKER_CONFIG", self.home.join("config")).env("DOCKER_HOST", &self.host);
        command.env("DOCKER_CONTENT_TRUST_SERVER", &self.trust_server);
        command.env("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "passphrase-root");
        command.env("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "passphrase-repository");
        command
    }
}

/// The first `sha256:HEX` in some output.
pub fn digest_in(text: &str) -> Option<String> {
    let digest: String = text.split("sha256:").nth(1)?.chars().take_while(char::is_ascii_hexdigit).collect();
    (digest.len() == 64).then(|| format!("sha256:{digest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_names_its_digest() {
        let hex = "ab".repeat(32);
        assert_eq!(digest_in(&format!("v1: digest: sha256:{hex} size: 528")), Some(format!("sha256:{hex}")));
        assert_eq!(digest_in("sha256:abc size"), None);
    }
}
