//! `trust tuf rotate`: other keys for a role.

use clap::Args;
use libtrust::metadata::Threshold;

use super::change::{Change, ChangeOptions};
use super::keys::signatories;
use crate::commands::Context;
use crate::commands::init::threshold;
use crate::failure::Failure;

/// Options of `trust tuf rotate`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
What the role signs is signed anew. A new root is signed by the old root keys as well as the new ones.

Examples:
  trust tuf rotate repo timestamp --publish
  trust tuf rotate repo root --key 5f1a1c2,9be0c41,alice.pub --threshold 2
  trust tuf rotate repo team --key team.pub")]
pub struct Options {
    /// The repository.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// root, targets, snapshot, timestamp, a delegated role, or what the names of hash bins begin with
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// All its keys from now on, by id or file of the public key [default: a new one]
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub key: Vec<String>,
    /// How many of them must sign
    #[arg(long, value_name = "N", value_parser = threshold)]
    pub threshold: Option<Threshold>,
}

/// Runs it.
///
/// # Errors
/// If there is no such role, or a key cannot be used.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut change = Change::open(&options.change, context)?;
    let by = signatories(&change.session, &options.role, &options.key, options.threshold, &mut change.made)?;
    change.repository.rotate(&options.role, &by)?;
    change.finish()
}
