//! `docker trust signer remove`, which removes: Docker 26 and later say nothing and leave the signer where it is.

use std::collections::BTreeSet;

use clap::Args;
use libtrust::client::{Collection, Offline, RELEASES};
use libtrust::edit::Change;
use libtrust::names::{DelegationName, ImageReference};

use super::{Call, say, told, warn};
use crate::commands::signer::roles;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::{Confirmation, Question, Shown, Terminal};

/// Options of `docker trust signer remove`.
#[derive(Debug, Args)]
pub struct Options {
    /// Do not prompt for confirmation before removing the most recent signer
    #[arg(short, long)]
    pub force: bool,
    /// The signer's name
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Repositories
    #[arg(value_name = "REPOSITORY", required = true)]
    pub repositories: Vec<String>,
}

/// Takes the right to sign from somebody, in every repository named. Those that fail are told on standard error, the rest
/// goes on.
///
/// # Errors
/// If a repository failed.
pub fn run(options: &Options, call: &Call) -> Result<(), Failure> {
    let session = call.session()?;
    let name = &options.name;
    let mut failed = Vec::new();
    for repository in &options.repositories {
        say(&format!("Removing signer \"{name}\" from {repository}..."))?;
        match remove(options, repository, &session) {
            Ok(true) => say(&format!("Successfully removed {name} from {repository}")).and_then(|()| say(""))?,
            Ok(false) => {}
            Err(failure) => {
                warn(&told(&failure));
                warn("");
                failed.push(repository.as_str());
            }
        }
    }
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(Failure::new(Exit::Failure, format!("error removing signer from: {}", failed.join(", ")))),
    }
}

/// Whether it was removed: not if the answer is no.
fn remove(options: &Options, repository: &str, session: &Session) -> Result<bool, Failure> {
    let name = &options.name;
    if RELEASES.ends_with(&format!("/{name}")) {
        return Err(Failure::usage(format!("{name} is a reserved keyword and cannot be removed")));
    }
    let unknown = || Failure::usage(format!("no signer {name} for repository {repository}"));
    let role = roles::of_signer(name).map_err(|_| unknown())?;
    let image: ImageReference = repository.parse()?;
    let publisher = session.publisher(image.gun())?;
    let collection = session.wait(publisher.client().update(image.gun(), Offline::Never))?;
    let plan = Plan::new(&collection, role).ok_or_else(unknown)??;
    if plan.unsigns && !options.force {
        let question = format!(
            "The signer \"{name}\" signed the last released version of {repository}. Removing this signer will make \
             {repository} unpullable. Are you sure you want to continue? [y/N] "
        );
        let console = Terminal::new(Shown::OnStdout, true);
        if !Question::docker(&question).ask(&console, Confirmation::Asked)? {
            return Ok(false);
        }
    }
    session.wait(publisher.publish(image.gun(), &plan.changes))?;
    Ok(true)
}

struct Plan {
    changes: Vec<Change>,
    /// Whether too few signatures remain on what is released.
    unsigns: bool,
}

impl Plan {
    /// Nothing if there is no such signer.
    fn new(collection: &Collection, signer: DelegationName) -> Option<Result<Self, Failure>> {
        let own = roles::keys(collection, roles::find(collection, &signer)?);
        Some(roles::releases().map(|releases| {
            let others = roles::keys_of_others(collection, &signer);
            // A key that two signers share stays for the other one.
            let gone: BTreeSet<_> = own.difference(&others).cloned().collect();
            let mut changes = vec![Change::RemoveDelegation { role: signer }];
            let mut unsigns = false;
            if let Some(role) = roles::find(collection, &releases) {
                let signed = roles::signers_of(collection, role);
                let needed = role.keys.threshold.get() as usize;
                unsigns = signed.is_some_and(|signed| signed.difference(&gone).count() < needed);
                if roles::keys(collection, role).is_subset(&gone) {
                    // A role without keys would only keep the repository key from signing.
                    changes.push(Change::RemoveDelegation { role: releases });
                } else {
                    let keys = gone.into_iter().collect();
                    changes.push(Change::ReduceDelegation {
                        role: releases,
                        keys,
                        paths: Vec::new(),
                        all_paths: false,
                    });
                }
            }
            Self { changes, unsigns }
        }))
    }
}
