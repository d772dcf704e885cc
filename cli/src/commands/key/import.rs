//! `trust key import`: what it says it imported can be used.

use std::io::{self, Read, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::client::{ImportDefaults, Imported};
use libtrust::names::Gun;
use serde::Serialize;
use zeroize::Zeroizing;

use super::Key;
use crate::commands::Context;
use crate::commands::session::keys;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape, notice};
use crate::settings::Changes;

/// A byte more than the library reads, so that it says what is wrong with a larger file.
const MAX_FILE: u64 = (4 << 20) + 1;

/// Options of `trust key import`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Sealed keys are asked for their passphrase and keep it. Plain ones get a new one. A key that is here already stays as it is.

Examples:
  trust key import alice-key.pem --role alice
  trust key import backup.pem
  trust key import targets.pem --role targets --image registry.example/team/app")]
pub struct Options {
    /// The file, PEM
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// What the keys are for, where the file does not say: root, targets, a signer's name
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// The image whose keys they are, where the file does not say
    #[arg(long, value_name = "IMAGE", value_parser = gun)]
    pub image: Option<Gun>,
}

/// What became of the keys of a file.
#[derive(Debug, Serialize)]
struct Report {
    added: Vec<Key>,
    already_there: Vec<Key>,
}

/// Imports every key that can be used, and fails if one cannot.
pub(super) fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let settings = context.settings()?;
    if settings.changes == Changes::Told {
        return Err(Failure::usage("what an import does is known once it is done: --dry-run does not go with it"));
    }
    let shown = options.file.display().to_string();
    let unreadable =
        |error: io::Error| Failure::caused(Exit::Failure, &error).while_doing(format!("cannot read {shown}"));
    let file = std::fs::File::open(&options.file).map_err(unreadable)?;
    let mut text = Zeroizing::new(Vec::new());
    file.take(MAX_FILE).read_to_end(&mut text).map_err(unreadable)?;

    let defaults = ImportDefaults { role: options.role.clone(), gun: options.image.clone() };
    let done = keys(context)?.import(&text, &defaults);
    let done = done.map_err(|error| Failure::from(error).while_doing(format!("cannot import {shown}")))?;
    let (mut report, mut refused) = (Report { added: Vec::new(), already_there: Vec::new() }, Vec::new());
    for block in done.blocks {
        match block.outcome {
            Ok(Imported::Added(entry)) => report.added.push(entry.into()),
            Ok(Imported::AlreadyThere(entry)) => report.already_there.push(entry.into()),
            Err(why) => refused.push(format!("block {} of {shown} was not imported: {why}", block.position)),
        }
    }
    output::print(&report, context.options.output)?;
    let Some(last) = refused.pop() else { return Ok(()) };
    refused.iter().for_each(|why| notice::warning(why));
    Err(Failure::new(Exit::Key, last))
}

fn gun(text: &str) -> Result<Gun, String> {
    let image: libtrust::names::ImageReference = text.parse().map_err(|error| format!("{error}"))?;
    Ok(image.gun().clone())
}

impl Document for Report {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for (done, keys) in [("imported", &self.added), ("already here:", &self.already_there)] {
            for key in keys {
                writeln!(to, "{done} {} key {}", escape::line(&key.role), key.id)?;
            }
        }
        Ok(())
    }
}
