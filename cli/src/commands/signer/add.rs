//! `trust signer add`.

use std::path::PathBuf;

use clap::Args;
use libtrust::client::{Init, Offline, UpdateError};
use libtrust::edit::Change;
use libtrust::keys::PublicKey;
use libtrust::metadata::Threshold;

use super::roles;
use crate::commands::change::{self, Changed};
use crate::commands::key::find;
use crate::commands::name::CollectionName;
use crate::commands::{Context, init};
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust signer add`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust signer add --key alice.pub alice registry.example/team/app
  trust signer add --key a.pub,b.pub --threshold 2 duo registry.example/team/app
  trust signer add --init --key alice.pub alice registry.example/team/new")]
pub struct Options {
    /// The signer's name
    #[arg(value_name = "NAME", value_parser = crate::commands::key::signer_name)]
    pub name: String,
    /// Repositories
    #[arg(required = true, value_name = "IMAGE")]
    pub repositories: Vec<CollectionName>,
    /// The signer's public keys or certificates (PEM)
    #[arg(long, required = true, value_name = "FILE", value_delimiter = ',')]
    pub key: Vec<PathBuf>,
    /// How many of the signer's keys must sign
    #[arg(long, value_name = "N", value_parser = init::threshold)]
    pub threshold: Option<Threshold>,
    /// Begin collections that are not there yet
    #[arg(long)]
    pub init: bool,
}

/// Runs it.
///
/// # Errors
/// If a file holds no public key, or a collection cannot be published. Those before it in order are published.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    let keys = options.key.iter().map(|file| find::public_key(file)).collect::<Result<Vec<_>, _>>()?;
    let changes = changes(&options.name, &keys, options.threshold)?;
    Changed::each(&session, options.repositories.iter().map(|name| &name.0), |gun| {
        let client = session.client(gun)?;
        let begun = match session.wait(client.update(gun, Offline::Never)) {
            Err(UpdateError::NoTrustData { .. }) if options.init => {
                return init::begin(&session, gun, &Init::default(), &changes);
            }
            updated => updated.map(|_| ()),
        };
        begun.map_err(|error| Failure::from(error).hint("to begin it with this signer: --init"))?;
        change::publish(&session, gun, |_| Ok(changes.clone()))
    })
}

/// The signer's own role, and the role that releases.
fn changes(name: &str, keys: &[PublicKey], threshold: Option<Threshold>) -> Result<Vec<Change>, Failure> {
    let add =
        |role, threshold| Change::AddDelegation { role, keys: keys.to_vec(), threshold, paths: vec![String::new()] };
    Ok(vec![add(roles::of_signer(name)?, threshold), add(roles::releases()?, None)])
}
