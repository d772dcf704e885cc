//! `trust publish`, `trust status` and `trust reset`: changes that wait in the trust folder, for us as for `notary`.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::{Changelists, StagedChange};
use libtrust::edit::Change;
use libtrust::names::Gun;
use serde::Serialize;

use super::change::{self, Changed, ChangedCollection};
use super::name::CollectionName;
use super::shown;
use super::shown_change::ShownChange;
use super::{Context, ask};
use crate::failure::Failure;
use crate::output::{self, Document, Table};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust publish`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust publish registry.example/team/app")]
pub struct PublishOptions {
    /// Repositories
    #[arg(required = true, value_name = "IMAGE")]
    pub names: Vec<CollectionName>,
}

/// Options of `trust status`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust status registry.example/team/app")]
pub struct StatusOptions {
    /// Repositories
    #[arg(required = true, value_name = "IMAGE")]
    pub names: Vec<CollectionName>,
}

/// Options of `trust reset`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust reset --number 1,2 registry.example/team/app
  trust reset --all registry.example/team/app")]
pub struct ResetOptions {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// The changes to drop, by the numbers that `trust status` shows
    #[arg(long, short = 'n', value_name = "N", value_delimiter = ',', required_unless_present = "all")]
    pub number: Vec<usize>,
    /// Drop all of them, also files that are no changes
    #[arg(long, conflicts_with = "number")]
    pub all: bool,
}

#[derive(Serialize)]
struct Status {
    collections: Vec<Waiting>,
}

#[derive(Serialize)]
struct Waiting {
    name: String,
    staged: Vec<ShownChange>,
}

impl Document for Status {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["IMAGE", "#", "CHANGE"]);
        for collection in &self.collections {
            for (number, change) in collection.staged.iter().enumerate() {
                table.row([&collection.name, &number.to_string(), &change.line()]);
            }
        }
        table.write(to)
    }
}

/// Runs `trust publish`.
///
/// # Errors
/// If a staged file is no change, or the changes cannot be published. They stay staged then.
pub fn publish(options: &PublishOptions, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    Changed::each(&session, options.names.iter().map(|name| &name.0), |gun| publish_one(&session, gun))
}

fn publish_one(session: &Session, gun: &Gun) -> Result<ChangedCollection, Failure> {
    let staged = lists(session).staged(gun)?;
    let changes: Vec<Change> = staged.iter().map(|staged| staged.change.clone()).collect();
    if session.settings().changes == Changes::Told {
        return change::publish(session, gun, |_| Ok(changes.clone()));
    }
    // Also what was begun and never sent, as `notary init` leaves it.
    let publication = session.wait(session.publisher(gun)?.publish(gun, &changes))?;
    lists(session).remove(gun, &staged).map_err(|error| {
        Failure::from(error).while_doing("the changes are published, and still staged").hint("trust reset --all")
    })?;
    let roles = shown::published(session, gun, &publication);
    Ok(ChangedCollection::of(gun, &changes, roles))
}

/// Runs `trust status`.
///
/// # Errors
/// If a staged file cannot be read or is no change.
pub fn status(options: &StatusOptions, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let collections = options.names.iter().map(|name| {
        let staged = lists(&session).staged(&name.0)?;
        Ok(Waiting { name: name.to_string(), staged: staged.iter().map(|s| ShownChange::of(&s.change)).collect() })
    });
    let collections = collections.collect::<Result<Vec<_>, Failure>>()?;
    output::print(&Status { collections }, session.settings().format)
}

#[derive(Serialize)]
struct Dropped {
    dry_run: bool,
    name: String,
    dropped: Vec<ShownChange>,
}

impl Document for Dropped {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let did = if self.dry_run { "would drop" } else { "dropped" };
        self.dropped.iter().try_for_each(|change| writeln!(to, "{did}: {}", change.line()))
    }
}

/// Runs `trust reset`.
///
/// # Errors
/// If a number is none of a staged change, or the answer is no.
pub fn reset(options: &ResetOptions, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let gun = &options.name.0;
    let made = session.settings().changes == Changes::Made;
    let staged =
        if options.all { lists(&session).staged(gun).unwrap_or_default() } else { lists(&session).staged(gun)? };
    let dropped: Vec<StagedChange> = if options.all {
        ask::sure(&session, &format!("Drop every staged change of {gun}?"))?;
        if made {
            lists(&session).clear(gun)?;
        }
        staged
    } else {
        let wanted = options.number.iter().map(|number| {
            let none =
                || Failure::usage(format!("there is no staged change {number}")).hint(format!("trust status {gun}"));
            staged.get(*number).cloned().ok_or_else(none)
        });
        let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
        if made {
            lists(&session).remove(gun, &wanted)?;
        }
        wanted
    };
    let dropped = dropped.iter().map(|staged| ShownChange::of(&staged.change)).collect();
    output::print(&Dropped { dry_run: !made, name: gun.to_string(), dropped }, session.settings().format)
}

fn lists(session: &Session) -> Changelists {
    Changelists::new(&session.settings().trust_dir)
}
