//! `trust key`: the private keys of the trust folder, a file each verb.

mod export;
mod import;
mod list;

use clap::Subcommand;
use serde::Serialize;

use super::Context;
use crate::failure::Failure;

/// What to do with private keys.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the private keys that are here
    List,
    /// Take private keys from a file, of Docker, notary or openssl
    Import(import::Options),
    /// Print private keys, sealed as they are, for another machine
    Export(export::Options),
}

/// Runs it.
///
/// # Errors
/// What the verb says.
pub fn run(command: &Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::List => list::run(context),
        Command::Import(options) => import::run(options, context),
        Command::Export(options) => export::run(options, context),
    }
}

/// A key as documents tell it.
#[derive(Debug, Serialize)]
struct Key {
    id: String,
    role: String,
    gun: Option<String>,
    location: String,
}

impl From<libtrust::client::KeyEntry> for Key {
    fn from(entry: libtrust::client::KeyEntry) -> Self {
        let gun = entry.key_use.gun.map(|gun| gun.to_string());
        Self { id: entry.id.to_string(), role: entry.key_use.role, gun, location: entry.location }
    }
}
