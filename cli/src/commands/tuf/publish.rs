//! `trust tuf publish` and `trust tuf drop`: what becomes of what is staged.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::client::tuf::repository::{OwnRepository, drop_staged};
use serde::Serialize;

use super::change::{Change, ChangeOptions, ServerOptions};
use super::lifetimes::LifetimeOptions;
use crate::commands::Context;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::settings::Changes;

/// Options of `trust tuf publish`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Signs what is staged with the keys that are here; if nothing is missing, makes the next snapshot and timestamp, and puts all of it
in place. With nothing staged the timestamp is renewed: run it in time, from a timer.

Examples:
  trust tuf publish repo
  trust tuf publish repo --server https://trust.example:4443 --gun registry.example/team/files
  trust tuf publish repo --timestamp-lifetime 2d")]
pub struct Options {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Where it is published.
    #[command(flatten)]
    pub at: ServerOptions,
    /// How long new files are valid.
    #[command(flatten)]
    pub lifetimes: LifetimeOptions,
}

/// Runs it.
///
/// # Errors
/// If signatures or keys are missing: readers see the old state then.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let (at, lifetimes) = (options.at.clone(), options.lifetimes.clone());
    let change = ChangeOptions { dir: options.dir.clone(), publish: true, at, lifetimes };
    Change::open(&change, context)?.finish()
}

/// Options of `trust tuf drop`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust tuf drop repo")]
pub struct DropOptions {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

#[derive(Serialize)]
struct Dropped {
    dry_run: bool,
    repository: PathBuf,
    dropped: Vec<String>,
}

impl Document for Dropped {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let dir = self.repository.display().to_string();
        let did = if self.dry_run { "would drop" } else { "dropped" };
        writeln!(to, "{}: {did} {}", escape::line(&dir), escape::line(&self.dropped.join(", ")))
    }
}

/// Drops what is staged.
///
/// # Errors
/// If there is no repository, or it cannot be changed.
pub fn discard(options: &DropOptions, context: &Context) -> Result<(), Failure> {
    let settings = context.settings()?;
    let repository = OwnRepository::open(&options.dir, LifetimeOptions::default().lifetimes())?;
    let dropped = repository.drafts().iter().map(ToString::to_string).collect();
    let dry_run = settings.changes == Changes::Told;
    if !dry_run {
        drop_staged(repository)?;
    }
    output::print(&Dropped { dry_run, repository: options.dir.clone(), dropped }, settings.format)
}
