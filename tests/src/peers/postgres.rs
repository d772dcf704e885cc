//! PostgreSQL of one story, run by the system's `postgres` user.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::command::{clean, run};
use crate::ports;
use crate::process::{Process, Stop, peer};

/// A database cluster that accepts everybody from loopback and is gone with its guard.
pub struct Postgres {
    _process: Process,
    port: u16,
    _data: tempfile::TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it; its log goes to `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let (bin, port) = (programs()?, ports::free()?);
        // Its own folder: the `postgres` user may not look into the story's.
        let data = tempfile::tempdir()?;
        let path = data.path();
        run(Command::new("chown").arg("postgres").arg(path))?.success()?;
        let initdb = bin.join("initdb");
        run(clean("setpriv")
            .args(AS_POSTGRES)
            .arg(initdb)
            .arg("-D")
            .arg(path.join("data"))
            .args(["-A", "trust", "-N"]))?
        .success()?;
        let mut command = peer("setpriv", Stop::Terminate);
        command.args(AS_POSTGRES).args(["--pdeathsig", "TERM"]).arg(bin.join("postgres"));
        command.arg("-D").arg(path.join("data")).args(["-p", &port.to_string(), "-k"]).arg(path);
        let mut process = Process::start("postgres", folder, Stop::Terminate, &mut command)?;
        process.wait_until(Duration::from_secs(20), || ports::answers(port))?;
        Ok(Self { _process: process, port, _data: data })
    }

    /// A connection string for one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Runs statements in a database; gives what they select, unaligned.
    pub fn query(&self, database: &str, statements: &str) -> Result<String> {
        let mut psql = clean("psql");
        psql.arg(self.url(database)).args(["-v", "ON_ERROR_STOP=1", "-qtAc", statements]);
        Ok(run(&mut psql)?.success()?.stdout)
    }
}

const AS_POSTGRES: [&str; 3] = ["--reuid=postgres", "--regid=postgres", "--init-groups"];

/// The newest version's programs; Debian keeps them off the path.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is missing (Debian: postgresql)")?;
    let mut versions: Vec<PathBuf> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    versions.retain(|bin| bin.join("initdb").exists());
    versions.sort();
    versions.pop().context("PostgreSQL is missing (Debian: postgresql)")
}
