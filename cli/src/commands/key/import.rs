//! `trust key import` and `trust key load`.

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Args;
use libtrust::client::{ImportDefaults, ImportRefusal, Imported};
use serde::Serialize;

use super::{find, generate::signer_name, list::Key};
use crate::commands::name::CollectionName;
use crate::commands::{Context, shown};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust key import`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key import keys.pem
  trust key import --role targets --name registry.example/team/app targets.pem")]
pub struct Options {
    /// PEM files with one or more private keys
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// What keys are for that do not say it: root, targets, snapshot, or a signer's name
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// The collection of targets and snapshot keys that do not say it
    #[arg(long, value_name = "IMAGE")]
    pub name: Option<CollectionName>,
}

/// Options of `trust key load`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key load --name alice alice.pem")]
pub struct LoadOptions {
    /// The private key (PEM); nobody else may be able to read the file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The signer's name, if the key does not say it
    #[arg(long, value_name = "NAME", default_value = "signer", value_parser = signer_name)]
    pub name: String,
}

#[derive(Serialize)]
struct Keys {
    dry_run: bool,
    keys: Vec<Taken>,
}

#[derive(Serialize)]
struct Taken {
    file: PathBuf,
    /// Which block of the file it is, from 1.
    position: usize,
    /// `added`, `would-be-added`, `already-there`, `refused`.
    outcome: &'static str,
    key: Option<Key>,
    why: Option<String>,
}

impl Document for Keys {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for taken in &self.keys {
            let file = taken.file.display().to_string();
            let file = escape::line(&file);
            match (&taken.key, &taken.why) {
                (Some(key), _) => {
                    writeln!(
                        to,
                        "{file}: {} key {} {}",
                        key.role,
                        shown::short(&key.id),
                        taken.outcome.replace('-', " ")
                    )?;
                }
                (None, why) => {
                    let why = why.as_deref().unwrap_or_default();
                    writeln!(to, "{file}: block {} {}: {}", taken.position, taken.outcome, escape::line(why))?;
                }
            }
        }
        Ok(())
    }
}

/// Runs `trust key import`.
///
/// # Errors
/// If a file holds no key, or one of the keys cannot be used from now on; the others are taken in.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let gun = options.name.as_ref().map(|name| name.0.clone());
    take_in(&session, &options.files, &ImportDefaults { role: options.role.clone(), gun })
}

/// Runs `trust key load`.
///
/// # Errors
/// If others can read the file, or a key in it cannot be used from now on.
pub fn load(options: &LoadOptions, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    private(&options.file)?;
    let defaults = ImportDefaults { role: Some(options.name.clone()), gun: None };
    take_in(&session, std::slice::from_ref(&options.file), &defaults)
}

fn private(file: &Path) -> Result<(), Failure> {
    let metadata = std::fs::metadata(file).map_err(|error| find::in_file(file, Exit::Key, &error))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        let message = format!("{} can be read or written by others: the key may be known to them", file.display());
        return Err(Failure::new(Exit::Key, message).hint(format!("chmod 600 {}", file.display())));
    }
    Ok(())
}

fn take_in(session: &Session, files: &[PathBuf], defaults: &ImportDefaults) -> Result<(), Failure> {
    let dry_run = session.settings().changes == Changes::Told;
    let store = session.keys();
    let mut keys = Keys { dry_run, keys: Vec::new() };
    for file in files {
        let text = find::read(file)?;
        let report = if dry_run { store.examine(&text, defaults) } else { store.import(&text, defaults) };
        let report = report.map_err(|error| find::in_file(file, Exit::Key, &error))?;
        for block in report.blocks {
            let (outcome, key, why) = match block.outcome {
                Ok(Imported::Added(entry)) if dry_run => ("would-be-added", Some(Key::of(&entry)), None),
                Ok(Imported::Added(entry)) => ("added", Some(Key::of(&entry)), None),
                Ok(Imported::AlreadyThere(entry)) => ("already-there", Some(Key::of(&entry)), None),
                Err(why) => ("refused", None, Some(reason(&why))),
            };
            keys.keys.push(Taken { file: file.clone(), position: block.position, outcome, key, why });
        }
    }
    output::print(&keys, session.settings().format)?;
    let refused: Vec<&Taken> = keys.keys.iter().filter(|taken| taken.key.is_none()).collect();
    match refused.first() {
        None => Ok(()),
        Some(first) => {
            let message = format!("{} of {} keys were not taken in", refused.len(), keys.keys.len());
            let why = first.why.clone().unwrap_or_default();
            Err(Failure::new(Exit::Key, why).while_doing(message).hint("the keys that were taken in can be used"))
        }
    }
}

fn reason(why: &ImportRefusal) -> String {
    match why {
        ImportRefusal::NoCollection { .. } => format!("{why}: --name IMAGE"),
        why => why.to_string(),
    }
}
