//! `trust delegation list`.

use std::io::{self, Write};

use clap::Args;
use libtrust::names::KeyId;
use serde::Serialize;

use crate::commands::name::CollectionName;
use crate::commands::{Context, change, shown};
use crate::failure::Failure;
use crate::output::{self, Document, Table};
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust delegation list`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust delegation list registry.example/team/app")]
pub struct Options {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
}

#[derive(Serialize)]
struct Delegations {
    name: String,
    delegations: Vec<Delegation>,
}

#[derive(Serialize)]
struct Delegation {
    role: String,
    keys: Vec<String>,
    threshold: u32,
    paths: Vec<String>,
    /// Why nothing it lists counts now, if so.
    set_aside: Option<String>,
}

impl Document for Delegations {
    fn text(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(["ROLE", "PATHS", "KEYS", "MUST SIGN"]);
        for delegation in &self.delegations {
            let paths: Vec<&str> =
                delegation.paths.iter().map(|path| if path.is_empty() { "all" } else { path.as_str() }).collect();
            let keys: Vec<&str> = delegation.keys.iter().map(|id| shown::short(id)).collect();
            let threshold = delegation.threshold.to_string();
            table.row([&delegation.role, &paths.join(", "), &keys.join(", "), &threshold]);
        }
        table.write(to)
    }
}

/// Runs it.
///
/// # Errors
/// If the collection cannot be brought up to date.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let collection = change::current(&session, &session.client(&options.name.0)?, &options.name.0)?;
    let delegations = collection.targets().roles().flat_map(|file| {
        file.delegations.roles.iter().map(|role| {
            let known = &file.delegations.keys;
            let canonical = |id: &KeyId| known.get(id).map_or_else(|| id.clone(), shown::canonical).to_string();
            let aside = collection.set_aside().iter().find(|aside| aside.role.as_str() == role.name.as_str());
            Delegation {
                role: role.name.to_string(),
                keys: role.keys.key_ids.iter().map(canonical).collect(),
                threshold: role.keys.threshold.get(),
                paths: role.paths.clone(),
                set_aside: aside.map(|aside| aside.cause.to_string()),
            }
        })
    });
    let list = Delegations { name: options.name.to_string(), delegations: delegations.collect() };
    output::print(&list, session.settings().format)
}
