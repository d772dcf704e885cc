//! `trust signer`: who signs a collection's images. A signer NAME is the role `targets/NAME`, whose keys may also sign
//! `targets/releases`, as Docker has it.

mod add;
mod list;
mod remove;
mod replace;
pub(crate) mod roles;

use clap::{Args, Subcommand};

use super::Context;
use crate::failure::Failure;

/// Options of `trust signer`.
#[derive(Debug, Args)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with signers.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Let somebody sign
    Add(add::Options),
    /// Take somebody's right to sign, and all they signed
    Remove(remove::Options),
    /// Give a signer other keys, in one publication
    Replace(replace::Options),
    /// List who may sign
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
        Verb::Replace(options) => replace::run(options, context),
        Verb::List(options) => list::run(options, context),
    }
}
