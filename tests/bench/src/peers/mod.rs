//! The programs that are measured.

mod deployment;
mod nginx;
mod postgres;
mod server;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

pub use deployment::Deployment;
pub use nginx::Nginx;
pub use postgres::{Postgres, Rows};
pub use server::{Recipe, Sections, Slot};

/// The Go server. Ours has the same name, so this one is always called by its path.
const GO_SERVER: &str = "/usr/bin/notary-server";

/// Where the peers are, once all of them are found.
pub struct Tools {
    /// The folder of PostgreSQL's programs.
    pub postgres: PathBuf,
    /// The program of nginx.
    pub nginx: PathBuf,
}

impl Tools {
    /// Finds every peer.
    ///
    /// # Errors
    /// Names the Debian packages of those that are missing.
    pub fn find() -> Result<Self> {
        // Not on the path of everyone.
        let nginx = on_path("nginx").or_else(|| Some(PathBuf::from("/usr/sbin/nginx")).filter(|file| file.is_file()));
        let postgres = newest_postgres();
        let missing: Vec<&str> = [
            ("notary", Path::new(GO_SERVER).is_file()),
            ("nginx-light", nginx.is_some()),
            ("wrk", on_path("wrk").is_some()),
            ("procps", on_path("kill").is_some()),
            ("postgresql", postgres.as_ref().is_some_and(|folder| folder.join("pgbench").is_file())),
        ]
        .iter()
        .filter_map(|(package, found)| (!found).then_some(*package))
        .collect();
        match (nginx, postgres) {
            (Some(nginx), Some(postgres)) if missing.is_empty() => Ok(Self { postgres, nginx }),
            _ => bail!("a peer of the benchmark is missing: apt-get install {}", missing.join(" ")),
        }
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn newest_postgres() -> Option<PathBuf> {
    let releases = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = releases.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max()?;
    Some(PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin")))
}
