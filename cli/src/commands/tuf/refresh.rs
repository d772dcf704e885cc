//! `trust tuf refresh`: bring the trusted metadata of a repository up to date.

use std::io::{self, Write};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Args;
use libtrust::client::tuf::Repository;
use libtrust::client::{Clock as _, SystemClock};
use libtrust::metadata::Metadata;
use libtrust::verify::Verified;
use serde::Serialize;

use super::client_options::{ClientOptions, needed};
use super::reader::{Reader, wait};
use crate::commands::Context;
use crate::failure::Failure;
use crate::output::{self, Document, escape};

/// Options of `trust tuf refresh`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Ends with 0 or 1. What was verified until something went wrong is kept.

Examples:
  trust tuf refresh --metadata-dir trusted --metadata-url https://repo.example/metadata")]
pub struct Options {
    /// Where and what.
    #[command(flatten)]
    pub client: ClientOptions,
}

#[derive(Serialize)]
struct Refreshed {
    metadata_dir: PathBuf,
    roles: Vec<Role>,
    good_until: DateTime<Utc>,
}

#[derive(Serialize)]
struct Role {
    role: String,
    version: u64,
    expires: DateTime<Utc>,
}

impl Role {
    fn of<T: Metadata>(file: &Verified<T>) -> Self {
        Self { role: file.role().to_string(), version: file.version().get(), expires: file.expires() }
    }
}

impl Document for Refreshed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let roles: Vec<String> = self.roles.iter().map(|role| format!("{} {}", role.role, role.version)).collect();
        let dir = self.metadata_dir.display().to_string();
        let until = self.good_until.format("%F %T UTC");
        writeln!(to, "{}: {}; good until {until}", escape::line(&dir), roles.join(", "))
    }
}

/// Runs it.
///
/// # Errors
/// If the repository cannot be read or verified.
pub fn run(options: &ClientOptions, context: &Context) -> Result<(), Failure> {
    let reader = Reader::new(options, context)?;
    let repository = wait(reader.client.refresh(SystemClock.now()))??;
    let metadata_dir = needed(options.metadata_dir.as_ref(), "--metadata-dir")?;
    output::print(&refreshed(metadata_dir, &repository), context.options.output)
}

fn refreshed(metadata_dir: PathBuf, repository: &Repository) -> Refreshed {
    let trusted = repository.trusted();
    let targets = trusted.targets();
    let roles = [Role::of(trusted.root()), Role::of(trusted.timestamp()), Role::of(trusted.snapshot())];
    let roles: Vec<Role> = roles.into_iter().chain(targets.as_deref().map(Role::of)).collect();
    let good_until = roles.iter().map(|role| role.expires).min().unwrap_or_default();
    Refreshed { metadata_dir, roles, good_until }
}
