//! `trust signer remove`: the signer's role, their keys in the role that releases, and what only they released.

use clap::Args;
use libtrust::client::{Collection, PublishError, Publisher};
use libtrust::edit::Change;
use libtrust::names::{DelegationName, Gun, KeyId, RoleName};

use super::roles;
use crate::commands::change::{self, Changed, ChangedCollection};
use crate::commands::name::CollectionName;
use crate::commands::{Context, ask};
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust signer remove`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust signer remove alice registry.example/team/app
  trust signer remove --resign alice registry.example/team/app")]
pub struct Options {
    /// The signer's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Repositories
    #[arg(required = true, value_name = "IMAGE")]
    pub repositories: Vec<CollectionName>,
    /// If nobody else signed the released tags, sign them as they are with a key that is here. Do not if the signer's key
    /// was stolen
    #[arg(long)]
    pub resign: bool,
}

/// Runs it.
///
/// # Errors
/// If nobody of that name signs there, the answer is no, or a collection cannot be published. Those before it are published.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let role = roles::of_signer(&options.name)?;
    Changed::each(&session, options.repositories.iter().map(|name| &name.0), |gun| one(options, &session, gun, &role))
}

fn one(options: &Options, session: &Session, gun: &Gun, role: &DelegationName) -> Result<ChangedCollection, Failure> {
    let publisher = session.publisher(gun)?;
    let collection = change::current(session, publisher.client(), gun)?;
    roles::must_be_there(&collection, &options.name)?;
    let releases = roles::releases()?;
    let left = after(&collection, role, &releases);
    let resigned = match &left {
        Released::Unsigned { remaining, needed } if options.resign => can_sign(&publisher, remaining, *needed)?
            .then(|| Change::Witness { role: RoleName::Delegation(releases.clone()) }),
        _ => None,
    };
    let question = match (&left, &resigned) {
        (Released::Unsigned { remaining, .. }, None) if remaining.is_empty() => Some(format!(
            "{} is the last signer of {gun}: no tag they released can be used any more. Remove {0}?",
            options.name
        )),
        (Released::Unsigned { .. }, None) => Some(format!(
            "Nobody but {} signed the released tags of {gun}: none can be used until another signer signs. Remove {0}?",
            options.name
        )),
        _ => None,
    };
    question.as_deref().map_or(Ok(()), |question| ask::sure(session, question))?;
    let plan = |collection: &Collection| -> Result<Vec<Change>, PublishError> {
        let mut changes = removal(collection, role, &releases);
        changes.extend(resigned.clone());
        Ok(changes)
    };
    change::publish(session, gun, plan)
}

/// What becomes of the released tags.
enum Released {
    /// They stay signed, or there are none.
    Signed,
    /// The signatures that remain are too few; these keys could give others.
    Unsigned { remaining: Vec<KeyId>, needed: usize },
}

fn after(collection: &Collection, signer: &DelegationName, releases: &DelegationName) -> Released {
    let Some(role) = roles::find(collection, releases) else { return Released::Signed };
    let gone = keys_to_take(collection, signer);
    let needed = role.keys.threshold.get() as usize;
    let signed = roles::signers_of(collection, role);
    let still = signed.iter().flatten().filter(|id| !gone.contains(id)).count();
    let remaining: Vec<KeyId> = roles::keys(collection, role).into_iter().filter(|id| !gone.contains(id)).collect();
    if signed.is_none() || still >= needed { Released::Signed } else { Released::Unsigned { remaining, needed } }
}

/// The signer's keys that no other signer has, too.
fn keys_to_take(collection: &Collection, signer: &DelegationName) -> Vec<KeyId> {
    let others = roles::keys_of_others(collection, signer);
    let own = roles::find(collection, signer).map(|role| roles::keys(collection, role)).unwrap_or_default();
    own.difference(&others).cloned().collect()
}

fn removal(collection: &Collection, signer: &DelegationName, releases: &DelegationName) -> Vec<Change> {
    let gone = keys_to_take(collection, signer);
    let mut changes = vec![Change::RemoveDelegation { role: signer.clone() }];
    if let Some(role) = roles::find(collection, releases) {
        let keys = roles::keys(collection, role);
        if keys.iter().all(|id| gone.contains(id)) {
            // A role that nobody can sign would keep the repository key from signing.
            changes.push(Change::RemoveDelegation { role: releases.clone() });
        } else if keys.iter().any(|id| gone.contains(id)) {
            let (role, paths) = (releases.clone(), Vec::new());
            changes.push(Change::ReduceDelegation { role, keys: gone, paths, all_paths: false });
        }
    }
    changes
}

fn can_sign(publisher: &Publisher, keys: &[KeyId], needed: usize) -> Result<bool, Failure> {
    Ok(roles::here(publisher.keys(), &keys.iter().cloned().collect())? >= needed)
}
