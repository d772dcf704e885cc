//! PostgreSQL of one story, run by the system's `postgres` user.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::command::{clean, run};
use crate::ports;
use crate::process::{Process, Stop, peer};

/// A database cluster that accepts everybody from loopback and is gone with its guard.
pub struct Postgres {
    process: Option<Process>,
    port: u16,
    folder: PathBuf,
    data: tempfile::TempDir,
}

impl Postgres {
    /// Makes a cluster and starts it; its log goes to `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        // Its own folder: the `postgres` user may not look into the story's.
        let data = tempfile::tempdir()?;
        let path = data.path();
        run(Command::new("chown").arg("postgres").arg(path))?.success()?;
        let initdb = programs()?.join("initdb");
        run(clean("setpriv")
            .args(AS_POSTGRES)
            .arg(initdb)
            .arg("-D")
            .arg(path.join("data"))
            .args(["-A", "trust", "-N"]))?
        .success()?;
        let mut postgres = Self { process: None, port: ports::free()?, folder: folder.to_owned(), data };
        postgres.resume()?;
        Ok(postgres)
    }

    /// Kills it, as a loss of power would.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().context("PostgreSQL is not running")?.end(Stop::Kill)
    }

    /// Starts it again after [`Postgres::kill`] and waits until it takes statements.
    pub fn resume(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let path = self.data.path();
            let mut command = peer("setpriv", Stop::Terminate);
            command.args(AS_POSTGRES).args(["--pdeathsig", "TERM"]).arg(programs()?.join("postgres"));
            command.arg("-D").arg(path.join("data")).args(["-p", &self.port.to_string(), "-k"]).arg(path);
            let mut process = Process::start("postgres", &self.folder, Stop::Terminate, &mut command)?;
            match process.wait_until(START_LIMIT, || ports::answers(self.port)) {
                Ok(()) => {
                    self.process = Some(process);
                    break;
                }
                // What served its clients when it was killed still holds its memory.
                Err(error) if begun.elapsed() > START_LIMIT => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
        // It listens before it has recovered.
        while let Err(error) = self.query("postgres", "SELECT 1") {
            ensure!(begun.elapsed() < START_LIMIT, "PostgreSQL does not recover: {error}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// A connection string for one of its databases.
    pub fn url(&self, database: &str) -> String {
        self.url_of("postgres", database)
    }

    /// As [`Postgres::url`], for another account: `NAME` or `NAME:PASSWORD`.
    pub fn url_of(&self, account: &str, database: &str) -> String {
        format!("postgres://{account}@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    /// Makes an account that needs its password and may do nothing yet.
    pub fn create_account(&self, name: &str, password: &str) -> Result<()> {
        self.query("postgres", &format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'"))?;
        let file = self.data.path().join("data/pg_hba.conf");
        let rules = std::fs::read_to_string(&file)?;
        // The first rule that fits counts. Written in place, it stays the server's.
        std::fs::write(&file, format!("host all {name} 127.0.0.1/32 scram-sha-256\n{rules}"))?;
        self.query("postgres", "SELECT pg_reload_conf()").map(drop)
    }

    /// Runs statements in a database; gives what they select, unaligned.
    pub fn query(&self, database: &str, statements: &str) -> Result<String> {
        let mut psql = clean("psql");
        psql.arg(self.url(database)).args(["-v", "ON_ERROR_STOP=1", "-qtAc", statements]);
        Ok(run(&mut psql)?.success()?.stdout)
    }
}

const START_LIMIT: Duration = Duration::from_secs(20);
const AS_POSTGRES: [&str; 3] = ["--reuid=postgres", "--regid=postgres", "--init-groups"];

/// The newest version's programs; Debian keeps them off the path.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").context("PostgreSQL is missing (Debian: postgresql)")?;
    let mut versions: Vec<PathBuf> = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    versions.retain(|bin| bin.join("initdb").exists());
    versions.sort();
    versions.pop().context("PostgreSQL is missing (Debian: postgresql)")
}
