//! Changes to collections, the same in every verb that makes them: published, staged, or only told.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use clap::Args;
use libtrust::client::{Changelists, Client, Collection, Offline, PublishError, SystemClock};
use libtrust::edit::Change;
use libtrust::names::Gun;
use serde::Serialize;

use super::root::partial;
use super::shown::{self, FileVersion};
use super::shown_change::ShownChange;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;

/// Whether a change waits: for `trust publish`, or for the signatures of others.
#[derive(Debug, Clone, Args)]
pub struct Staging {
    /// Keep the change in the trust folder, to be published with others: trust publish
    #[arg(long)]
    pub stage: bool,
    /// Write what would be published into a new file, for others to sign: trust root sign
    #[arg(long, value_name = "FILE", conflicts_with = "stage")]
    pub prepare: Option<PathBuf>,
}

/// What became of changes to collections.
#[derive(Debug, Serialize)]
pub struct Changed {
    dry_run: bool,
    collections: Vec<ChangedCollection>,
}

/// What became of one collection.
#[derive(Debug, Serialize)]
pub struct ChangedCollection {
    name: String,
    /// Whether the changes wait for `trust publish`.
    staged: bool,
    /// Whether the collection was begun with this.
    initialized: bool,
    changes: Vec<ShownChange>,
    /// The files that were signed anew, with their versions.
    roles: Vec<FileVersion>,
    /// Files that wait for signatures.
    prepared: Vec<PathBuf>,
    /// What was not done, and why.
    remaining: Vec<String>,
}

impl Changed {
    /// Does something for each of several names, in order, and prints what became of them. What was done before one
    /// fails is printed, too.
    ///
    /// # Errors
    /// The first failure, or that of printing.
    pub fn each<'a>(
        session: &Session,
        guns: impl IntoIterator<Item = &'a Gun>,
        mut one: impl FnMut(&Gun) -> Result<ChangedCollection, Failure>,
    ) -> Result<(), Failure> {
        let dry_run = session.settings().changes == Changes::Told;
        let mut changed = Self { dry_run, collections: Vec::new() };
        let mut failed = None;
        for gun in guns {
            match one(gun) {
                Ok(collection) => changed.collections.push(collection),
                Err(failure) => {
                    failed = Some(failure.while_doing(format!("{gun} was not changed")));
                    break;
                }
            }
        }
        if failed.is_none() || !changed.collections.is_empty() {
            output::print(&changed, session.settings().format)?;
        }
        failed.map_or(Ok(()), Err)
    }
}

impl ChangedCollection {
    /// Says that something was not done.
    #[must_use]
    pub fn with_remaining(self, remaining: Vec<String>) -> Self {
        Self { remaining, ..self }
    }

    /// The files that wait for signatures.
    #[must_use]
    pub fn prepared(&self) -> &[PathBuf] {
        &self.prepared
    }

    /// Says that the collection was begun.
    #[must_use]
    pub fn begun(self) -> Self {
        Self { initialized: true, ..self }
    }

    /// As it is shown.
    pub fn of(gun: &Gun, changes: &[Change], roles: Vec<FileVersion>) -> Self {
        let changes = changes.iter().map(ShownChange::of).collect();
        Self {
            name: gun.to_string(),
            staged: false,
            initialized: false,
            changes,
            roles,
            prepared: Vec::new(),
            remaining: Vec::new(),
        }
    }
}

impl Document for Changed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for collection in &self.collections {
            let name = escape::line(&collection.name);
            let did = match (self.dry_run, collection.staged, collection.changes.is_empty()) {
                (_, _, true) if collection.initialized => "begun",
                (_, _, true) if !collection.roles.is_empty() => "published",
                (_, false, _) if !collection.prepared.is_empty() => "prepared",
                (_, _, true) => "nothing to change",
                (true, false, _) => "would publish",
                (true, true, _) => "would stage",
                (false, true, _) => "staged",
                (false, false, _) => "published",
            };
            writeln!(to, "{name}: {did}")?;
            collection.changes.iter().try_for_each(|change| writeln!(to, "  {}", change.line()))?;
            for file in &collection.prepared {
                writeln!(to, "  to be signed: trust root sign {}", escape::line(&file.display().to_string()))?;
            }
            for left in &collection.remaining {
                writeln!(to, "  not done: {}", escape::line(left))?;
            }
            if !collection.roles.is_empty() {
                let roles: Vec<String> =
                    collection.roles.iter().map(|file| format!("{} {}", file.role, file.version)).collect();
                writeln!(to, "  signed: {}", roles.join(", "))?;
            }
        }
        Ok(())
    }
}

