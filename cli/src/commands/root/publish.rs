//! `trust root publish`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;

use clap::Args;
use libtrust::client::PartialFile;
use libtrust::names::RoleName;

use super::partial;
use crate::commands::Context;
use crate::commands::change::{Changed, ChangedCollection};
use crate::commands::key::find;
use crate::commands::shown;
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
    /// The file of each role, and copies that different people signed
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// If the files are of several collections, signatures are missing, or they do not follow what is published by now.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let partials: Vec<PartialFile> = merged(options)?.into_values().collect();
    let Some(first) = partials.first() else { return Err(Failure::usage("no file was named")) };
    for partial in &partials {
        let short = partial.groups().into_iter().find(|(group, signed)| *signed < group.threshold as usize);
        if let Some((group, signed)) = short {
            let message = format!("{signed} of {} needed keys of {} have signed", group.threshold, group.of);
            return Err(Failure::new(Exit::Signature, message).hint("others sign it with: trust root sign"));
        }
    }
    Changed::each(&session, [first.gun()], |gun| {
        if session.settings().changes == Changes::Told {
            return Ok(ChangedCollection::of(gun, &[], Vec::new()));
        }
        let publication = session.wait(session.publisher(gun)?.publish_partials(gun, &partials))?;
        let roles = shown::published(&session, gun, &publication);
        Ok(ChangedCollection::of(gun, &[], roles))
    })
}

/// One file a role, with the signatures of all its copies; the root first, as it says who may sign the others.
fn merged(options: &Options) -> Result<BTreeMap<RoleName, PartialFile>, Failure> {
    let mut merged: BTreeMap<RoleName, PartialFile> = BTreeMap::new();
    for file in &options.files {
        let read = partial::read(file)?;
        match merged.entry(read.role().clone()) {
            Entry::Vacant(place) => {
                place.insert(read);
            }
            Entry::Occupied(mut known) => {
                known.get_mut().merge(&read).map_err(|error| find::in_file(file, Exit::Usage, &error))?;
            }
        }
    }
    Ok(merged)
}
