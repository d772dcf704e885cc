//! The trust server a story runs against: ours, or the Go server that the stories are validated with.

use std::any::Any;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::peers::{go_server, our_server};
use crate::process::{Process, Stop};
use crate::tls::Authority;

/// Which server a story runs against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Our `notary-server`, in its embedded mode.
    Ours,
    /// Debian's Go server with memory storage and its own keys; where a story needs durability, with signer and
    /// PostgreSQL.
    Go,
}

impl Kind {
    /// The server named by `STORY_SERVER`: `ours` (also when unset) or `go`.
    pub fn under_test() -> Result<Self> {
        match std::env::var("STORY_SERVER").as_deref() {
            Err(_) | Ok("" | "ours") => Ok(Self::Ours),
            Ok("go") => Ok(Self::Go),
            Ok(other) => bail!("STORY_SERVER is ours or go, not {other:?}"),
        }
    }
}

type Launch = Box<dyn Fn() -> Result<Process> + Send + Sync>;

/// A running trust server. Peers it needs (signer, database) live and end with it.
pub struct TrustServer {
    // Before the companions: fields are dropped in order.
    process: Option<Process>,
    launch: Launch,
    port: u16,
    ca: PathBuf,
    _companions: Vec<Box<dyn Any + Send + Sync>>,
}

impl TrustServer {
    /// Starts the server under test in a folder of its own under `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        match Kind::under_test()? {
            Kind::Ours => our_server::embedded(folder),
            Kind::Go => go_server::in_memory(folder),
        }
    }

    /// As [`TrustServer::start`], with a server whose acknowledged state survives its process.
    pub fn start_durable(folder: &Path) -> Result<Self> {
        match Kind::under_test()? {
            Kind::Ours => our_server::embedded(folder),
            Kind::Go => go_server::with_signer_and_postgres(folder),
        }
    }

    /// Starts the server under test with a configuration file, both as an operator of the Go server would.
    ///
    /// The file is copied into `folder`, beside a new `server.crt` and `server.key`; the listening address is replaced by a
    /// free port through `NOTARY_SERVER_SERVER_HTTP_ADDR`, and nothing else is changed.
    pub fn start_with_config(folder: &Path, config: &Path) -> Result<Self> {
        let authority = Authority::new(folder)?;
        authority.issue("server")?;
        let copy = folder.join("server.json");
        std::fs::copy(config, &copy).with_context(|| config.display().to_string())?;
        match Kind::under_test()? {
            Kind::Ours => our_server::with_config(folder, &copy, authority.certificate()),
            Kind::Go => go_server::with_config(folder, &copy, authority.certificate()),
        }
    }

    /// Wraps a server that `launch` starts and waits for, on `port`, with the certificate of its authority in `ca`.
    pub fn launched(
        port: u16,
        ca: PathBuf,
        companions: Vec<Box<dyn Any + Send + Sync>>,
        launch: impl Fn() -> Result<Process> + Send + Sync + 'static,
    ) -> Result<Self> {
        let process = Some(launch()?);
        Ok(Self { process, launch: Box::new(launch), port, ca, _companions: companions })
    }

    /// A server that is not started or stopped here, on `port`, with the certificate of its authority in `ca`.
    pub fn elsewhere(port: u16, ca: PathBuf) -> Self {
        let launch = || bail!("this server is not started here");
        Self { process: None, launch: Box::new(launch), port, ca, _companions: vec![] }
    }

    /// The server's address as clients name it: `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.host())
    }

    /// Host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate of the authority its own certificate comes from.
    pub fn ca(&self) -> &Path {
        &self.ca
    }

    /// Ends the server, keeping its folder, port and companions.
    pub fn stop(&mut self, stop: Stop) -> Result<()> {
        self.process.as_mut().context("the server is not running")?.end(stop)?;
        self.process = None;
        Ok(())
    }

    /// Starts it again after [`TrustServer::stop`] and waits until it listens.
    pub fn resume(&mut self) -> Result<()> {
        self.process = Some((self.launch)()?);
        Ok(())
    }

    /// What the server printed since it was first started.
    pub fn log(&self) -> String {
        self.process.as_ref().map(Process::log).unwrap_or_default()
    }
}
