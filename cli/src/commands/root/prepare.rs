//! `trust root prepare`: the next root, and what must change with it, into files.

use std::path::PathBuf;

use clap::Args;
use libtrust::client::{Collection, NewKeys, Publisher};
use libtrust::edit::Change;
use libtrust::metadata::Threshold;
use libtrust::names::RoleName;

use super::partial::{self, Partial, Partials};
use crate::commands::key::{find, write};
use crate::commands::name::CollectionName;
use crate::commands::{Context, change, init};
use crate::failure::Failure;
use crate::output;
use crate::session::Session;
use crate::settings::Changes;
use crate::terminal::Wording;

/// Options of `trust root prepare`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust root prepare --key 5f1a1c2 --certificate bob.crt --threshold 2 --to root.json registry.example/team/app
  trust root prepare --to root.json registry.example/team/app
  trust root prepare --rotate targets --to next.json registry.example/team/app

Without keys, the root is prepared as it is, with a new version and expiry.")]
pub struct Options {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// A root key that is here, by id or how it begins
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub key: Vec<String>,
    /// Certificates of the root keys of others (trust root certificate)
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub certificate: Vec<PathBuf>,
    /// Keep the root keys that are listed now, too
    #[arg(long)]
    pub keep: bool,
    /// How many root keys must sign from then on
    #[arg(long, value_name = "N", value_parser = init::threshold)]
    pub threshold: Option<Threshold>,
    /// Give targets, snapshot or timestamp a new key instead
    #[arg(long, value_name = "ROLE", conflicts_with_all = ["key", "certificate", "keep"])]
    pub rotate: Option<RoleName>,
    /// Let the server make and hold that key
    #[arg(long, requires = "rotate")]
    pub server_managed: bool,
    /// A new file to write to. If several roles are to be signed, each has a file with its name in it
    #[arg(long, value_name = "FILE")]
    pub to: PathBuf,
}

/// Runs it.
///
/// # Errors
/// If a key or certificate cannot be used, or the change does not fit the collection.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let gun = &options.name.0;
    write::must_be_absent(&options.to)?;
    let publisher = session.publisher(gun)?;
    let collection = change::current(&session, publisher.client(), gun)?;
    let prepared = match &options.rotate {
        Some(role) => {
            let new = if options.server_managed || *role == RoleName::Timestamp {
                NewKeys::Server
            } else {
                NewKeys::Generate
            };
            if session.settings().changes == Changes::Told {
                let message = "what a rotation is prepared with is made by preparing it";
                return Err(Failure::usage(message).hint("without --dry-run nothing is published either"));
            }
            session.wait(publisher.prepare_rotation(gun, role, &new, options.threshold))?
        }
        None => {
            let change = change_of(options, &session, &publisher, &collection)?;
            session.wait(publisher.prepare(gun, &[change]))?
        }
    };
    let paths = partial::write_new(&options.to, &prepared, session.settings().changes)?;
    let files = paths.iter().zip(&prepared).map(|(path, partial)| Partial::of(path, partial));
    output::print(&Partials { files: files.collect::<Result<_, _>>()? }, session.settings().format)
}

fn change_of(
    options: &Options,
    session: &Session,
    publisher: &Publisher,
    collection: &Collection,
) -> Result<Change, Failure> {
    let gun = collection.gun();
    let mut keys = Vec::new();
    for id in &options.key {
        keys.push(publisher.root_certificate(gun, &find::root(session, id)?)?);
    }
    for file in &options.certificate {
        keys.push(find::root_certificate(file, gun)?);
    }
    if keys.is_empty() && options.threshold.is_none() {
        return Ok(Change::RenewRoot);
    }
    if options.keep || keys.is_empty() {
        let root = collection.root();
        let listed = root.roles.get(&RoleName::Root).into_iter().flat_map(|keys| &keys.key_ids);
        keys.extend(listed.filter_map(|id| root.keys.get(id)).cloned());
    }
    Ok(Change::ReplaceKeys { role: RoleName::Root, keys, threshold: options.threshold })
}
