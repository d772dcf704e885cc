//! `trust delegation`: parts of a collection given to other keys, at any depth.

mod add;
mod list;
mod remove;

use clap::{Args, Subcommand};

use super::Context;
use crate::failure::Failure;

/// Options of `trust delegation`.
#[derive(Debug, Args)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with delegations.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Make a delegation, or add keys and paths to one
    Add(add::Options),
    /// Remove a delegation with all it lists, or some of its keys and paths
    Remove(remove::Options),
    /// Take keys from every delegation
    Purge(remove::PurgeOptions),
    /// List delegations: keys, paths, thresholds
    List(list::Options),
}

/// Runs it.
///
/// # Errors
/// What the verb says.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    match &options.verb {
        Verb::Add(options) => add::run(options, context),
        Verb::Remove(options) => remove::run(options, context),
        Verb::Purge(options) => remove::purge(options, context),
        Verb::List(options) => list::run(options, context),
    }
}
