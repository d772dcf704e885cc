//! Private PostgreSQL and MariaDB servers for tests, of the system's packages, on loopback.
//!
//! [`postgres`] and [`mariadb`] give a fresh database on a server that all test processes of one checkout share: the first
//! starts it, and it ends by itself soon after the last has gone. [`Server`] is one of a test's own, to be killed and
//! started again.

mod server;
mod shared;

use std::sync::atomic::{AtomicU64, Ordering};

pub use server::Server;

use super::url::{Engine, Url};

/// A fresh, empty PostgreSQL database.
///
/// # Panics
/// If the server cannot be started; the message names the package to install.
#[must_use]
pub fn postgres() -> Url {
    fresh(Engine::Postgres)
}

/// A fresh, empty MariaDB database.
///
/// # Panics
/// If the server cannot be started; the message names the package to install.
#[must_use]
pub fn mariadb() -> Url {
    fresh(Engine::MySql)
}

fn fresh(engine: Engine) -> Url {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let port = shared::port(engine);
    let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    server::create_database(engine, port, &name);
    server::url(engine, port, &name)
}
