//! `trust key rotate`: new keys for root, targets, snapshot or timestamp.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::{Collection, NewKeys, Publisher};
use libtrust::edit::Change;
use libtrust::metadata::Threshold;
use libtrust::names::{Gun, KeyId, RoleName};
use serde::Serialize;

use super::find;
use crate::commands::name::CollectionName;
use crate::commands::shown::{self, FileVersion};
use crate::commands::{Context, ask, change, init};
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust key rotate`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust key rotate registry.example/team/app targets
  trust key rotate --server-managed registry.example/team/app snapshot
  trust key rotate --key 5f1a1c2,9be0c41 --threshold 2 registry.example/team/app root")]
pub struct Options {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// root, targets, snapshot, or timestamp, whose key is always the server's
    #[arg(value_name = "ROLE")]
    pub role: RoleName,
    /// Let the server make and hold the new snapshot key
    #[arg(long, conflicts_with = "key")]
    pub server_managed: bool,
    /// Keys that are here, instead of a new one: by id or how it begins
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub key: Vec<String>,
    /// How many of them must sign
    #[arg(long, value_name = "N", value_parser = init::threshold)]
    pub threshold: Option<Threshold>,
    /// Leave the old private keys of targets or snapshot here
    #[arg(long)]
    pub keep_old: bool,
}

#[derive(Serialize)]
struct Rotated {
    dry_run: bool,
    name: String,
    role: String,
    /// The keys the role has now.
    keys: Vec<String>,
    /// The keys it had.
    retired: Vec<String>,
    /// Old private keys that were removed from here.
    removed: Vec<String>,
    roles: Vec<FileVersion>,
}

impl Document for Rotated {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let list = |keys: &[String]| keys.iter().map(|id| shown::short(id).to_owned()).collect::<Vec<_>>().join(", ");
        let (name, role) = (escape::line(&self.name), &self.role);
        if self.dry_run {
            return writeln!(to, "{name}: would replace the {role} keys {}", list(&self.retired));
        }
        writeln!(to, "{name}: {role} has now the keys {}, before {}", list(&self.keys), list(&self.retired))?;
        if !self.removed.is_empty() {
            writeln!(to, "  removed from here: {}", list(&self.removed))?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If the role's keys are not changed so, a key is missing, or the server refuses. Old private keys are then all here.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let (gun, role) = (&options.name.0, &options.role);
    let ids = options.key.iter().map(|id| find::key(&session, id).map(|entry| entry.id));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let new = match (ids.is_empty(), options.server_managed || *role == RoleName::Timestamp) {
        (false, _) => NewKeys::Stored(ids),
        (true, true) => NewKeys::Server,
        (true, false) => NewKeys::Generate,
    };
    let publisher = session.publisher(gun)?;
    let collection = change::current(&session, publisher.client(), gun)?;
    if *role == RoleName::Root {
        ask::sure(&session, &format!("Give {gun} another root key? Whoever pins the old one must learn of it."))?;
    }
    let mut rotated = Rotated {
        dry_run: session.settings().changes == Changes::Told,
        name: gun.to_string(),
        role: role.to_string(),
        keys: Vec::new(),
        retired: keys_of(&collection, role),
        removed: Vec::new(),
        roles: Vec::new(),
    };
    if rotated.dry_run {
        // The same keys again: whether the root, and what depends on it, could be signed.
        publisher.preview(&collection, &[same_keys(&collection, role)])?;
    } else {
        let done = session.wait(publisher.rotate(gun, role, &new, options.threshold))?;
        rotated.keys = done.keys.iter().map(ToString::to_string).collect();
        rotated.retired = done.retired.iter().map(ToString::to_string).collect();
        rotated.roles = shown::published(&session, gun, &done.publication);
        rotated.removed = remove_old(options, &session, &publisher, gun, &done.retired)?;
    }
    output::print(&rotated, session.settings().format)
}

/// Now that the server has agreed, old keys of targets and snapshot are of no use. Those of the root may be: they show old
/// readers the way, and other collections may have them.
fn remove_old(
    options: &Options,
    session: &Session,
    publisher: &Publisher,
    gun: &Gun,
    retired: &[KeyId],
) -> Result<Vec<String>, Failure> {
    let mut removed = Vec::new();
    if options.role == RoleName::Root || options.keep_old {
        return Ok(removed);
    }
    for entry in publisher.keys().list()? {
        let is_old = retired.contains(&entry.id) && entry.key_use.gun.as_ref() == Some(gun);
        if !is_old {
            continue;
        }
        let id = shown::short(entry.id.as_str());
        let question = format!("The old {} key {id} of {gun} signs nothing any more. Remove it?", options.role);
        match ask::would(session, &question) {
            Ok(true) => {
                publisher.keys().remove(&entry.id)?;
                removed.push(entry.id.to_string());
            }
            Ok(false) => {}
            Err(_) => session.warn(&format!("old key {id} is still here; remove it: trust key remove {id}")),
        }
    }
    Ok(removed)
}

fn same_keys(collection: &Collection, role: &RoleName) -> Change {
    let root = collection.root();
    let listed = root.roles.get(role).into_iter().flat_map(|keys| &keys.key_ids);
    let keys = listed.filter_map(|id| root.keys.get(id)).cloned().collect();
    Change::ReplaceKeys { role: role.clone(), keys, threshold: None }
}

fn keys_of(collection: &Collection, role: &RoleName) -> Vec<String> {
    let root = collection.root();
    let listed = root.roles.get(role).into_iter().flat_map(|keys| &keys.key_ids);
    listed.filter_map(|id| Some(shown::canonical(root.keys.get(id)?).to_string())).collect()
}
