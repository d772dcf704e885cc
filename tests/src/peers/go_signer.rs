//! Notary v1's own signer.

use std::path::Path;

use anyhow::Result;

use super::our_server::ready;
use super::postgres::Postgres;
use super::signer::PASSPHRASE;
use crate::process::{Process, Stop, peer};

/// Starts it with a configuration file that listens on `port`.
pub(super) fn launch(folder: &Path, config: &Path, port: u16) -> Result<Process> {
    let mut command = peer("/usr/bin/notary-signer", Stop::Kill);
    command.arg("-config").arg(config).env(PASSPHRASE.0, PASSPHRASE.1);
    ready("go-notary-signer", folder, port, &mut command)
}

/// Makes a database with the signer's tables; gives its URL.
pub fn database(postgres: &Postgres) -> Result<String> {
    postgres.query("postgres", "CREATE DATABASE signer")?;
    postgres.query("signer", include_str!("schema/signer.sql"))?;
    Ok(postgres.url("signer"))
}
