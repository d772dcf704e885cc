//! The verbs of `notary` that read.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::{Client, Collection, KeyStore, Offline};
use libtrust::names::{Gun, RoleName};

use super::args::{KeyVerb, Verb};
use super::tables::{KeyRow, TargetRow, keys as key_table, targets};
use crate::commands::Context;
use crate::commands::session::{keys, open, say_doubts};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{escape, forgive_closed_pipe};

/// A collection.
#[derive(Debug, Args)]
pub struct GunOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// Delegation roles to list targets for
    #[arg(short = 'r', long, value_name = "ROLES", value_delimiter = ',')]
    pub roles: Vec<RoleName>,
}

/// A target of a collection.
#[derive(Debug, Args)]
pub struct TargetOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The target
    #[arg(value_name = "TARGET")]
    pub target: String,
}

/// Runs a verb.
///
/// # Errors
/// What could not be trusted or had.
pub fn run(verb: &Verb, context: &Context) -> Result<(), Failure> {
    let text = match verb {
        Verb::List(options) => list(options, context)?,
        Verb::Lookup(options) => lookup(options, context)?,
        Verb::Key { verb: KeyVerb::List } => key_list(context)?,
    };
    forgive_closed_pipe(io::stdout().write_all(text.as_bytes()))
}

fn list(options: &GunOptions, context: &Context) -> Result<String, Failure> {
    let collection = updated(&options.gun, context)?;
    let roles = if options.roles.is_empty() { vec![RoleName::Targets] } else { options.roles.clone() };
    let rows = collection.targets().list(&roles).into_values().filter_map(|found| {
        Some(TargetRow {
            name: found.name.to_owned(),
            digest: hex::encode(found.target.digests.sha256?),
            size: found.target.length,
            role: found.role().to_string(),
        })
    });
    Ok(targets(rows.collect()))
}

fn lookup(options: &TargetOptions, context: &Context) -> Result<String, Failure> {
    let collection = updated(&options.gun, context)?;
    let found = collection.targets().find(&options.target, &[RoleName::Targets]);
    let unknown = || Failure::new(Exit::NoTrustData, format!("No valid trust data for {}", options.target));
    let found = found.ok_or_else(unknown)?;
    let digest = found.target.digests.sha256.ok_or_else(unknown)?;
    Ok(format!("{} sha256:{} {}\n", escape::line(found.name), hex::encode(digest), found.target.length))
}

fn key_list(context: &Context) -> Result<String, Failure> {
    let entries = keys(context)?.list()?.into_iter();
    let rows = entries.map(|entry| KeyRow {
        role: entry.key_use.role,
        gun: entry.key_use.gun.map(|gun| gun.to_string()).unwrap_or_default(),
        id: entry.id.to_string(),
        location: entry.location,
    });
    Ok(key_table(rows.collect()))
}

fn updated(gun: &Gun, context: &Context) -> Result<Collection, Failure> {
    let session = open(context)?;
    let client: Client = session.client(gun)?;
    let collection = session.wait(client.update(gun, Offline::WhenUnreachable))?;
    say_doubts(&collection);
    Ok(collection)
}
