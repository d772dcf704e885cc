//! `trust key passwd`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::{find, list::Key};
use crate::commands::{Context, shown};
use crate::failure::Failure;
use crate::output::{self, Document};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust key passwd`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key passwd 5f1a1c2
  trust key passwd --new-passphrase-file next 5f1a1c2")]
pub struct Options {
    /// The key, by id or how it begins
    #[arg(value_name = "ID")]
    pub key: String,
    /// The first line of this file is the new passphrase
    #[arg(long, value_name = "FILE")]
    pub new_passphrase_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Sealed {
    dry_run: bool,
    key: Key,
}

impl Document for Sealed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let has = if self.dry_run { "would get" } else { "has" };
        writeln!(to, "{} key {} {has} another passphrase", self.key.role, shown::short(&self.key.id))
    }
}

/// Runs it.
///
/// # Errors
/// If the key is not here, its passphrase is not known, or there is no new one. The file is as it was then.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let entry = find::key(&session, &options.key)?;
    let dry_run = session.settings().changes == Changes::Told;
    if !dry_run {
        let new = session.secret(options.new_passphrase_file.as_deref());
        let changed = session.keys().change_passphrase(&entry.id, &*new);
        changed.map_err(|error| {
            Failure::from(error).hint("the new passphrase can also be in a file: --new-passphrase-file FILE")
        })?;
    }
    output::print(&Sealed { dry_run, key: Key::of(&entry) }, session.settings().format)
}
