//! `trust delegation add`.

use std::path::PathBuf;

use clap::Args;
use libtrust::edit::Change;
use libtrust::metadata::Threshold;
use libtrust::names::DelegationName;

use crate::commands::change::{self, Changed, Staging};
use crate::commands::key::find;
use crate::commands::name::CollectionName;
use crate::commands::{Context, init};
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust delegation add`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust delegation add --key qa.pub --all-paths registry.example/team/app targets/qa
  trust delegation add --key a.pub,b.pub --threshold 2 --path 1. registry.example/team/app targets/duo
  trust delegation add --path 2. registry.example/team/app targets/duo")]
pub struct Options {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// The role: targets/NAME, or below another delegation
    #[arg(value_name = "ROLE")]
    pub role: DelegationName,
    /// Public keys or certificates (PEM)
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub key: Vec<PathBuf>,
    /// Beginnings of the tags it may list
    #[arg(long, value_name = "PREFIX", value_delimiter = ',', conflicts_with = "all_paths")]
    pub path: Vec<String>,
    /// Every tag
    #[arg(long)]
    pub all_paths: bool,
    /// How many of its keys must sign
    #[arg(long, value_name = "N", value_parser = init::threshold)]
    pub threshold: Option<Threshold>,
    /// Whether it waits.
    #[command(flatten)]
    pub staging: Staging,
}

/// Runs it.
///
/// # Errors
/// If there is nothing to add, or it does not fit the collection.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let keys = options.key.iter().map(|file| find::public_key(file)).collect::<Result<Vec<_>, _>>()?;
    let paths = if options.all_paths { vec![String::new()] } else { options.path.clone() };
    if keys.is_empty() && paths.is_empty() && options.threshold.is_none() {
        return Err(Failure::usage("nothing to add").hint("give --key, --path, --all-paths or --threshold"));
    }
    let change = Change::AddDelegation { role: options.role.clone(), keys, threshold: options.threshold, paths };
    let changes = std::slice::from_ref(&change);
    Changed::each(&session, [&options.name.0], |gun| change::make(&session, gun, &options.staging, changes))
}
