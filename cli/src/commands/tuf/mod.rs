//! `trust tuf`: repositories of any files by The Update Framework. `init --metadata-dir`, `refresh` and `download` read one, as
//! public conformance tests drive clients; the other verbs keep one.

mod add;
mod begin;
mod change;
mod client_options;
mod delegate;
mod download;
mod export;
mod init;
mod inspect;
mod keys;
mod lifetimes;
mod list;
mod publish;
mod pull;
mod reader;
mod refresh;
mod remove;
mod renew;
mod rotate;
mod sign;

use clap::{Args, Subcommand};

use super::Context;
use crate::failure::Failure;
use client_options::ClientOptions;
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

/// The verbs that other programs call again and again, with the options of [`Options`]: a tree that is parsed at once.
#[derive(Debug, Args)]
pub struct ReaderOptions {
    #[command(flatten)]
    client: ClientOptions,
    #[command(subcommand)]
    verb: ReaderVerb,
}

/// Those of [`Verb`] that read.
#[derive(Debug, Subcommand)]
enum ReaderVerb {
    Refresh(refresh::Options),
    Download(download::Options),
}

impl From<ReaderOptions> for Options {
    fn from(reader: ReaderOptions) -> Self {
        let verb = match reader.verb {
            ReaderVerb::Refresh(options) => Verb::Refresh(options),
            ReaderVerb::Download(options) => Verb::Download(options),
        };
        Self { client: reader.client, verb }
    }
}

/// What to do with a repository.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Begin a repository or, with --metadata-dir, begin to trust one
    Init(init::Options),
    /// Bring the trusted metadata of a repository up to date
    Refresh(refresh::Options),
    /// Download targets, verified
    Download(download::Options),
    /// List files as targets of a repository
    Add(add::Options),
    /// Take targets back
    Remove(remove::Options),
    /// Give part of the targets to other keys, or all of them to hash bins
    Delegate(delegate::Options),
    /// Give a role other keys
    Rotate(rotate::Options),
    /// Sign anew what expires soon
    Renew(renew::Options),
    /// Sign what is staged, or take in signatures of others
    Sign(sign::Options),
    /// Put what is staged in front of readers, with a new timestamp
    Publish(publish::Options),
    /// Take over what others published at a trust server
    Pull(pull::Options),
    /// Show what a repository says, and by whose word
    Inspect(inspect::Options),
    /// Copy a repository, verified, into files for any web server
    Export(export::Options),
    /// Drop what is staged
    Drop(publish::DropOptions),
}

/// Runs it.
///
/// # Errors
/// What the verb says.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let before = &options.client;
    match &options.verb {
        Verb::Init(options) => match options.client.over(before).metadata_dir {
            Some(folder) => init::trust(&options.change.dir, &folder, context).map_err(plain_exit),
            None => begin::run(&options.begin, &options.change, context),
        },
        Verb::Refresh(options) => refresh::run(&options.client.over(before), context).map_err(plain_exit),
        Verb::Download(options) => download::run(&options.client.over(before), context).map_err(plain_exit),
        Verb::Add(options) => add::run(options, context),
        Verb::Remove(options) => remove::run(options, context),
        Verb::Delegate(options) => delegate::run(options, context),
        Verb::Rotate(options) => rotate::run(options, context),
        Verb::Renew(options) => renew::run(options, context),
        Verb::Sign(options) => sign::run(options, context),
        Verb::Publish(options) => publish::run(options, context),
        Verb::Pull(options) => pull::run(options, context),
        Verb::Inspect(options) => inspect::run(options, context),
        Verb::Export(options) => export::run(options, context),
        Verb::Drop(options) => publish::discard(options, context),
    }
}
