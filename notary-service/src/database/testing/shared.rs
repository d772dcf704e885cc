//! One server of each kind for all test processes of a checkout.
//!
//! Whoever uses a server holds a shared lock on its `users` file for the life of the process. A small watcher beside the
//! server ends it when nobody has held that lock for a while.

#![allow(clippy::expect_used, reason = "a test without its server says so and ends")]

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Engine;
use super::server::{command, free_port, prepare, wait_for};

/// Ends the server `$@` when the lock on `users` was free for fifteen seconds.
const WATCHER: &str = r#"
cd "$1" || exit 1
shift
"$@" >log 2>&1 &
server=$!
idle=0
while kill -0 "$server" 2>/dev/null; do
    sleep 1
    if flock -n -x users true; then idle=$((idle + 1)); else idle=0; fi
    if [ "$idle" -ge 15 ]; then
        exec 8>start
        flock -x 8
        if flock -n -x users true; then
            rm -f port
            kill -INT "$server" 2>/dev/null; sleep 1; kill -TERM "$server" 2>/dev/null
            wait "$server"
            rm -rf cluster
            exit 0
        fi
        exec 8>&-
        idle=0
    fi
done
rm -f port
"#;

struct Joined {
    port: u16,
    _lock: File,
}

/// The port of the checkout's server of this kind, started if it does not run.
pub(super) fn port(engine: Engine) -> u16 {
    static POSTGRES: OnceLock<Joined> = OnceLock::new();
    static MARIADB: OnceLock<Joined> = OnceLock::new();
    let joined = match engine {
        Engine::Postgres => &POSTGRES,
        Engine::MySql => &MARIADB,
    };
    joined.get_or_init(|| join(engine)).port
}

fn join(engine: Engine) -> Joined {
    let mut checkout = DefaultHasher::new();
    env!("CARGO_MANIFEST_DIR").hash(&mut checkout);
    let name = if engine == Engine::Postgres { "postgres" } else { "mariadb" };
    let folder = std::env::temp_dir().join(format!("trust-tests-{:016x}", checkout.finish())).join(name);
    fs::create_dir_all(&folder).expect("a temporary folder");
    let start = lock_file(&folder, "start");
    start.lock().expect("the start lock");
    let users = lock_file(&folder, "users");
    users.lock_shared().expect("the users' lock");
    let running = fs::read_to_string(folder.join("port")).ok().and_then(|text| text.trim().parse().ok());
    let running = running.filter(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok());
    let port = running.unwrap_or_else(|| start_server(engine, &folder));
    Joined { port, _lock: users }
}

fn start_server(engine: Engine, folder: &Path) -> u16 {
    let cluster: PathBuf = folder.join("cluster");
    prepare(engine, &cluster);
    let port = free_port();
    let mut watcher = Command::new("setsid");
    watcher.args(["--fork", "sh", "-c", WATCHER, "sh"]).arg(folder).args(command(engine, &cluster, port, false));
    watcher.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = watcher.status().expect("setsid can be run");
    assert!(started.success(), "the server's watcher does not start");
    wait_for(engine, port, folder);
    fs::write(folder.join("port"), port.to_string()).expect("the port's file");
    port
}

fn lock_file(folder: &Path, name: &str) -> File {
    let file = OpenOptions::new().create(true).write(true).truncate(false).open(folder.join(name));
    file.expect("a lock file")
}
