//! `trust key remove`.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::KeyEntry;
use serde::Serialize;

use super::{find, list::Key};
use crate::commands::{Context, ask, shown};
use crate::failure::Failure;
use crate::output::{self, Document};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust key remove`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key remove 5f1a1c2")]
pub struct Options {
    /// Keys, by id or how it begins
    #[arg(required = true, value_name = "ID")]
    pub keys: Vec<String>,
}

#[derive(Serialize)]
struct Removed {
    dry_run: bool,
    keys: Vec<Key>,
}

impl Document for Removed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let did = if self.dry_run { "would remove" } else { "removed" };
        self.keys.iter().try_for_each(|key| writeln!(to, "{did} {} key {}", key.role, shown::short(&key.id)))
    }
}

/// Runs it.
///
/// # Errors
/// If a key is not here, or the answer is no.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    // All are found before the first is removed.
    let entries = options.keys.iter().map(|id| find::key(&session, id)).collect::<Result<Vec<_>, _>>()?;
    for entry in &entries {
        ask::sure(&session, &question(entry))?;
    }
    let dry_run = session.settings().changes == Changes::Told;
    if !dry_run {
        let store = session.key_store()?;
        entries.iter().try_for_each(|entry| store.remove(&entry.id))?;
    }
    let keys = entries.iter().map(Key::of).collect();
    output::print(&Removed { dry_run, keys }, session.settings().format)
}

fn question(entry: &KeyEntry) -> String {
    let of = entry.key_use.gun.as_ref().map(|gun| format!(" of {gun}")).unwrap_or_default();
    let warning = if entry.key_use.role == "root" {
        " Without a copy, nobody can ever change the keys of the collections it began."
    } else {
        ""
    };
    format!("Remove {} key {}{of} for good?{warning}", entry.key_use.role, shown::short(entry.id.as_str()))
}
