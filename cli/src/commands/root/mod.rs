//! `trust root`: a root that several people must sign. It travels between them as a file, by any means; nobody needs
//! another's key, and only who publishes it needs a network.

mod certificate;
pub mod partial;
mod prepare;
mod publish;
mod sign;

use clap::{Args, Subcommand};

use super::Context;
use crate::failure::Failure;

/// Options of `trust root`.
#[derive(Debug, Args)]
pub struct Options {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with a root.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Print a certificate of a root key that is here, for whoever prepares the root
    Certificate(certificate::Options),
    /// Write the next root into a file, to be signed by others
    Prepare(prepare::Options),
    /// Sign such a file with the keys that are here
    Sign(sign::Options),
    /// Show what such a file says, and who has signed it
    Show(sign::ShowOptions),
    /// Publish such files once enough have signed
    Publish(publish::Options),
}

/// Runs it.
///
/// # Errors
/// What the verb says.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    match &options.verb {
        Verb::Certificate(options) => certificate::run(options, context),
        Verb::Prepare(options) => prepare::run(options, context),
        Verb::Sign(options) => sign::run(options, context),
        Verb::Show(options) => sign::show(options, context),
        Verb::Publish(options) => publish::run(options, context),
    }
}
