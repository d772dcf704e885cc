//! `trust tuf renew`: sign anew what expires soon.

use chrono::TimeDelta;
use clap::Args;
use libtrust::client::{Clock as _, SystemClock};

use super::change::{Change, ChangeOptions};
use crate::commands::Context;
use crate::commands::renew::days;
use crate::failure::Failure;

/// Options of `trust tuf renew`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Timestamps, and snapshots that expire soon, are made anew by every publication, also if nothing else changed:
trust tuf publish DIR.

Examples:
  trust tuf renew repo --publish
  trust tuf renew repo --within 1y")]
pub struct Options {
    /// The repository.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// Sign anew what expires within this time: 90d, 12w, 1y
    #[arg(long, value_name = "TIME", default_value = "90d", value_parser = days)]
    pub within: TimeDelta,
}

/// Runs it.
///
/// # Errors
/// If a role's file does not hold, or cannot be written.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut change = Change::open(&options.change, context)?;
    change.repository.renew_within(options.within, SystemClock.now())?;
    change.finish()
}
