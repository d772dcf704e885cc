//! A signer beside a trust server, ours or Notary's: the same configuration, the same certificates.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{go_signer, our_signer};
use crate::ports;
use crate::process::{Process, Stop};
use crate::tls::Authority;

/// Whose signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerKind {
    /// Our `notary-signer`.
    Ours,
    /// Debian's Go signer.
    Go,
}

type Launch = Box<dyn Fn() -> Result<Process> + Send + Sync>;

/// A running signer with its own authority, in a folder of its own. It can be ended and started again.
pub struct Signer {
    process: Option<Process>,
    launch: Launch,
    port: u16,
    folder: PathBuf,
}

impl Signer {
    /// Starts a signer that keeps its keys as `storage` says, in `FOLDER/signer`. Several in one folder have the same
    /// certificates.
    pub fn start(kind: SignerKind, folder: &Path, storage: &Value) -> Result<Self> {
        let port = ports::free()?;
        let own = folder.join("signer");
        if !own.exists() {
            std::fs::create_dir(&own)?;
            let authority = Authority::new(&own)?;
            authority.issue("signer")?;
            authority.issue("client")?;
        }
        let config = json!({
            "server": {
                "grpc_addr": format!("127.0.0.1:{port}"),
                "tls_cert_file": "signer.crt",
                "tls_key_file": "signer.key",
                "client_ca_file": "ca.crt",
            },
            "storage": storage,
            "logging": { "level": "error" },
        });
        let file = config_file(&own, port);
        std::fs::write(&file, config.to_string())?;
        let log = folder.to_owned();
        let launch: Launch = match kind {
            SignerKind::Ours => Box::new(move || our_signer::launch(&log, &file, port)),
            SignerKind::Go => Box::new(move || go_signer::launch(&log, &file, port)),
        };
        Ok(Self { process: Some(launch()?), launch, port, folder: own })
    }

    /// Starts a signer whose keys survive it: Notary's in the database `url`, ours in a file.
    pub fn start_durable(kind: SignerKind, folder: &Path, url: impl FnOnce() -> Result<String>) -> Result<Self> {
        let storage = match kind {
            SignerKind::Ours => json!({ "backend": "sqlite3", "db_url": "keys.db", "default_alias": "one" }),
            SignerKind::Go => json!({ "backend": "postgres", "db_url": url()?, "default_alias": "one" }),
        };
        Self::start(kind, folder, &storage)
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        config_file(&self.folder, self.port)
    }

    /// Host and port.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The server's `trust_service` section for it.
    pub fn trust_service(&self) -> Value {
        let path = |name: &str| self.folder.join(name);
        json!({
            "type": "remote",
            "hostname": "127.0.0.1",
            "port": self.port.to_string(),
            "key_algorithm": "ecdsa",
            "tls_ca_file": path("ca.crt"),
            "tls_client_cert": path("client.crt"),
            "tls_client_key": path("client.key"),
        })
    }

    /// The process id.
    pub fn id(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("the signer is not running")?.id())
    }

    /// Ends it.
    pub fn stop(&mut self, stop: Stop) -> Result<()> {
        self.process.as_mut().context("the signer is not running")?.end(stop)?;
        self.process = None;
        Ok(())
    }

    /// Starts it again after [`Signer::stop`], on the same port, and waits until it listens.
    pub fn resume(&mut self) -> Result<()> {
        self.process = Some((self.launch)()?);
        Ok(())
    }
}

fn config_file(folder: &Path, port: u16) -> PathBuf {
    folder.join(format!("signer-{port}.json"))
}

/// What seals the keys of every signer here: long as a random one, so that opening a key is quick.
pub(super) const PASSPHRASE: (&str, &str) = ("NOTARY_SIGNER_ONE", "signer-passphrase-of-the-length-of-32-random-bytes");
