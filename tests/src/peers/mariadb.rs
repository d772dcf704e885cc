//! MariaDB of one story, run by the system's `mysql` user.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::command::{clean, run};
use crate::ports;
use crate::process::{Process, Stop, peer};

/// A database server that accepts everybody from loopback as root and is gone with its guard.
pub struct MariaDb {
    _process: Process,
    port: u16,
    _data: tempfile::TempDir,
}

impl MariaDb {
    /// Makes a server and starts it; its log goes to `folder`.
    pub fn start(folder: &Path) -> Result<Self> {
        let port = ports::free()?;
        // Its own folder: the `mysql` user may not look into the story's.
        let data = tempfile::tempdir()?;
        let path = data.path().display();
        run(Command::new("chown").arg("mysql").arg(data.path()))?.success()?;
        let mut install = clean("mariadb-install-db");
        install.args(["--no-defaults", "--user=mysql", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        // A server that starts deletes the temporary tables of all that share its folder for them.
        let temporary = format!("--tmpdir={path}");
        run(install.args([&format!("--datadir={path}/data"), &temporary]))?.success()?;
        let mut command = peer("setpriv", Stop::Terminate);
        command.args(["--reuid=mysql", "--regid=mysql", "--init-groups", "--pdeathsig", "TERM", "mariadbd"]);
        command.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve"]);
        command.args([format!("--datadir={path}/data"), format!("--socket={path}/socket"), temporary]);
        command.args([format!("--pid-file={path}/pid"), format!("--port={port}")]);
        // In a zone of its own, as many are, and far from UTC.
        command.env("TZ", "America/New_York");
        // Nobody pulls the plug in these stories.
        command.args(["--innodb-buffer-pool-size=128M", "--innodb-flush-log-at-trx-commit=2"]);
        let mut process = Process::start("mariadb", folder, Stop::Terminate, &mut command)?;
        process.wait_until(Duration::from_secs(30), || ports::answers(port))?;
        Ok(Self { _process: process, port, _data: data })
    }

    /// What Go's driver calls a data source name, for one of its databases.
    pub fn url(&self, database: &str) -> String {
        self.url_of("root", database)
    }

    /// As [`MariaDb::url`], for another account: `NAME` or `NAME:PASSWORD`.
    pub fn url_of(&self, account: &str, database: &str) -> String {
        format!("{account}@tcp(127.0.0.1:{})/{database}?parseTime=True", self.port)
    }

    /// Makes an account that needs its password and may do nothing yet.
    pub fn create_account(&self, name: &str, password: &str) -> Result<()> {
        self.query("", &format!("CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{password}'")).map(drop)
    }

    /// Runs statements in a database (none if its name is empty); gives what they select, tabs between columns.
    pub fn query(&self, database: &str, statements: &str) -> Result<String> {
        let mut client = clean("mariadb");
        client.args(["--no-defaults", "-N", "-B", "-u", "root", "-h", "127.0.0.1", "-P", &self.port.to_string()]);
        Ok(run(client.args(["-e", statements, database]))?.success()?.stdout)
    }
}