/// The collection as it is now, and what a reader should know about it.
///
/// # Errors
/// Why there is no trusted state of it.
pub fn current(session: &Session, client: &Client, gun: &Gun) -> Result<Collection, Failure> {
    let collection = session.wait(client.update(gun, Offline::Never))?;
    shown::warnings(session, &collection);
    Ok(collection)
}

/// Makes the changes that `plan` sees fit for the collection's current state, in one publication. It is asked again if
/// somebody else publishes in between.
///
/// # Errors
/// What `plan` says, or why nothing was published.
pub fn publish(
    session: &Session,
    gun: &Gun,
    plan: impl Fn(&Collection) -> Result<Vec<Change>, PublishError> + Send + Sync,
) -> Result<ChangedCollection, Failure> {
    let publisher = session.publisher(gun)?;
    if session.settings().changes == Changes::Told {
        let collection = session.wait(publisher.client().update(gun, Offline::Never))?;
        let changes = plan(&collection)?;
        let roles = publisher.preview(&collection, &changes)?;
        let roles = roles.iter().map(|(role, version)| FileVersion::of(role, *version)).collect();
        return Ok(ChangedCollection::of(gun, &changes, roles));
    }
    let planned = Mutex::new(Vec::new());
    let remembered = |collection: &Collection| {
        let changes = plan(collection)?;
        planned.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&changes);
        Ok(changes)
    };
    let publication = session.wait(publisher.publish_with(gun, remembered))?;
    let roles = shown::published(session, gun, &publication);
    let planned = planned.into_inner().unwrap_or_else(PoisonError::into_inner);
    // A change that is already true is none.
    let planned = if publication.roles.is_empty() { Vec::new() } else { planned };
    Ok(ChangedCollection::of(gun, &planned, roles))
}

/// Stages changes for `trust publish`, or `notary publish`.
///
/// # Errors
/// If they cannot be written.
pub fn stage(session: &Session, gun: &Gun, changes: &[Change]) -> Result<ChangedCollection, Failure> {
    let lists = Changelists::new(&session.settings().trust_dir);
    if session.settings().changes == Changes::Made {
        changes.iter().try_for_each(|change| lists.stage(gun, change, &SystemClock))?;
    }
    Ok(ChangedCollection { staged: true, ..ChangedCollection::of(gun, changes, Vec::new()) })
}

/// Writes what changes lead to into files, signed with the keys that are here, for others to sign.
///
/// # Errors
/// If a change does not fit the collection, or a file is there already.
pub fn prepare(session: &Session, gun: &Gun, changes: &[Change], to: &Path) -> Result<ChangedCollection, Failure> {
    let partials = session.wait(session.publisher(gun)?.prepare(gun, changes))?;
    let prepared = partial::write_new(to, &partials, session.settings().changes)?;
    Ok(ChangedCollection { prepared, ..ChangedCollection::of(gun, changes, Vec::new()) })
}

/// Changes that do not depend on the state they are applied to: staged, prepared or published.
///
/// # Errors
/// As [`stage`], [`prepare`] and [`publish`].
pub fn make(session: &Session, gun: &Gun, staging: &Staging, changes: &[Change]) -> Result<ChangedCollection, Failure> {
    match staging {
        Staging { stage: true, .. } => stage(session, gun, changes),
        Staging { prepare: Some(to), .. } => prepare(session, gun, changes, to),
        _ => publish(session, gun, |_| Ok(changes.to_vec())),
    }
}
