//! `trust delete` and `trust forget`: take a collection away, from the server or from here.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::{Cache as _, Changelists, FileCache};
use libtrust::names::{Gun, RoleName};
use serde::Serialize;

use super::name::CollectionName;
use super::{Context, ask};
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust delete`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust delete registry.example/team/app
  trust delete --remote registry.example/team/app")]
pub struct Options {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// Also what the server has: every version of it
    #[arg(long)]
    pub remote: bool,
}

/// Options of `trust forget`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust forget registry.example/team/app")]
pub struct ForgetOptions {
    /// Repositories
    #[arg(required = true, value_name = "IMAGE")]
    pub names: Vec<CollectionName>,
}

#[derive(Serialize)]
struct Gone {
    dry_run: bool,
    names: Vec<String>,
    /// What was trusted before.
    cache: bool,
    /// Changes that were not published.
    staged: bool,
    /// Everything at the server.
    remote: bool,
}

impl Document for Gone {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let did = if self.dry_run { "would be removed" } else { "removed" };
        let here = if self.staged { "what was trusted before and staged changes" } else { "what was trusted before" };
        let from = if self.remote { "everything at the server, " } else { "" };
        for name in &self.names {
            writeln!(to, "{}: {from}{here} {did}; private keys stay", escape::line(name))?;
        }
        Ok(())
    }
}

/// Runs `trust delete`.
///
/// # Errors
/// If the answer is no, or the server did not remove it; what is here stays then.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let gun = &options.name.0;
    let (cache, lists) = (cache(&session), Changelists::new(&session.settings().trust_dir));
    if options.remote {
        let publisher = session.publisher(gun)?;
        let server = publisher.client().transport().name();
        ask::sure(
            &session,
            &format!("Delete all that is signed under {gun} from {server}? Nobody can verify it then."),
        )?;
        if session.settings().changes == Changes::Made {
            session.wait(publisher.delete(gun))?;
        }
    } else if let Some(lost) = only_here(&cache, &lists, gun)? {
        ask::sure(&session, &format!("{lost} of {gun} were never published. Delete them?"))?;
    }
    if session.settings().changes == Changes::Made {
        lists.clear(gun)?;
        cache.forget(gun)?;
    }
    print(&session, std::slice::from_ref(&options.name), true, options.remote)
}

/// Runs `trust forget`.
///
/// # Errors
/// If a cache cannot be removed.
pub fn forget(options: &ForgetOptions, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let (cache, lists) = (cache(&session), Changelists::new(&session.settings().trust_dir));
    for name in &options.names {
        if is_unpublished(&cache, &name.0)? {
            ask::sure(&session, &format!("{name} was begun here and never published. Forget it?"))?;
        }
        if !lists.staged(&name.0).map_or(true, |staged| staged.is_empty()) {
            session.warn(&format!("changes of {name} stay staged; they are listed by: trust status {name}"));
        }
        if session.settings().changes == Changes::Made {
            cache.forget(&name.0)?;
        }
    }
    print(&session, &options.names, false, false)
}

fn cache(session: &Session) -> FileCache {
    FileCache::new(&session.settings().trust_dir)
}

/// With a root and no timestamp it was begun and never sent.
fn is_unpublished(cache: &FileCache, gun: &Gun) -> Result<bool, Failure> {
    Ok(cache.load(gun, &RoleName::Root)?.is_some() && cache.load(gun, &RoleName::Timestamp)?.is_none())
}

fn only_here(cache: &FileCache, lists: &Changelists, gun: &Gun) -> Result<Option<&'static str>, Failure> {
    Ok(match (is_unpublished(cache, gun)?, lists.staged(gun).map_or(true, |staged| !staged.is_empty())) {
        (true, _) => Some("The first files"),
        (false, true) => Some("Staged changes"),
        (false, false) => None,
    })
}

fn print(session: &Session, names: &[CollectionName], staged: bool, remote: bool) -> Result<(), Failure> {
    let gone = Gone {
        dry_run: session.settings().changes == Changes::Told,
        names: names.iter().map(ToString::to_string).collect(),
        cache: true,
        staged,
        remote,
    };
    output::print(&gone, session.settings().format)
}
