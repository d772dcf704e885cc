//! `trust signer replace`: a signer goes on with other keys.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use libtrust::client::{Collection, PublishError, Publisher};
use libtrust::edit::Change;
use libtrust::keys::PublicKey;
use libtrust::metadata::{Delegation, Threshold};
use libtrust::names::{Gun, KeyId, RoleName};

use super::roles;
use crate::commands::change::{self, Changed, ChangedCollection};
use crate::commands::key::find;
use crate::commands::name::CollectionName;
use crate::commands::{Context, ask, init, shown};
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust signer replace`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust signer replace --key alice-2027.pub alice registry.example/team/app")]
pub struct Options {
    /// The signer's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Repositories
    #[arg(required = true, value_name = "IMAGE")]
    pub repositories: Vec<CollectionName>,
    /// All keys the signer has from now on: public keys or certificates (PEM)
    #[arg(long, required = true, value_name = "FILE", value_delimiter = ',')]
    pub key: Vec<PathBuf>,
    /// How many of them must sign
    #[arg(long, value_name = "N", value_parser = init::threshold)]
    pub threshold: Option<Threshold>,
}

/// Runs it.
///
/// # Errors
/// If nobody of that name signs there, the answer is no, or a collection cannot be published. Those before it are published.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let keys = options.key.iter().map(|file| find::public_key(file)).collect::<Result<Vec<_>, _>>()?;
    Changed::each(&session, options.repositories.iter().map(|name| &name.0), |gun| one(options, &session, gun, &keys))
}

fn one(options: &Options, session: &Session, gun: &Gun, new: &[PublicKey]) -> Result<ChangedCollection, Failure> {
    let publisher = session.publisher(gun)?;
    let collection = change::current(session, publisher.client(), gun)?;
    roles::must_be_there(&collection, &options.name)?;
    let planned = plan(options, &publisher, &collection, new)?;
    let unsigned: Vec<String> = planned.unsigned.iter().map(ToString::to_string).collect();
    if !unsigned.is_empty() {
        ask::sure(
            session,
            &format!(
                "{} of {gun} will count again only when signed with a new key (trust witness). Replace the keys of {}?",
                unsigned.join(", "),
                options.name
            ),
        )?;
    }
    let replan = |collection: &Collection| -> Result<Vec<Change>, PublishError> {
        // What cannot be planned any more does not fit any more: the draft says so.
        Ok(plan(options, &publisher, collection, new).map_or_else(|_| planned.changes.clone(), |plan| plan.changes))
    };
    let remaining = planned.unsigned.iter().map(|role| format!("sign {role} again: trust witness {gun} {role}"));
    Ok(change::publish(session, gun, replan)?.with_remaining(remaining.collect()))
}

struct Plan {
    changes: Vec<Change>,
    /// Roles whose files nobody who may has signed afterwards.
    unsigned: Vec<RoleName>,
}

fn plan(options: &Options, publisher: &Publisher, collection: &Collection, new: &[PublicKey]) -> Result<Plan, Failure> {
    let signer = roles::must_be_there(collection, &options.name)?;
    let others = roles::keys_of_others(collection, &signer.name);
    let new_ids: BTreeSet<KeyId> = new.iter().map(shown::canonical).collect();
    let needed = options.threshold.unwrap_or(signer.keys.threshold).get() as usize;
    if needed > new_ids.len() {
        let message = format!("{needed} keys of {} must sign, and {} are given", options.name, new_ids.len());
        return Err(Failure::usage(message).hint("give all keys the signer is to have, or another --threshold"));
    }
    let old: BTreeSet<KeyId> = roles::keys(collection, signer).difference(&new_ids).cloned().collect();
    // Who could not release is not given it with other keys.
    let before = roles::keys(collection, signer);
    let releases = roles::find(collection, &roles::releases()?);
    let releases = releases.filter(|role| !roles::keys(collection, role).is_disjoint(&before));
    let mut plan = Plan { changes: Vec::new(), unsigned: Vec::new() };
    let of_others = old.difference(&others).cloned().collect();
    for (role, gone, threshold) in
        std::iter::once((signer, old.clone(), options.threshold)).chain(releases.map(|role| (role, of_others, None)))
    {
        let name = role.name.clone();
        let (keys, paths) = (new.to_vec(), Vec::new());
        plan.changes.push(Change::AddDelegation { role: name.clone(), keys, threshold, paths: paths.clone() });
        if !gone.is_empty() {
            let keys = gone.iter().cloned().collect();
            plan.changes.push(Change::ReduceDelegation { role: name.clone(), keys, paths, all_paths: false });
        }
        let needed = threshold.unwrap_or(role.keys.threshold).get() as usize;
        if must_sign_again(collection, role, &gone, needed) {
            let may: BTreeSet<KeyId> =
                roles::keys(collection, role).difference(&gone).chain(&new_ids).cloned().collect();
            let name = RoleName::Delegation(name);
            if roles::here(publisher.keys(), &may)? >= needed {
                plan.changes.push(Change::Witness { role: name });
            } else {
                plan.unsigned.push(name);
            }
        }
    }
    Ok(plan)
}

/// Whether the signatures on a role's file are too few without the keys that go.
fn must_sign_again(collection: &Collection, role: &Delegation, gone: &BTreeSet<KeyId>, needed: usize) -> bool {
    let signed = roles::signers_of(collection, role);
    signed.is_some_and(|signed| signed.difference(gone).count() < needed)
}
