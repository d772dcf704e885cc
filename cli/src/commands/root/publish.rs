//! `trust root publish`.

use std::path::PathBuf;

use clap::Args;
use libtrust::client::PartialFile;

use super::partial;
use crate::commands::Context;
use crate::commands::change::{Changed, ChangedCollection};
use crate::commands::key::find;
use crate::commands::shown::FileVersion;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust root publish`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust root publish root.json
  trust root publish root-alice.json root-bob.json")]
pub struct Options {
    /// The file, or copies of it that different people signed
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// If the files are not copies of one, signatures are missing, or it does not follow what is published by now.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let partial = merged(options)?;
    if let Some((group, signed)) = partial.groups().into_iter().find(|(group, n)| *n < group.threshold as usize) {
        let message = format!("{signed} of {} needed keys of {} have signed", group.threshold, group.of);
        return Err(Failure::new(Exit::Signature, message).hint("others sign it with: trust root sign"));
    }
    Changed::each(&session, [partial.gun()], |gun| {
        if session.settings().changes == Changes::Told {
            return Ok(ChangedCollection::of(gun, &[], Vec::new()));
        }
        let publication =
            session.wait(session.publisher(gun)?.publish_partials(gun, std::slice::from_ref(&partial)))?;
        let roles = publication.roles.iter().map(|(role, version)| FileVersion::of(role, *version)).collect();
        Ok(ChangedCollection::of(gun, &[libtrust::edit::Change::RenewRoot], roles))
    })
}

fn merged(options: &Options) -> Result<PartialFile, Failure> {
    let mut merged: Option<PartialFile> = None;
    for file in &options.files {
        let read = partial::read(file)?;
        match &mut merged {
            None => merged = Some(read),
            Some(merged) => merged.merge(&read).map_err(|error| find::in_file(file, Exit::Usage, &error))?,
        }
    }
    merged.ok_or_else(|| Failure::usage("no file was named"))
}
