//! A trust server, ours or Go's: how it is started, and the one that runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::GO_SERVER;
use crate::client::{Connection, Site};
use crate::process::{Process, free_port};
use crate::tls::{self, Certificate};

/// How long a server may take to answer first.
const START: Duration = Duration::from_secs(30);

/// What the configurations of servers differ in.
pub struct Sections {
    pub trust_service: Value,
    pub storage: Value,
}

/// Keys in the server's own memory.
fn local() -> Value {
    json!({ "type": "local" })
}

/// How to start a server.
pub struct Recipe {
    name: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    port: u16,
    authority: PathBuf,
    log: PathBuf,
}

impl Recipe {
    /// Our embedded default: SQLite, its own authority, keys kept in the data folder.
    pub fn embedded(program: &Path, scratch: &Path) -> Result<Self> {
        let port = free_port()?;
        let data = scratch.join("ours");
        let folder = data.to_str().context("the scratch folder's name is not UTF-8")?;
        let arguments = ["--data-dir", folder, "--listen", &format!("127.0.0.1:{port}")].map(str::to_owned).to_vec();
        let (authority, log) = (data.join("tls/ca.crt"), scratch.join("ours.log"));
        Ok(Self { name: "our server", program: program.to_owned(), arguments, port, authority, log })
    }

    /// Our server in memory, from a configuration file as Notary's.
    pub fn ours_in_memory(program: &Path, scratch: &Path, certificate: &Certificate) -> Result<Self> {
        let sections = Sections { trust_service: local(), storage: json!({ "backend": "memory" }) };
        Self::configured("our server in memory", program, "ours-memory", sections, scratch, certificate)
    }

    /// The Go server with its data in PostgreSQL and its keys in its own memory: its fastest form.
    pub fn go_on_postgres(db_url: &str, scratch: &Path, certificate: &Certificate) -> Result<Self> {
        let storage = json!({ "backend": "postgres", "db_url": db_url });
        let sections = Sections { trust_service: local(), storage };
        Self::configured("the Go server", Path::new(GO_SERVER), "go", sections, scratch, certificate)
    }

    /// The Go server in memory.
    pub fn go_in_memory(scratch: &Path, certificate: &Certificate) -> Result<Self> {
        let sections = Sections { trust_service: local(), storage: json!({ "backend": "memory" }) };
        Self::configured("the Go server in memory", Path::new(GO_SERVER), "go-memory", sections, scratch, certificate)
    }

    /// With a configuration file in `SCRATCH/FOLDER`.
    pub fn configured(
        name: &'static str,
        program: &Path,
        folder: &str,
        sections: Sections,
        scratch: &Path,
        certificate: &Certificate,
    ) -> Result<Self> {
        let port = free_port()?;
        // A folder each: the Go server takes any file there with the same stem for its configuration.
        let home = scratch.join(folder);
        std::fs::create_dir(&home)?;
        let config = home.join("server.json");
        let text = json!({
            "server": {
                "http_addr": format!("127.0.0.1:{port}"),
                "tls_cert_file": certificate.certificate,
                "tls_key_file": certificate.key,
            },
            "trust_service": sections.trust_service,
            "storage": sections.storage,
            "logging": { "level": "error" },
        });
        std::fs::write(&config, serde_json::to_vec_pretty(&text)?)?;
        let arguments = vec!["-config".to_owned(), config.to_string_lossy().into_owned()];
        let (authority, log) = (certificate.certificate.clone(), home.join("log"));
        Ok(Self { name, program: program.to_owned(), arguments, port, authority, log })
    }

    /// Starts it and asks for `path` until it is answered. Returns the server and the time that took.
    async fn start(&self, path: &str) -> Result<(Server, Duration)> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        let begun = Instant::now();
        let mut process = Process::start(self.name, command, &self.log)?;
        loop {
            let failure = match self.first_answer(path).await {
                Ok(site) => return Ok((Server { process, site }, begun.elapsed())),
                Err(failure) => failure,
            };
            process.check()?;
            if begun.elapsed() > START {
                bail!("{} does not answer {path} after {START:?}: {failure:#}", self.name);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn first_answer(&self, path: &str) -> Result<Site> {
        let site = Site { port: self.port, tls: tls::client(&self.authority)? };
        Connection::open(&site).await?.get(path).await?;
        Ok(site)
    }
}

/// A running server.
pub struct Server {
    pub process: Process,
    pub site: Site,
}

/// A server that is started when it is asked for, and again when it has died.
pub struct Slot {
    recipe: Recipe,
    running: Option<Server>,
}

impl Slot {
    pub fn new(recipe: Recipe) -> Self {
        Self { recipe, running: None }
    }

    /// The running server; starts it if there is none.
    pub async fn server(&mut self) -> Result<&mut Server> {
        if self.running.as_mut().is_some_and(|server| !server.process.is_alive()) {
            self.running = None;
        }
        let server = match self.running.take() {
            Some(server) => server,
            None => self.recipe.start("/_notary_server/health").await?.0,
        };
        Ok(self.running.insert(server))
    }

    /// Where it answers; starts it if there is none.
    pub async fn site(&mut self) -> Result<Site> {
        Ok(self.server().await?.site.clone())
    }

    /// The file with the certificate of its authority.
    pub fn authority(&self) -> &Path {
        &self.recipe.authority
    }

    /// Why it ended, if it did.
    pub fn epitaph(&mut self) -> Option<String> {
        let failure = self.running.as_mut()?.process.check().err()?;
        Some(failure.to_string())
    }

    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Stops it, starts it and returns how long the first answer to `path` took.
    pub async fn restart(&mut self, path: &str) -> Result<Duration> {
        self.stop();
        let (server, time) = self.recipe.start(path).await?;
        self.running = Some(server);
        Ok(time)
    }
}
