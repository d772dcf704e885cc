//! `trust key backup` and `trust key restore`: every key in one sealed file.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::client::{KeyStore as _, Restored};
use serde::Serialize;

use super::{find, list::Key, secret, write};
use crate::commands::{Context, shown};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust key backup`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key backup keys.backup
  trust key backup --backup-passphrase-file passphrase keys.backup")]
pub struct Options {
    /// A new file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The first line of this file is the backup's passphrase
    #[arg(long, value_name = "FILE")]
    pub backup_passphrase_file: Option<PathBuf>,
}

/// Options of `trust key restore`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key restore keys.backup")]
pub struct RestoreOptions {
    /// The backup
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The first line of this file is the backup's passphrase
    #[arg(long, value_name = "FILE")]
    pub backup_passphrase_file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Saved {
    dry_run: bool,
    file: PathBuf,
    keys: Vec<String>,
    /// Files that look like keys, cannot be read, and are not in the backup.
    unreadable: Vec<String>,
}

impl Document for Saved {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let (count, file) = (self.keys.len(), self.file.display().to_string());
        let did = if self.dry_run { "would be" } else { "are" };
        writeln!(to, "{count} keys {did} in {}; each still needs its own passphrase, too", escape::line(&file))
    }
}

#[derive(Serialize)]
struct Back {
    dry_run: bool,
    added: Vec<Key>,
    already_there: Vec<Key>,
}

impl Document for Back {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for (keys, what) in [(&self.added, "restored"), (&self.already_there, "already there, left as it is")] {
            keys.iter().try_for_each(|key| writeln!(to, "{} key {} {what}", key.role, shown::short(&key.id)))?;
        }
        Ok(())
    }
}

/// Runs `trust key backup`.
///
/// # Errors
/// If there is nothing to save, no passphrase, or the file is there already.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    write::must_be_absent(&options.file)?;
    let store = session.keys();
    let dry_run = session.settings().changes == Changes::Told;
    let (keys, unreadable) = if dry_run {
        (store.list()?.into_iter().map(|entry| entry.id).collect(), store.unreadable()?)
    } else {
        let passphrase = secret::of_backup(&session, options.backup_passphrase_file.as_deref(), true)?;
        let backup = store.backup(&passphrase)?;
        write::new(&options.file, backup.text.as_bytes())?;
        (backup.saved, backup.unreadable)
    };
    for lost in &unreadable {
        session.warn(&format!("{} is not in the backup: {}", lost.location, lost.why));
    }
    let saved = Saved {
        dry_run,
        file: options.file.clone(),
        keys: keys.iter().map(ToString::to_string).collect(),
        unreadable: unreadable.into_iter().map(|lost| lost.location).collect(),
    };
    output::print(&saved, session.settings().format)
}

/// Runs `trust key restore`.
///
/// # Errors
/// If it is no backup, or of another passphrase; nothing is stored then.
pub fn restore(options: &RestoreOptions, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let text = find::read(&options.file)?;
    if session.settings().changes == Changes::Told {
        let nothing = Back { dry_run: true, added: Vec::new(), already_there: Vec::new() };
        return output::print(&nothing, session.settings().format);
    }
    let passphrase = secret::of_backup(&session, options.backup_passphrase_file.as_deref(), false)?;
    let restored = session.keys().restore(&text, &passphrase);
    let restored = restored.map_err(|error| find::in_file(&options.file, Exit::Key, &error))?;
    let mut back = Back { dry_run: false, added: Vec::new(), already_there: Vec::new() };
    for key in &restored {
        match key {
            Restored::Added(entry) => back.added.push(Key::of(entry)),
            Restored::AlreadyThere(entry) => back.already_there.push(Key::of(entry)),
        }
    }
    output::print(&back, session.settings().format)
}
