//! Making and starting a server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test without its server says so and ends"
)]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::{Engine, Url};

/// How long a server may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);

/// A database server of one test's own; ended with its guard.
pub struct Server {
    engine: Engine,
    folder: PathBuf,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// A PostgreSQL server, durable like a real one.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn postgres() -> Self {
        Self::new(Engine::Postgres)
    }

    /// A MariaDB server, durable like a real one.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn mariadb() -> Self {
        Self::new(Engine::MySql)
    }

    fn new(engine: Engine) -> Self {
        let port = free_port();
        let folder = std::env::temp_dir().join(format!("trust-test-server-{}-{port}", std::process::id()));
        prepare(engine, &folder);
        let mut server = Self { engine, folder, port, child: None };
        server.start();
        create_database(engine, port, "test");
        server
    }

    /// Its database `test`.
    #[must_use]
    pub fn url(&self) -> Url {
        url(self.engine, self.port, "test")
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends it like `kill -9`, and what it started.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if self.engine == Engine::Postgres {
            // Quits at once, without writing anything down, and takes its workers along.
            let done = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            assert!(done.is_ok_and(|status| status.success()), "postgres cannot be signalled");
        } else {
            child.kill().expect("mariadbd can be killed");
        }
        child.wait().expect("a killed server ends");
    }

    /// Starts it again on the same port and files.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(&mut self) {
        if self.child.is_some() {
            return;
        }
        let mut words = command(self.engine, &self.folder, self.port, true).into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        let log = fs::File::create(self.folder.join("log")).expect("a log can be made");
        command.args(words).stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log);
        self.child = Some(command.spawn().expect("a server can be started"));
        wait_for(self.engine, self.port, &self.folder);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(super) fn url(engine: Engine, port: u16, database: &str) -> Url {
    let text = match engine {
        Engine::Postgres => format!("postgres://postgres@127.0.0.1:{port}/{database}?sslmode=disable"),
        Engine::MySql => format!("root@tcp(127.0.0.1:{port})/{database}"),
    };
    Url::parse(engine, &text).expect("a valid URL")
}

pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback address");
    listener.local_addr().expect("it has an address").port()
}

/// Makes an empty cluster in `folder`, owned by the server's user.
pub(super) fn prepare(engine: Engine, folder: &Path) {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).expect("a temporary folder");
    // The servers run as users of their own.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the folder's rights");
    let data = folder.join("data").display().to_string();
    let words = match engine {
        Engine::Postgres => {
            let initdb = postgres_program("initdb");
            let mut words = as_user("postgres");
            words.extend([initdb, "-D".into(), data, "-A".into(), "trust".into(), "-N".into()]);
            words.extend(["-E".into(), "UTF8".into(), "--locale=C".into()]);
            words
        }
        Engine::MySql => {
            let mut words: Vec<String> =
                ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal"]
                    .map(Into::into)
                    .into();
            words.extend([format!("--datadir={data}"), "--skip-test-db".into()]);
            // A server that starts deletes the temporary tables of all that share its folder for them.
            words.push(format!("--tmpdir={}", folder.display()));
            if is_root() {
                words.push("--user=mysql".into());
            }
            words
        }
    };
    if is_root() {
        let user = if engine == Engine::Postgres { "postgres" } else { "mysql" };
        run(&["chown".into(), user.into(), folder.display().to_string()]);
    }
    run(&words);
}

/// The server's command line.
pub(super) fn command(engine: Engine, folder: &Path, port: u16, durable: bool) -> Vec<String> {
    let (data, folder) = (folder.join("data").display().to_string(), folder.display().to_string());
    match engine {
        Engine::Postgres => {
            let mut words = as_user("postgres");
            words.extend([postgres_program("postgres"), "-D".into(), data, "-k".into(), folder]);
            words.extend(["-p".into(), port.to_string(), "-c".into(), "max_connections=300".into()]);
            if !durable {
                for setting in ["fsync=off", "full_page_writes=off", "synchronous_commit=off"] {
                    words.extend(["-c".into(), setting.into()]);
                }
            }
            words
        }
        Engine::MySql => {
            // In a zone of its own, as many are, where clocks are put forward and back.
            let mut words: Vec<String> =
                ["env", "TZ=America/New_York", "mariadbd", "--no-defaults"].map(Into::into).into();
            words.extend([format!("--datadir={data}"), format!("--socket={folder}/socket")]);
            words.push(format!("--tmpdir={folder}"));
            words.extend([format!("--port={port}"), "--bind-address=127.0.0.1".into(), "--skip-name-resolve".into()]);
            words.extend(["--innodb-buffer-pool-size=64M".into(), "--max-connections=300".into()]);
            words.push(format!("--pid-file={folder}/pid"));
            if !durable {
                words.extend(["--innodb-flush-log-at-trx-commit=0".into(), "--sync-binlog=0".into()]);
            }
            if is_root() {
                words.push("--user=mysql".into());
            }
            words
        }
    }
}

pub(super) fn wait_for(engine: Engine, port: u16, folder: &Path) {
    let begun = Instant::now();
    while !answers(engine, port) {
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(begun.elapsed() < START, "{engine} does not start on port {port}: {}", log());
        sleep(Duration::from_millis(50));
    }
}

fn answers(engine: Engine, port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
        && client(engine, port, "SELECT 1").status().is_ok_and(|s| s.success())
}

pub(super) fn create_database(engine: Engine, port: u16, name: &str) {
    let output = client(engine, port, &format!("CREATE DATABASE {name}")).stderr(Stdio::piped()).output();
    let output = output.expect("the database's client runs");
    assert!(output.status.success(), "{engine}: {}", String::from_utf8_lossy(&output.stderr));
}

fn client(engine: Engine, port: u16, statement: &str) -> Command {
    let port = port.to_string();
    let mut command = match engine {
        Engine::Postgres => {
            let mut command = Command::new("psql");
            command.args(["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-XqtAc", statement, "postgres"]);
            command
        }
        Engine::MySql => {
            let mut command = Command::new("mariadb");
            command.args(["--no-defaults", "-h", "127.0.0.1", "-P", &port, "-u", "root", "-e", statement]);
            command
        }
    };
    command.env_remove("PGPASSWORD").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn as_user(user: &str) -> Vec<String> {
    if !is_root() {
        return Vec::new();
    }
    ["setpriv".into(), format!("--reuid={user}"), format!("--regid={user}"), "--init-groups".into()].into()
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Debian keeps PostgreSQL's programs off the path; the newest version's.
fn postgres_program(name: &str) -> String {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = versions.map(|version| version.path().join("bin").join(name)).collect();
    found.retain(|program| program.exists());
    found.sort();
    found.pop().expect("PostgreSQL is missing: install Debian's package postgresql").display().to_string()
}

fn run(words: &[String]) {
    let (program, arguments) = words.split_first().expect("a command");
    let output = Command::new(program).args(arguments).current_dir("/").stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{program} cannot be run ({error}); install Debian's packages postgresql and mariadb-server")
    });
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}
