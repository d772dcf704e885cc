//! `trust tuf sign`: sign what is staged.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use libtrust::client::tuf::repository::{OwnRepository, SignedRole};
use libtrust::names::RoleName;
use serde::Serialize;

use super::change::role;
use super::lifetimes::LifetimeOptions;
use crate::commands::{Context, shown};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::files;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Largest copy of a staged file, in bytes.
const MAX_FILE: u64 = 256 << 20;

/// Options of `trust tuf sign`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Several people sign copies of the folder; one of them takes in what the others signed, and publishes.

Examples:
  trust tuf sign repo
  trust tuf sign repo --role root
  trust tuf sign repo --take-in root=bob/repo/staged/root.json")]
pub struct Options {
    /// The repository's folder
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
    /// Sign this role alone; may be given several times
    #[arg(long, value_name = "ROLE", value_parser = role)]
    pub role: Vec<RoleName>,
    /// Take in the signatures of a copy of a staged file, and sign nothing
    #[arg(long, value_name = "ROLE=FILE", value_parser = copy, conflicts_with = "role")]
    pub take_in: Vec<(RoleName, PathBuf)>,
}

fn copy(text: &str) -> Result<(RoleName, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or_else(|| "use ROLE=FILE, such as root=root.json".to_owned())?;
    Ok((role(name)?, file.into()))
}

#[derive(Serialize)]
struct Signed {
    dry_run: bool,
    repository: PathBuf,
    roles: Vec<Role>,
}

#[derive(Serialize)]
struct Role {
    role: String,
    /// The keys that signed now.
    signed_now: Vec<String>,
    /// How many signatures were taken in.
    taken_in: usize,
    complete: bool,
    /// How many more are needed.
    missing: usize,
    /// Keys that could sign.
    wanted: Vec<String>,
}

impl Role {
    fn of(signed: &SignedRole, taken_in: usize) -> Self {
        let outstanding = signed.outstanding.as_ref();
        let missing = outstanding.map_or(0, |one| (one.needed.get() as usize).saturating_sub(one.found));
        let wanted = outstanding.iter().flat_map(|one| &one.wanted).map(ToString::to_string).collect();
        let signed_now = signed.signed.iter().map(ToString::to_string).collect();
        Self { role: signed.role.to_string(), signed_now, taken_in, complete: missing == 0, missing, wanted }
    }
}

impl Document for Signed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let dir = self.repository.display().to_string();
        let dir = escape::line(&dir);
        for role in &self.roles {
            let short = |ids: &[String]| ids.iter().map(|id| shown::short(id)).collect::<Vec<_>>().join(", ");
            let name = escape::line(&role.role);
            if !role.signed_now.is_empty() {
                writeln!(to, "{name}: signed by {}", short(&role.signed_now))?;
            }
            if role.taken_in > 0 {
                writeln!(to, "{name}: took in {} signatures", role.taken_in)?;
            }
            if !role.complete {
                writeln!(to, "{name}: lacks {} of the keys {}", role.missing, short(&role.wanted))?;
            }
        }
        if self.roles.iter().all(|role| role.complete) {
            writeln!(to, "{dir}: complete; next: trust tuf publish {dir}")?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If nothing is staged, or none of the keys here may sign it.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let mut repository = OwnRepository::open(&options.dir, LifetimeOptions::default().lifetimes())?;
    let dry_run = session.settings().changes == Changes::Told;
    let mut signed = Signed { dry_run, repository: options.dir.clone(), roles: Vec::new() };
    if dry_run {
        let unsigned =
            |role: &RoleName| Role::of(&SignedRole { role: role.clone(), signed: vec![], outstanding: None }, 0);
        signed.roles = repository.drafts().iter().map(unsigned).collect();
        return output::print(&signed, session.settings().format);
    }
    for (role, file) in &options.take_in {
        let copy = files::read(file, MAX_FILE)?;
        let taken_in = repository.merge(role, &copy)?;
        let outstanding = repository.outstanding_for(role)?;
        signed.roles.push(Role::of(&SignedRole { role: role.clone(), signed: Vec::new(), outstanding }, taken_in));
    }
    if options.take_in.is_empty() {
        let only: BTreeSet<RoleName> = options.role.iter().cloned().collect();
        let only = (!only.is_empty()).then_some(&only);
        let roles = repository.sign(&*session.key_store()?, only)?;
        if roles.iter().all(|role| role.signed.is_empty() && role.outstanding.is_some()) {
            let names: Vec<String> = roles.iter().map(|role| role.role.to_string()).collect();
            let message = format!("no key that may sign {} is here, or all that are have signed", names.join(", "));
            return Err(Failure::new(Exit::Key, message).hint("the keys that are here are listed by: trust key list"));
        }
        signed.roles = roles.iter().map(|role| Role::of(role, 0)).collect();
    }
    output::print(&signed, session.settings().format)
}
