//! `trust signer list`.

use std::io::{self, Write};

use clap::Args;
use libtrust::client::{Collection, RELEASES};
use libtrust::names::RoleName;
use serde::Serialize;

use super::roles;
use crate::commands::name::CollectionName;
use crate::commands::{Context, change, shown};
use crate::failure::Failure;
use crate::output::{self, Document, Table};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust signer list`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust signer list registry.example/team/app")]
pub struct Options {
    /// Repositories
    #[arg(required = true, value_name = "IMAGE")]
    pub repositories: Vec<CollectionName>,
}

#[derive(Serialize)]
struct Signers {
    collections: Vec<OfCollection>,
}

#[derive(Serialize)]
struct OfCollection {
    name: String,
    signers: Vec<Signer>,
}

#[derive(Serialize)]
struct Signer {
    name: String,
    keys: Vec<String>,
    threshold: u32,
    paths: Vec<String>,
    /// Whether they can release what they sign.
    releases: bool,
    /// Whether what they signed counts now.
    valid: bool,
}

impl Document for Signers {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["IMAGE", "SIGNER", "KEYS", "MUST SIGN", "RELEASES"]);
        for collection in &self.collections {
            for signer in &collection.signers {
                let keys: Vec<&str> = signer.keys.iter().map(|id| shown::short(id)).collect();
                let releases = if signer.releases { "yes" } else { "no" };
                let threshold = signer.threshold.to_string();
                table.row([&collection.name, &signer.name, &keys.join(", "), &threshold, releases]);
            }
        }
        table.write(to)
    }
}

/// Runs it.
///
/// # Errors
/// If a collection cannot be brought up to date.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let collections = options.repositories.iter().map(|name| {
        let collection = change::current(&session, &session.client(&name.0)?, &name.0)?;
        Ok(OfCollection { name: name.to_string(), signers: signers(&collection)? })
    });
    let collections = collections.collect::<Result<Vec<_>, Failure>>()?;
    output::print(&Signers { collections }, session.settings().format)
}

fn signers(collection: &Collection) -> Result<Vec<Signer>, Failure> {
    let Some(targets) = collection.role(&RoleName::Targets) else { return Ok(Vec::new()) };
    let releasing = roles::find(collection, &roles::releases()?).map(|role| roles::keys(collection, role));
    let releasing = releasing.unwrap_or_default();
    let named = targets.delegations.roles.iter().filter(|role| role.name.as_str() != RELEASES);
    let mut signers: Vec<Signer> = named
        .map(|role| {
            let keys = roles::keys(collection, role);
            Signer {
                name: role.name.as_str().trim_start_matches("targets/").to_owned(),
                releases: keys.iter().any(|id| releasing.contains(id)),
                keys: keys.iter().map(ToString::to_string).collect(),
                threshold: role.keys.threshold.get(),
                paths: role.paths.clone(),
                valid: collection.set_aside().iter().all(|aside| aside.role.as_str() != role.name.as_str()),
            }
        })
        .collect();
    signers.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(signers)
}
