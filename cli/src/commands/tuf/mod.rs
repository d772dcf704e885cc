//! `trust tuf`: repositories of any files by The Update Framework.

mod client_options;
mod download;
mod init;
mod reader;
mod refresh;

use clap::{Args, Subcommand};

use super::Context;
use crate::failure::Failure;
use client_options::{ClientOptions, needed};
use reader::plain_exit;

/// Options of `trust tuf`.
#[derive(Debug, Args)]
pub struct Options {
    /// May stand before the verb, too.
    #[command(flatten)]
    pub client: ClientOptions,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with a repository.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Begin to trust a repository by its root
    Init(init::Options),
    /// Bring the trusted metadata of a repository up to date
    Refresh(refresh::Options),
    /// Download targets, verified
    Download(download::Options),
}

/// Runs it.
///
/// # Errors
/// What the verb says.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let before = &options.client;
    match &options.verb {
        Verb::Init(options) => {
            let folder = options.client.over(before).metadata_dir;
            let folder = needed(folder.as_ref(), "--metadata-dir")?;
            init::trust(&options.path, &folder, context).map_err(plain_exit)
        }
        Verb::Refresh(options) => refresh::run(&options.client.over(before), context).map_err(plain_exit),
        Verb::Download(options) => download::run(&options.client.over(before), context).map_err(plain_exit),
    }
}
