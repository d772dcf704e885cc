//! Changes to collections, the same in every verb that makes them: published, staged, or only told.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use clap::Args;
use libtrust::client::{Changelists, Client, Collection, Offline, PublishError, SystemClock};
use libtrust::edit::Change;
use libtrust::keys::PublicKey;
use libtrust::metadata::{Target, Threshold};
use libtrust::names::{Gun, KeyId};
use serde::Serialize;

use super::shown::{self, FileVersion};
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;

/// Whether a change waits for `trust publish`.
#[derive(Debug, Clone, Copy, Args)]
pub struct Staging {
    /// Keep the change in the trust folder, to be published with others: trust publish
    #[arg(long)]
    pub stage: bool,
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
    /// What was not done, and why.
    remaining: Vec<String>,
}

/// One change.
#[derive(Debug, Default, Serialize)]
pub struct ShownChange {
    action: &'static str,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    paths: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u32>,
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

    /// Says that the collection was begun.
    #[must_use]
    pub fn begun(self) -> Self {
        Self { initialized: true, ..self }
    }

    /// As it is shown.
    pub fn of(gun: &Gun, changes: &[Change], roles: Vec<FileVersion>) -> Self {
        let changes = changes.iter().map(ShownChange::of).collect();
        Self { name: gun.to_string(), staged: false, initialized: false, changes, roles, remaining: Vec::new() }
    }
}

impl Document for Changed {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        for collection in &self.collections {
            let name = escape::line(&collection.name);
            let did = match (self.dry_run, collection.staged, collection.changes.is_empty()) {
                (_, _, true) if collection.initialized => "begun",
                (_, _, true) => "nothing to change",
                (true, false, _) => "would publish",
                (true, true, _) => "would stage",
                (false, true, _) => "staged",
                (false, false, _) => "published",
            };
            writeln!(to, "{name}: {did}")?;
            collection.changes.iter().try_for_each(|change| change.write(to))?;
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

impl ShownChange {
    /// As it is shown.
    pub fn of(change: &Change) -> Self {
        let new = |action, role: &dyn std::fmt::Display| Self { action, role: role.to_string(), ..Self::default() };
        let ids = |keys: &[KeyId]| keys.iter().map(ToString::to_string).collect();
        let own = |keys: &[PublicKey]| keys.iter().map(|key| shown::canonical(key).to_string()).collect();
        let count = |threshold: &Option<Threshold>| threshold.map(Threshold::get);
        match change {
            Change::AddTarget { role, name, target } => {
                Self { name: Some(name.clone()), digest: digest(target), ..new("add-target", role) }
            }
            Change::RemoveTarget { role, name } => Self { name: Some(name.clone()), ..new("remove-target", role) },
            Change::AddDelegation { role, keys, threshold, paths } => Self {
                keys: own(keys),
                paths: paths.clone(),
                threshold: count(threshold),
                ..new("add-delegation", role)
            },
            Change::ReduceDelegation { role, keys, paths, all_paths: false } => {
                Self { keys: ids(keys), paths: paths.clone(), ..new("reduce-delegation", role) }
            }
            Change::ReduceDelegation { role, keys, .. } => {
                Self { keys: ids(keys), ..new("clear-delegation-paths", role) }
            }
            Change::RemoveDelegation { role } => new("remove-delegation", role),
            Change::PurgeKeys { keys } => Self { keys: ids(keys), ..new("purge-keys", &"targets/*") },
            Change::Witness { role } => new("witness", role),
            Change::ReplaceKeys { role, keys, threshold } => {
                Self { keys: own(keys), threshold: count(threshold), ..new("replace-keys", role) }
            }
            Change::RenewRoot => new("renew", &"root"),
            _ => new("change", &"unknown"),
        }
    }

    /// One line for people.
    fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        write!(to, "  {}", self.line())?;
        writeln!(to)
    }

    /// In words.
    pub fn line(&self) -> String {
        let Self { action, role, name, digest, keys, paths, threshold } = self;
        let mut text = format!("{} {role}", action.replace('-', " "));
        if let Some(name) = name {
            text = format!(
                "{} {name} {} {role}",
                action.replace("-target", ""),
                if *action == "add-target" { "to" } else { "from" }
            );
        }
        if let Some(digest) = digest {
            text += &format!(", {digest}");
        }
        if !keys.is_empty() {
            text += &format!(", keys {}", keys.iter().map(|id| shown::short(id)).collect::<Vec<_>>().join(" "));
        }
        if !paths.is_empty() {
            let all = |path: &String| if path.is_empty() { "all names".to_owned() } else { format!("{path}*") };
            text += &format!(", for {}", paths.iter().map(all).collect::<Vec<_>>().join(" "));
        }
        if let Some(threshold) = threshold {
            text += &format!(", {threshold} must sign");
        }
        escape::line(&text).into_owned()
    }
}

fn digest(target: &Target) -> Option<String> {
    target.digests.sha256.map(|digest| format!("sha256:{}", hex::encode(digest)))
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
    let roles = publication.roles.iter().map(|(role, version)| FileVersion::of(role, *version)).collect();
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

/// Changes that do not depend on the state they are applied to: staged or published.
///
/// # Errors
/// As [`stage`] and [`publish`].
pub fn make(session: &Session, gun: &Gun, staging: Staging, changes: &[Change]) -> Result<ChangedCollection, Failure> {
    if staging.stage { stage(session, gun, changes) } else { publish(session, gun, |_| Ok(changes.to_vec())) }
}
