//! `trust tuf remove`: take targets back.

use clap::Args;
use libtrust::client::tuf::TargetPath;
use libtrust::names::RoleName;

use super::change::{Change, ChangeOptions, role};
use crate::commands::Context;
use crate::failure::Failure;

/// Options of `trust tuf remove`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The files stay in the folder: readers may be on their way to them.

Examples:
  trust tuf remove repo app/1.1/app.tar.gz
  trust tuf remove repo --role team --publish team/old")]
pub struct Options {
    /// The repository.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Targets
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<TargetPath>,
    /// The role that lists them [default: the hash bin of the path, or targets]
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Option<RoleName>,
}

/// Runs it.
///
/// # Errors
/// If one is not listed.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut change = Change::open(&options.change, context)?;
    for path in &options.paths {
        change.repository.remove(options.role.as_ref(), path)?;
    }
    change.finish()
}
