//! A Docker engine of one story. It holds, pushes and pulls images; where a story asks for it, it runs containers.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::command::clean;
use crate::ports;
use crate::process::{Process, Stop, peer};

/// A running engine.
pub struct Dockerd {
    process: Option<Process>,
    socket: PathBuf,
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        self.process = None;
        free_networks();
    }
}

/// Lets go of the network spaces of engines that are no more. Ended in the middle of something, an engine leaves them mounted,
/// and their overlay networks keep later engines from making the same ones.
fn free_networks() {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    for place in mounts.lines().filter_map(|line| line.split(' ').nth(1)) {
        let Some((folder, _)) = place.split_once("/exec/netns/").filter(|(own, _)| own.ends_with("/dockerd")) else {
            continue;
        };
        if UnixStream::connect(Path::new(folder).join("docker.sock")).is_err() {
            // Whoever has it still keeps it; that is no reason to fail.
            let _ = clean("umount").arg("-l").arg(place).status();
        }
    }
}

impl Dockerd {
    /// Starts an engine for images, with all its state in `FOLDER/dockerd`; needs root.
    pub fn start(folder: &Path) -> Result<Self> {
        Self::launch(folder, &["--storage-driver", "vfs"])
    }

    /// Starts an engine that also runs containers, on networks of their own. It leaves the machine's packet filter
    /// alone: published ports are served by the engine's own proxy.
    pub fn start_for_containers(folder: &Path) -> Result<Self> {
        // Several engines on one machine must not give out the same addresses.
        let pool = format!("base=10.{}.0.0/16,size=24", 100 + ports::free()? % 100);
        Self::launch(folder, &["--storage-driver", "overlay2", "--default-address-pool", &pool])
    }

    fn launch(folder: &Path, options: &[&str]) -> Result<Self> {
        free_networks();
        let own = folder.join("dockerd");
        std::fs::create_dir(&own)?;
        let socket = own.join("docker.sock");
        // Terminated, not killed, so that it ends its containerd.
        let mut command = peer("dockerd", Stop::Terminate);
        command.arg("--data-root").arg(own.join("data")).arg("--exec-root").arg(own.join("exec"));
        command.arg("--pidfile").arg(own.join("pid")).arg("-H").arg(format!("unix://{}", socket.display()));
        command.args(options).args(["--bridge", "none", "--iptables=false", "--ip6tables=false"]);
        let mut process = Process::start("dockerd", folder, Stop::Terminate, &mut command)?;
        process.wait_until(Duration::from_secs(60), || UnixStream::connect(&socket).is_ok())?;
        Ok(Self { process: Some(process), socket })
    }

    /// A command of Debian's client for this engine, without content trust.
    pub fn docker(&self) -> Command {
        let mut command = clean(super::docker::DEBIAN);
        command.env("DOCKER_HOST", self.host()).env("DOCKER_BUILDKIT", "0");
        command
    }

    /// The engine's address for `DOCKER_HOST`.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }
}
