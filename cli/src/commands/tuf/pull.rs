//! `trust tuf pull`: take over what others published at a trust server.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::client::tuf::repository::OwnRepository;
use serde::Serialize;

use super::change::{Place, Published, ServerOptions};
use super::lifetimes::LifetimeOptions;
use crate::commands::Context;
use crate::failure::Failure;
use crate::output::{self, Document};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust tuf pull`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Nothing may be staged. To begin with a copy of your own: trust tuf export.

Examples:
  trust tuf pull repo --server https://trust.example:4443 --gun registry.example/team/files")]
pub struct Options {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Where it is published.
    #[command(flatten)]
    pub at: ServerOptions,
}

#[derive(Serialize)]
struct Pulled {
    repository: PathBuf,
    published: Published,
}

impl Document for Pulled {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        self.published.text(&self.repository, to)
    }
}

/// Runs it.
///
/// # Errors
/// If something is staged, the server cannot be asked, or what it has does not follow what is here.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let place = options.at.server(&session)?;
    let Place { server, gun } = place.ok_or_else(|| Failure::usage("--gun is needed"))?;
    let mut repository = OwnRepository::open(&options.dir, LifetimeOptions::default().lifetimes())?;
    let release = session.wait(repository.pull(&*server, &gun))?;
    let pulled = Pulled { repository: options.dir.clone(), published: Published::of(&release) };
    output::print(&pulled, session.settings().format)
}
