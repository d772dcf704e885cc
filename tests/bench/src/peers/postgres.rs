//! PostgreSQL: the Go server's storage, and with `pgbench` the limit of publishing through it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Tools;
use crate::collection::checksum;
use crate::process::{Process, free_port, output};
use crate::publish::LANES;
use crate::stats::Sample;

const SCHEMA: &str = include_str!("../../../src/peers/schema/server.sql");

/// What one publish stores: role and bytes of each row of `tuf_files`.
pub type Rows = Vec<(String, Vec<u8>)>;

/// A cluster of its own with the databases `notary` and `pgbench`.
pub struct Postgres {
    process: Process,
    bin: PathBuf,
    home: PathBuf,
    port: u16,
    owner: Option<(u32, u32)>,
}

impl Postgres {
    pub async fn start(tools: &Tools, scratch: &Path) -> Result<Self> {
        let home = scratch.join("postgres");
        fs::create_dir(&home)?;
        let owner = owner()?;
        if let Some((uid, gid)) = owner {
            chown(&home, Some(uid), Some(gid))?;
        }
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700))?;
        let bin = tools.postgres.clone();
        let data = home.join("data");
        let mut initdb = command(&bin, "initdb", owner, &home);
        initdb.args(["-A", "trust", "-U", "bench", "-E", "UTF8", "--locale=C"]).arg("-D").arg(&data);
        output(initdb).await?;
        let port = free_port()?;
        let mut postgres = command(&bin, "postgres", owner, &home);
        postgres.arg("-D").arg(&data).arg("-k").arg(&home);
        // The Go server opens a connection per request.
        postgres.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", "max_connections=400"]);
        let process = Process::start("PostgreSQL", postgres, &scratch.join("postgres.log"))?.ended_by("-QUIT");
        let mut started = Self { process, bin, home, port, owner };
        started.wait().await?;
        for database in ["notary", "pgbench"] {
            started.psql("postgres", &format!("CREATE DATABASE {database}")).await?;
            started.psql(database, SCHEMA).await?;
        }
        Ok(started)
    }

    async fn wait(&mut self) -> Result<()> {
        let begun = Instant::now();
        while let Err(failure) = self.psql("postgres", "SELECT 1").await {
            self.process.check()?;
            if begun.elapsed() > Duration::from_secs(30) {
                bail!("PostgreSQL does not answer: {failure:#}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// How the Go server is told of it.
    pub fn url(&self) -> String {
        self.url_of("notary")
    }

    /// Makes a database, with these tables; how a server is told of it.
    pub async fn database(&self, name: &str, tables: &str) -> Result<String> {
        self.psql("postgres", &format!("CREATE DATABASE {name}")).await?;
        if !tables.is_empty() {
            self.psql(name, tables).await?;
        }
        Ok(self.url_of(name))
    }

    /// How a server is told of a database.
    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://bench@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }

    fn client(&self, program: &str, database: &str) -> Command {
        let mut client = command(&self.bin, program, self.owner, &self.home);
        client.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "bench"]);
        client.env("PGDATABASE", database);
        client
    }

    /// Runs statements.
    pub async fn psql(&self, database: &str, sql: &str) -> Result<()> {
        let mut psql = self.client("psql", database);
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-c", sql]);
        output(psql).await.map(drop)
    }

    /// Inserts `rows` and a change again and again, a transaction per publish, on as many connections as publish.
    pub async fn insert(&self, rows: &Rows, seconds: u64) -> Result<Sample> {
        self.psql("pgbench", "TRUNCATE tuf_files, changefeed").await?;
        let script = self.home.join("publish.sql");
        fs::write(&script, transaction(rows)?)?;
        let logs = self.home.join("log");
        fs::create_dir(&logs)?;
        let mut pgbench = self.client("pgbench", "pgbench");
        pgbench.args(["-n", "-M", "prepared", "-D", "n=0", "-c", &LANES.to_string(), "-j", "2", "-l"]);
        pgbench.args(["-T", &seconds.to_string(), "--log-prefix=tx", "-f"]).arg(&script);
        if let Some((uid, gid)) = self.owner {
            chown(&logs, Some(uid), Some(gid))?;
        }
        pgbench.current_dir(&logs);
        let begun = Instant::now();
        output(pgbench).await?;
        let elapsed = begun.elapsed();
        let latencies = latencies(&logs)?;
        fs::remove_dir_all(&logs)?;
        ensure!(!latencies.is_empty(), "pgbench logged no transaction");
        Ok(Sample::of(latencies, elapsed.min(Duration::from_secs(seconds))))
    }
}

/// One publish as a `pgbench` script: a GUN per connection, a version per transaction.
fn transaction(rows: &Rows) -> Result<String> {
    let mut script = "\\set n :n + 1\nBEGIN;\n".to_owned();
    for (role, bytes) in rows {
        writeln!(
            script,
            "INSERT INTO tuf_files (created_at, updated_at, gun, role, version, data, sha256) VALUES \
             (now(), now(), 'bench/publish/' || :client_id, '{role}', :n, '\\x{}'::bytea, '{}');",
            hex::encode(bytes),
            checksum(bytes)
        )?;
    }
    writeln!(
        script,
        "INSERT INTO changefeed (gun, version, sha256, category) VALUES \
         ('bench/publish/' || :client_id, :n, '{}', 'update');\nCOMMIT;",
        checksum(b"timestamp")
    )?;
    Ok(script)
}

/// The third column of `pgbench`'s transaction logs, in microseconds.
fn latencies(folder: &Path) -> Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    for entry in fs::read_dir(folder)? {
        for line in fs::read_to_string(entry?.path())?.lines() {
            let micros = line.split(' ').nth(2).context("a log line of pgbench")?.parse()?;
            latencies.push(Duration::from_micros(micros));
        }
    }
    Ok(latencies)
}

/// PostgreSQL refuses to run as root; then it runs as the user its package made.
fn owner() -> Result<Option<(u32, u32)>> {
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata("/proc/self")?.uid() != 0 {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let fields: Vec<&str> = line.context("there is no user postgres: install postgresql")?.split(':').collect();
    match fields.as_slice() {
        [_, _, uid, gid, ..] => Ok(Some((uid.parse()?, gid.parse()?))),
        _ => bail!("the user postgres has no id"),
    }
}

fn command(bin: &Path, program: &str, owner: Option<(u32, u32)>, home: &Path) -> Command {
    let mut command = Command::new(bin.join(program));
    command.current_dir(home).env("LC_ALL", "C");
    if let Some((uid, gid)) = owner {
        command.uid(uid).gid(gid);
    }
    command
}
