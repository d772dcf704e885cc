//! `trust migrate`: publish collections in TUF 1.0 beside Notary's form, with the same keys.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::{Offline, Publisher, TufForm};
use libtrust::names::Gun;
use serde::Serialize;

use super::Context;
use super::name::CollectionName;
use super::shown::{self, FileVersion};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust migrate`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Nothing changes for those who use the collection: Docker and Notary read what they read before, and whatever is published
from now on is published in both forms, with the same keys. Any TUF client finds the images below SERVER/tuf/NAME/metadata/,
by tag and by sha256:DIGEST. Needs the keys of root, targets and delegations once; a delegation whose keys are elsewhere is
left out until this is run where they are. Run again, it brings up what other programs published in between.

Examples:
  trust migrate registry.example/team/app
  trust migrate registry.example/team/app registry.example/team/base")]
pub struct Options {
    /// Collections
    #[arg(required = true, value_name = "IMAGE")]
    pub names: Vec<CollectionName>,
}

#[derive(Serialize)]
struct Migrated {
    dry_run: bool,
    collections: Vec<MigratedCollection>,
}

#[derive(Serialize)]
struct MigratedCollection {
    name: String,
    /// The files that were published in TUF 1.0, with their versions.
    roles: Vec<FileVersion>,
    /// Roles whose keys are elsewhere.
    left: Vec<String>,
}

impl Document for Migrated {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for collection in &self.collections {
            let name = escape::line(&collection.name);
            if self.dry_run {
                writeln!(to, "{name}: would publish in TUF 1.0")?;
            } else if collection.roles.is_empty() {
                writeln!(to, "{name}: nothing to change in TUF 1.0")?;
            } else {
                let roles = collection.roles.iter().map(|file| format!("{} {}", file.role, file.version));
                writeln!(to, "{name}: published in TUF 1.0: {}", roles.collect::<Vec<_>>().join(", "))?;
            }
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If a collection cannot be read or published, or roles are left. Collections before it in order are published.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let dry_run = session.settings().changes == Changes::Told;
    let mut migrated = Migrated { dry_run, collections: Vec::new() };
    let mut failed = None;
    for CollectionName(gun) in &options.names {
        match one(&session, gun, dry_run) {
            Ok(collection) => migrated.collections.push(collection),
            Err(failure) => {
                failed = Some(failure.while_doing(format!("cannot migrate {gun}")));
                break;
            }
        }
    }
    if failed.is_none() || !migrated.collections.is_empty() {
        output::print(&migrated, session.settings().format)?;
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    let left: Vec<String> = migrated
        .collections
        .iter()
        .flat_map(|one| one.left.iter().map(|role| format!("{role} of {}", one.name)))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    let failure = Failure::new(Exit::Key, format!("not published in TUF 1.0: {}", left.join(", ")));
    Err(failure.hint("run it where the keys of these roles and of the role above are"))
}

fn one(session: &Session, gun: &Gun, dry_run: bool) -> Result<MigratedCollection, Failure> {
    let publisher = session.publisher(gun)?;
    let mut migrated = MigratedCollection { name: gun.to_string(), roles: Vec::new(), left: Vec::new() };
    if dry_run {
        session.wait(publisher.client().update(gun, Offline::Never))?;
        return Ok(migrated);
    }
    if let Some(published) = session.wait(publisher.publish_in_tuf(gun, TufForm::Begun))? {
        migrated.roles = shown::in_tuf(session, gun, &published);
        migrated.left = published.left.iter().map(ToString::to_string).collect();
    }
    Ok(migrated)
}

/// Begins the TUF 1.0 form of a collection that was just published.
///
/// # Errors
/// Why it could not be.
pub fn begin(session: &Session, gun: &Gun, publisher: &Publisher) -> Result<(), Failure> {
    let published = session.wait(publisher.publish_in_tuf(gun, TufForm::Begun));
    let published = published.map_err(|error| Failure::from(error).while_doing("published, though not in TUF 1.0"))?;
    if let Some(published) = published {
        shown::in_tuf(session, gun, &published);
    }
    Ok(())
}
