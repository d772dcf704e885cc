//! `trust revoke`: take tags out of every role that lists them.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use libtrust::client::{Collection, PublishError, Publisher, released_in};
use libtrust::edit::Change;
use libtrust::names::{Gun, ImageReference, RoleName};

use super::change::{self, Changed, ChangedCollection, Staging};
use super::{Context, ask};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust revoke`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust revoke registry.example/team/app:1.4
  trust revoke --yes registry.example/team/app
  trust revoke --stage registry.example/team/app:1.4 registry.example/team/app:1.5")]
pub struct Options {
    /// Images: NAME:TAG, or NAME for every tag
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<ImageReference>,
    /// Whether it waits.
    #[command(flatten)]
    pub staging: Staging,
}

/// The tags to take out of a collection; nothing: every tag.
type Tags<'a> = Option<Vec<&'a str>>;

/// Runs it.
///
/// # Errors
/// If a tag is not signed, or a role that releases it cannot be signed here: nothing is published for that name then, as
/// the tag would stay trusted, and maybe as what it stood for long ago.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let mut collections: BTreeMap<&Gun, Tags<'_>> = BTreeMap::new();
    for image in &options.images {
        if image.digest().is_some() {
            let message = format!("{}: a tag is revoked, not a digest", image.familiar());
            return Err(Failure::usage(message).hint("tags of a digest are shown by: trust verify NAME@DIGEST"));
        }
        let tags = collections.entry(image.gun()).or_insert_with(|| Some(Vec::new()));
        match (tags.as_mut(), image.tag()) {
            (Some(tags), Some(tag)) => tags.push(tag),
            _ => *tags = None,
        }
    }
    Changed::each(&session, collections.keys().copied(), |gun| {
        let tags = collections.get(gun).cloned().flatten();
        one(options, &session, gun, tags.as_deref())
    })
}

fn one(options: &Options, session: &Session, gun: &Gun, tags: Option<&[&str]>) -> Result<ChangedCollection, Failure> {
    let publisher = session.publisher(gun)?;
    let collection = change::current(session, publisher.client(), gun)?;
    let missing = |what: &str| {
        Failure::new(Exit::NoTrustData, format!("{what} is signed under {gun}"))
            .hint(format!("signed tags are listed by: trust inspect {gun}"))
    };
    match tags {
        None if changes(&collection, tags).is_empty() => return Err(missing("no tag")),
        None => ask::sure(session, &format!("Revoke every tag of {gun}? Nobody can verify its images any more."))?,
        Some(tags) => {
            if let Some(tag) = tags.iter().find(|tag| Publisher::revoke_image(&collection, tag).is_empty()) {
                return Err(missing(&format!("no tag {tag}")));
            }
        }
    }
    for aside in collection.set_aside() {
        session.warn(&format!("{} is not looked into: if it is signed again, so is what it lists", aside.role));
    }
    if options.staging.stage || options.staging.prepare.is_some() {
        return change::make(session, gun, &options.staging, &changes(&collection, tags));
    }
    let out_of_reach = out_of_reach(&publisher, &collection, &changes(&collection, tags))?;
    let plan = |collection: &Collection| -> Result<Vec<Change>, PublishError> {
        let mut changes = changes(collection, tags);
        changes.retain(|change| role_of(change).is_none_or(|role| !out_of_reach.contains(role)));
        Ok(changes)
    };
    let remaining =
        out_of_reach.iter().map(|role| format!("{role} still lists it, which releases nothing; its key is not here"));
    Ok(change::publish(session, gun, plan)?.with_remaining(remaining.collect()))
}

fn changes(collection: &Collection, tags: Option<&[&str]>) -> Vec<Change> {
    match tags {
        Some(tags) => tags.iter().flat_map(|tag| Publisher::revoke_image(collection, tag)).collect(),
        None => {
            let listed = collection.targets().everywhere(None);
            let names: std::collections::BTreeSet<&str> = listed.iter().map(|found| found.name).collect();
            names.into_iter().flat_map(|name| Publisher::revoke_image(collection, name)).collect()
        }
    }
}

/// The roles that cannot be signed here. Signers' own roles may stay: what they list is not released.
fn out_of_reach(publisher: &Publisher, collection: &Collection, changes: &[Change]) -> Result<Vec<RoleName>, Failure> {
    let mut out_of_reach: Vec<RoleName> = Vec::new();
    let mut asked = BTreeSet::new();
    for change in changes {
        // Whether a role can be signed does not depend on the tag.
        if !asked.insert(role_of(change)) {
            continue;
        }
        match (publisher.preview(collection, std::slice::from_ref(change)), role_of(change)) {
            (Err(error @ PublishError::MissingKeys { .. }), Some(role)) => {
                if releases(role) {
                    let failure =
                        Failure::from(error).while_doing(format!("{role} lists it, and cannot be signed here"));
                    return Err(failure.hint("nothing was revoked: it would stay trusted as what that role says"));
                }
                if !out_of_reach.contains(role) {
                    out_of_reach.push(role.clone());
                }
            }
            (preview, _) => {
                preview?;
            }
        }
    }
    Ok(out_of_reach)
}

const fn role_of(change: &Change) -> Option<&RoleName> {
    match change {
        Change::RemoveTarget { role, .. } => Some(role),
        _ => None,
    }
}

/// Whether what a role lists is released: it is one of those that release, or below the one of them that is not `targets`.
fn releases(role: &RoleName) -> bool {
    released_in().iter().any(|released| {
        role == released || (*released != RoleName::Targets && role.as_str().starts_with(&format!("{released}/")))
    })
}
