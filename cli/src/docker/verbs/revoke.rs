//! `docker trust revoke`. What it says it deleted cannot be pulled as trusted any more.

use std::collections::BTreeSet;

use clap::Args;
use libtrust::client::{Collection, Offline, Publisher, released_in};
use libtrust::edit::Change;
use libtrust::names::{ImageReference, KeyId, RoleName};

use super::{Call, roles, say, warn};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::{Confirmation, Question, Shown, Terminal};

/// Options of `docker trust revoke`.
#[derive(Debug, Args)]
pub struct Options {
    /// Do not prompt for confirmation
    #[arg(short, long)]
    pub yes: bool,
    /// The image; without a tag, all of its tags
    #[arg(value_name = "IMAGE[:TAG]")]
    pub image: String,
}

/// Takes a tag, or all of them, out of every role that can be signed here.
///
/// # Errors
/// If it is not signed, would stay released, or the change could not be published.
pub fn run(options: &Options, call: &Call) -> Result<(), Failure> {
    let name = &options.image;
    let image: ImageReference = name.parse()?;
    if image.digest().is_some() {
        return Err(Failure::usage("cannot use a digest reference for IMAGE:TAG"));
    }
    if image.tag().is_none() {
        let question = format!("Confirm you would like to delete all signature data for {name}? [y/N] ");
        let given = if options.yes { Confirmation::Given } else { Confirmation::Asked };
        if !Question::docker(&question).ask(&Terminal::new(Shown::OnStdout, true), given)? {
            return Ok(());
        }
    }
    revoke(&image, &call.session()?)
        .map_err(|failure| failure.while_doing(format!("could not remove signature for {name}")))?;
    say(&format!("Successfully deleted signature for {name}"))
}

fn revoke(image: &ImageReference, session: &Session) -> Result<(), Failure> {
    let publisher = session.publisher(image.gun())?;
    let collection = session.wait(publisher.client().update(image.gun(), Offline::Never))?;
    let here = roles::here(publisher.keys())?;
    let plan = plan(&collection, image.tag(), &here)?;
    for left in &plan.left {
        warn(&format!("{left} also lists it and cannot be signed here; what it says alone is not released"));
    }
    let replan = |collection: &Collection| {
        // What is signed no more, or cannot be planned any more, was planned once: the draft says what does not fit.
        Ok(self::plan(collection, image.tag(), &here).map_or_else(|_| plan.changes.clone(), |plan| plan.changes))
    };
    session.wait(publisher.publish_with(image.gun(), replan))?;
    Ok(())
}

struct Plan {
    changes: Vec<Change>,
    /// Roles of others that go on listing a tag, which releases nothing.
    left: BTreeSet<RoleName>,
}

fn plan(collection: &Collection, tag: Option<&str>, here: &BTreeSet<KeyId>) -> Result<Plan, Failure> {
    let released: BTreeSet<&str> = collection.released().map(|found| found.name).collect();
    let tags: Vec<&str> = match tag {
        Some(tag) if released.contains(tag) => vec![tag],
        Some(tag) => return Err(Failure::new(Exit::NoTrustData, format!("No valid trust data for {tag}"))),
        None if released.is_empty() => return Err(Failure::new(Exit::NoTrustData, "no signed tags to remove")),
        None => released.into_iter().collect(),
    };
    let mut plan = Plan { changes: Vec::new(), left: BTreeSet::new() };
    for tag in tags {
        for change in Publisher::revoke_image(collection, tag) {
            let Change::RemoveTarget { role, .. } = &change else { continue };
            if roles::signable(collection, role, here) {
                plan.changes.push(change);
            } else if released_in().contains(role) {
                let message = format!("{tag} would stay trusted: {role} lists it, too, and its key is not here");
                return Err(Failure::new(Exit::Key, message).hint("whoever holds that key can revoke it"));
            } else {
                plan.left.insert(role.clone());
            }
        }
    }
    Ok(plan)
}
