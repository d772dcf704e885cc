//! `trust key list`.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::KeyEntry;
use serde::Serialize;

use crate::commands::Context;
use crate::commands::shown;
use crate::failure::Failure;
use crate::output::{self, Document, Table};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust key list`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key list
  trust key list --output json")]
pub struct Options {}

/// Keys.
#[derive(Debug, Serialize)]
pub struct Keys {
    keys: Vec<Key>,
}

/// A key that is here.
#[derive(Debug, Serialize)]
pub struct Key {
    /// `root`, `targets`, `snapshot`, or a signer's name.
    pub role: String,
    /// The collection it belongs to, if it belongs to one.
    pub name: Option<String>,
    /// Its id.
    pub id: String,
    /// Where it is.
    pub location: String,
}

impl Key {
    /// As it is shown.
    pub fn of(entry: &KeyEntry) -> Self {
        Self {
            role: entry.key_use.role.clone(),
            name: entry.key_use.gun.as_ref().map(ToString::to_string),
            id: entry.id.to_string(),
            location: entry.location.clone(),
        }
    }
}

impl Document for Keys {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["ROLE", "NAME", "KEY", "LOCATION"]);
        for key in &self.keys {
            table.row([&key.role, key.name.as_deref().unwrap_or("any"), shown::short(&key.id), &key.location]);
        }
        table.write(to)
    }
}

/// Runs it.
///
/// # Errors
/// If the folder cannot be read.
pub fn run(_: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let store = session.key_store()?;
    for unreadable in store.unreadable()? {
        session.warn(&format!("{} is not listed: {}", unreadable.location, unreadable.why));
    }
    let mut entries = store.list()?;
    // Root keys first: they are the ones to look after.
    entries.sort_by_key(|entry| {
        let role = entry.key_use.role.clone();
        (role != "root", entry.key_use.gun.clone(), role)
    });
    output::print(&Keys { keys: entries.iter().map(Key::of).collect() }, session.settings().format)
}
