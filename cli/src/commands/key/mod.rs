//! `trust key`: the private keys in the trust folder, and the keys of a collection's roles.

mod backup;
mod export;
pub mod find;
mod generate;
mod import;
mod list;
mod passwd;
mod remove;
mod rotate;
mod secret;
pub mod write;

use clap::{Args, Subcommand};

pub use generate::signer_name;

use super::Context;
use crate::failure::Failure;

/// Options of `trust key`.
#[derive(Debug, Args)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a signer's key, or a root key
    Generate(generate::Options),
    /// Take in a signer's private key
    Load(import::LoadOptions),
    /// Take in private keys of any file that Notary, Docker or OpenSSL wrote
    Import(import::Options),
    /// Print keys as they are stored, each sealed with its passphrase, or public keys
    Export(export::Options),
    /// List the keys that are here
    List(list::Options),
    /// Give a key another passphrase
    Passwd(passwd::Options),
    /// Remove a key for good
    Remove(remove::Options),
    /// Give a role of a collection new keys
    Rotate(rotate::Options),
    /// Save every key that is here in one sealed file
    Backup(backup::Options),
    /// Bring back the keys of a backup that are not here
    Restore(backup::RestoreOptions),
}

/// Runs it.
///
/// # Errors
/// What the verb says.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    match &options.verb {
        Verb::Generate(options) => generate::run(options, context),
        Verb::Load(options) => import::load(options, context),
        Verb::Import(options) => import::run(options, context),
        Verb::Export(options) => export::run(options, context),
        Verb::List(options) => list::run(options, context),
        Verb::Passwd(options) => passwd::run(options, context),
        Verb::Remove(options) => remove::run(options, context),
        Verb::Rotate(options) => rotate::run(options, context),
        Verb::Backup(options) => backup::run(options, context),
        Verb::Restore(options) => backup::restore(options, context),
    }
}
