//! A Docker engine of one story. It holds, pushes and pulls images; it never runs a container.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use crate::process::{Process, Stop, peer};

/// A running engine.
pub struct Dockerd {
    _process: Process,
    socket: PathBuf,
}

impl Dockerd {
    /// Starts an engine with all its state in `FOLDER/dockerd`; needs root.
    pub fn start(folder: &Path) -> Result<Self> {
        let own = folder.join("dockerd");
        std::fs::create_dir(&own)?;
        let socket = own.join("docker.sock");
        // Terminated, not killed, so that it ends its containerd.
        let mut command = peer("dockerd", Stop::Terminate);
        command.arg("--data-root").arg(own.join("data")).arg("--exec-root").arg(own.join("exec"));
        command.arg("--pidfile").arg(own.join("pid")).arg("-H").arg(format!("unix://{}", socket.display()));
        command.args(["--storage-driver", "vfs", "--bridge", "none", "--iptables=false", "--ip6tables=false"]);
        let mut process = Process::start("dockerd", folder, Stop::Terminate, &mut command)?;
        process.wait_until(Duration::from_secs(60), || UnixStream::connect(&socket).is_ok())?;
        Ok(Self { _process: process, socket })
    }

    /// The engine's address for `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}
