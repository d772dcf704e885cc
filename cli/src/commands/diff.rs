//! `trust diff`: between two versions of a role, or between what was trusted here and what the server has now. Nothing that
//! is found is remembered.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

use clap::Args;
use libtrust::client::{Cache as _, Client, Collection, Offline, ReadOnlyCache};
use libtrust::metadata::Metadata;
use libtrust::names::{ImageReference, RoleName};
use libtrust::verify::Verified;
use serde::Serialize;

use super::Context;
use super::differences::{self, Difference};
use super::shown;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{self, Document, escape};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust diff`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust diff registry.example/team/app                        # trusted here before : on the server now
  trust diff registry.example/team/app 3 5                    # versions of targets
  trust diff registry.example/team/app 3 --role targets/alice # version 3 : now
  trust diff registry.example/team/app 1 2 --role root")]
pub struct Options {
    /// The image
    #[arg(value_name = "IMAGE")]
    pub image: ImageReference,
    /// The older version; without one, what was trusted here before is compared with the server
    #[arg(value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    pub from: Option<u64>,
    /// The newer version, instead of the newest
    #[arg(value_name = "VERSION", value_parser = clap::value_parser!(u64).range(1..))]
    pub to: Option<u64>,
    /// The role whose versions are compared
    #[arg(long, value_name = "ROLE", default_value = "targets", requires = "from")]
    pub role: RoleName,
}

#[derive(Serialize)]
struct Compared {
    name: String,
    roles: Vec<ComparedRole>,
}

#[derive(Serialize)]
struct ComparedRole {
    role: String,
    from: Option<u64>,
    to: Option<u64>,
    differences: Vec<Difference>,
}

impl Document for Compared {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.roles.is_empty() {
            return writeln!(to, "no difference");
        }
        for role in &self.roles {
            let version = |version: Option<u64>| version.map_or_else(|| "none".to_owned(), |number| number.to_string());
            writeln!(to, "{} {} -> {}", escape::line(&role.role), version(role.from), version(role.to))?;
            role.differences.iter().try_for_each(|one| writeln!(to, "  {}", escape::line(&one.to_string())))?;
        }
        Ok(())
    }
}

/// Runs it.
///
/// # Errors
/// If either side cannot be had.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let gun = options.image.gun();
    let client = session.client_with(gun, Arc::new(ReadOnlyCache(session.cache())))?;
    let roles = match options.from {
        Some(from) => vec![versions(options, from, &client, &session)?],
        None => with_server(options, &client, &session)?,
    };
    output::print(&Compared { name: gun.to_string(), roles }, session.settings().format)
}

fn versions(options: &Options, from: u64, client: &Client, session: &Session) -> Result<ComparedRole, Failure> {
    let gun = options.image.gun();
    let collection = session.wait(client.update(gun, Offline::Never))?;
    shown::warnings(session, &collection);
    let role = &options.role;
    let newest = match role {
        RoleName::Root => Some(collection.root().version),
        role => collection.role(role).map(|file| file.version),
    };
    let newest = newest.ok_or_else(|| {
        Failure::usage(format!("{role} is no role whose versions are kept")).hint(format!("trust inspect {gun}"))
    })?;
    let to = options.to.unwrap_or(newest.get());
    let missing = |version: u64| {
        let message = format!("{} has no version {version} of {role}", client.transport().name());
        Failure::new(Exit::NoTrustData, message)
            .hint(format!("the newest is {newest}; what a server has is told by: trust log"))
    };
    if from.max(to) > newest.get() {
        return Err(missing(from.max(to)));
    }
    let history = session.wait(client.history(&collection, newest.get() - from.min(to) + 1))?;
    let differences = match role {
        RoleName::Root => {
            let (before, after) = (find(&history.roots, from), find(&history.roots, to));
            differences::of_roots(Some(before.ok_or_else(|| missing(from))?), after.ok_or_else(|| missing(to))?)
        }
        role => {
            let files = history.targets.get(role).map(Vec::as_slice).unwrap_or_default();
            let (before, after) = (find(files, from), find(files, to));
            differences::of_targets(Some(before.ok_or_else(|| missing(from))?), after.ok_or_else(|| missing(to))?)
        }
    };
    Ok(ComparedRole { role: role.to_string(), from: Some(from), to: Some(to), differences })
}

fn find<T: Metadata>(files: &[Verified<T>], version: u64) -> Option<&Verified<T>> {
    files.iter().find(|file| file.version().get() == version)
}

/// What was trusted here before, as of when a server confirmed it, against what the server has now.
fn with_server(options: &Options, client: &Client, session: &Session) -> Result<Vec<ComparedRole>, Failure> {
    let gun = options.image.gun();
    let as_of = session.cache().confirmed(gun)?;
    let known = match as_of {
        Some(as_of) => client.clone().with_clock(as_of).cached(gun)?,
        None => client.cached(gun)?,
    };
    let now = session.wait(client.update(gun, Offline::Never))?;
    shown::warnings(session, &now);
    let root = ComparedRole {
        role: RoleName::Root.to_string(),
        from: Some(known.root().version.get()),
        to: Some(now.root().version.get()),
        differences: differences::of_roots(Some(known.root()), now.root()),
    };
    let files = |collection: &Collection| -> BTreeSet<RoleName> {
        collection.targets().roles().map(|file| file.role().clone()).collect()
    };
    let roles = files(&known).union(&files(&now)).cloned().collect::<Vec<_>>().into_iter().map(|role| {
        let (before, after) = (known.role(&role), now.role(&role));
        let differences = match (before, after) {
            (before, Some(after)) => differences::of_targets(before.map(|file| &**file), after),
            // That it is no more is said by its parent.
            (_, None) => Vec::new(),
        };
        let version =
            |file: Option<&Verified<_>>| file.map(|file: &Verified<libtrust::metadata::Targets>| file.version.get());
        ComparedRole { role: role.to_string(), from: version(before), to: version(after), differences }
    });
    Ok(std::iter::once(root).chain(roles).filter(|role| role.from != role.to).collect())
}
