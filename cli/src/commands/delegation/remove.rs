//! `trust delegation remove` and `trust delegation purge`.

use std::collections::BTreeSet;

use clap::Args;
use libtrust::client::Collection;
use libtrust::edit::Change;
use libtrust::names::{DelegationName, KeyId, RoleName};

use crate::commands::change::{self, Changed, ChangedCollection, Staging};
use crate::commands::key::find;
use crate::commands::name::CollectionName;
use crate::commands::{Context, ask, shown};
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust delegation remove`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust delegation remove registry.example/team/app targets/qa
  trust delegation remove --key-id 5f1a1c2 registry.example/team/app targets/duo
  trust delegation remove --path 1. registry.example/team/app targets/duo")]
pub struct Options {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// The role
    #[arg(value_name = "ROLE")]
    pub role: DelegationName,
    /// Only these keys, by id or how it begins
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub key_id: Vec<String>,
    /// Only these beginnings of tags
    #[arg(long, value_name = "PREFIX", value_delimiter = ',', conflicts_with = "all_paths")]
    pub path: Vec<String>,
    /// Only its beginnings of tags, all of them
    #[arg(long)]
    pub all_paths: bool,
    /// Whether it waits.
    #[command(flatten)]
    pub staging: Staging,
}

/// Options of `trust delegation purge`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust delegation purge --key-id 5f1a1c2 registry.example/team/app")]
pub struct PurgeOptions {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// The keys, by id or how it begins
    #[arg(long, required = true, value_name = "ID", value_delimiter = ',')]
    pub key_id: Vec<String>,
    /// Whether it waits.
    #[command(flatten)]
    pub staging: Staging,
}

/// Runs `trust delegation remove`.
///
/// # Errors
/// If it is not there, the answer is no, or the keys of the role above are not here.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    Changed::each(&session, [&options.name.0], |gun| {
        let role = options.role.clone();
        if options.key_id.is_empty() && options.path.is_empty() && !options.all_paths {
            ask::sure(&session, &format!("Remove {role} of {gun} and all it lists?"))?;
            return change::make(&session, gun, &options.staging, &[Change::RemoveDelegation { role }]);
        }
        let collection = change::current(&session, &session.client(gun)?, gun)?;
        let keys = ids(&collection, &options.key_id)?;
        warn_if_unusable(&session, &collection, &role, &keys);
        let change = Change::ReduceDelegation { role, keys, paths: options.path.clone(), all_paths: options.all_paths };
        change::make(&session, gun, &options.staging, &[change])
    })
}

/// Runs `trust delegation purge`.
///
/// # Errors
/// If nobody has such a key, or the keys of a role that lists it are not here.
pub fn purge(options: &PurgeOptions, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    Changed::each(&session, [&options.name.0], |gun| -> Result<ChangedCollection, Failure> {
        let collection = change::current(&session, &session.client(gun)?, gun)?;
        let keys = ids(&collection, &options.key_id)?;
        for (role, _) in delegations(&collection) {
            warn_if_unusable(&session, &collection, &role, &keys);
        }
        for aside in collection.set_aside() {
            session.warn(&format!("nobody could look for the keys in {}: {}", aside.role, aside.cause));
        }
        change::make(&session, gun, &options.staging, &[Change::PurgeKeys { keys }])
    })
}

/// Every delegation, and its keys by canonical id.
fn delegations(collection: &Collection) -> impl Iterator<Item = (DelegationName, BTreeSet<KeyId>)> + '_ {
    collection.targets().roles().flat_map(|file| {
        file.delegations.roles.iter().map(|role| {
            let known = &file.delegations.keys;
            let canonical = |id: &KeyId| known.get(id).map_or_else(|| id.clone(), shown::canonical);
            (role.name.clone(), role.keys.key_ids.iter().map(canonical).collect())
        })
    })
}

fn ids(collection: &Collection, given: &[String]) -> Result<Vec<KeyId>, Failure> {
    let known: BTreeSet<KeyId> = delegations(collection).flat_map(|(_, keys)| keys).collect();
    given.iter().map(|id| find::among(known.iter(), id)).collect()
}

fn warn_if_unusable(session: &Session, collection: &Collection, role: &DelegationName, gone: &[KeyId]) {
    let parent = collection.role(&role.parent());
    let found = parent.and_then(|file| file.delegations.roles.iter().find(|found| found.name == *role));
    let keys = delegations(collection).find(|(name, _)| name == role).map(|(_, keys)| keys).unwrap_or_default();
    let left = keys.iter().filter(|id| !gone.contains(id)).count();
    let Some(needed) = found.map(|found| found.keys.threshold.get() as usize) else { return };
    if left < needed && left < keys.len() {
        session.warn(&format!(
            "{role} will have {left} of the {needed} keys that must sign: nothing it lists counts then"
        ));
        return;
    }
    let file = collection.role(&RoleName::Delegation(role.clone()));
    let known = parent.map(|file| &file.delegations.keys);
    let signed = file.into_iter().flat_map(|file| file.signers());
    let canonical = |id: &KeyId| known.and_then(|keys| keys.get(id)).map_or_else(|| id.clone(), shown::canonical);
    let still = signed.filter(|id| !gone.contains(&canonical(id))).count();
    if file.is_some() && still < needed {
        session.warn(&format!("{role} counts again only when signed with another key: trust witness"));
    }
}
