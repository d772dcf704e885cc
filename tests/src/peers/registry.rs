//! A real image registry, plain HTTP on loopback.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::token_issuer::TokenIssuer;
use crate::ports;
use crate::process::{Process, Stop, peer};

/// A running registry.
pub struct Registry {
    _process: Process,
    port: u16,
}

impl Registry {
    /// Starts a registry that keeps its images in `FOLDER/registry`.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::launch(folder, "")
    }

    /// As [`Registry::start`], for users with tokens of this issuer.
    pub fn start_with_tokens(folder: &Path, issuer: &TokenIssuer) -> Result<Self> {
        let (realm, name, bundle) = (issuer.realm(), TokenIssuer::NAME, issuer.bundle().display().to_string());
        Self::launch(
            folder,
            &format!(
                "auth: {{token: {{realm: '{realm}', service: 'registry', issuer: '{name}', rootcertbundle: '{bundle}'}}}}\n"
            ),
        )
    }

    fn launch(folder: &Path, auth: &str) -> Result<Self> {
        let port = ports::free()?;
        let config = folder.join("registry.yml");
        let root = folder.join("registry");
        std::fs::write(
            &config,
            format!(
                "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n\
                 http: {{addr: '127.0.0.1:{port}'}}\n{auth}",
                root.display()
            ),
        )?;
        let mut command = peer("docker-registry", Stop::Kill);
        command.arg("serve").arg(config);
        let mut process = Process::start("registry", folder, Stop::Kill, &mut command)?;
        process.wait_until(Duration::from_secs(20), || ports::answers(port))?;
        Ok(Self { _process: process, port })
    }

    /// Host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The full name of a repository in this registry; it is also the repository's GUN.
    pub fn repository(&self, name: &str) -> String {
        format!("127.0.0.1:{}/{name}", self.port)
    }
}
