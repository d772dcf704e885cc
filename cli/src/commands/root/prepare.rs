//! `trust root prepare`.

use std::path::PathBuf;

use clap::Args;
use libtrust::client::Collection;
use libtrust::edit::Change;
use libtrust::keys::PublicKey;
use libtrust::metadata::Threshold;
use libtrust::names::{Gun, RoleName};

use super::partial::{Partial, Partials};
use crate::commands::key::{find, write};
use crate::commands::name::CollectionName;
use crate::commands::{Context, change, init};
use crate::exit::Exit;
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
    /// A new file to write to
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
    let mut keys = Vec::new();
    for id in &options.key {
        keys.push(publisher.root_certificate(gun, &find::root(&session, id)?)?);
    }
    for file in &options.certificate {
        keys.push(find::root_certificate(file, gun)?);
    }
    let change = change_of(options, &collection, keys);
    let prepared = session.wait(publisher.prepare(gun, &[change]))?;
    let Some(partial) = prepared.into_iter().find(|partial| *partial.role() == RoleName::Root) else {
        return Err(nothing(gun));
    };
    if session.settings().changes == Changes::Made {
        write::new(&options.to, partial.to_text().as_bytes())?;
    }
    let files = vec![Partial::of(&options.to, &partial)?];
    output::print(&Partials { files }, session.settings().format)
}

fn change_of(options: &Options, collection: &Collection, mut keys: Vec<PublicKey>) -> Change {
    if keys.is_empty() && options.threshold.is_none() {
        return Change::RenewRoot;
    }
    if options.keep || keys.is_empty() {
        let root = collection.root();
        let listed = root.roles.get(&RoleName::Root).into_iter().flat_map(|keys| &keys.key_ids);
        keys.extend(listed.filter_map(|id| root.keys.get(id)).cloned());
    }
    Change::ReplaceKeys { role: RoleName::Root, keys, threshold: options.threshold }
}

fn nothing(gun: &Gun) -> Failure {
    Failure::new(Exit::Failure, format!("the root of {gun} would not change"))
}
