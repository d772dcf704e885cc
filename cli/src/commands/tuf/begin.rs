//! `trust tuf init DIR`: begin a repository.

use std::collections::BTreeMap;

use clap::Args;
use libtrust::client::tuf::repository::OwnRepository;
use libtrust::edit::tuf::Signatories;
use libtrust::metadata::Threshold;
use libtrust::names::RoleName;

use super::change::{Change, ChangeOptions};
use super::keys::signatories;
use crate::commands::Context;
use crate::commands::init::threshold;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// Who signs the roles of a new repository.
#[derive(Debug, Args)]
#[command(next_help_heading = "Beginning a repository")]
pub struct BeginOptions {
    /// Root keys, by id or file of the public key [default: a new one]
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub root_key: Vec<String>,
    /// How many of them must sign
    #[arg(long, value_name = "N", value_parser = threshold)]
    pub root_threshold: Option<Threshold>,
    /// Keys of the targets [default: a new one]
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub targets_key: Vec<String>,
    /// How many of them must sign
    #[arg(long, value_name = "N", value_parser = threshold)]
    pub targets_threshold: Option<Threshold>,
    /// The key of the snapshots, which is used at every publication [default: a new one]
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub snapshot_key: Vec<String>,
    /// The key of the timestamps, which is used at every publication [default: a new one]
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub timestamp_key: Vec<String>,
}

/// Runs it.
///
/// # Errors
/// If there is a repository already, or a key cannot be used.
pub fn run(options: &BeginOptions, change: &ChangeOptions, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    if change.dir.join("metadata").exists() || change.dir.join("staged").exists() {
        let dir = change.dir.display().to_string();
        return Err(libtrust::client::tuf::repository::RepositoryError::Exists { dir }.into());
    }
    let server = change.at.server(&session)?;
    let mut made = Vec::new();
    let mut roles = BTreeMap::new();
    for (role, keys, threshold) in [
        (RoleName::Root, &options.root_key, options.root_threshold),
        (RoleName::Targets, &options.targets_key, options.targets_threshold),
        (RoleName::Snapshot, &options.snapshot_key, None),
        (RoleName::Timestamp, &options.timestamp_key, None),
    ] {
        let is_online = matches!(role, RoleName::Snapshot | RoleName::Timestamp);
        let by = match &server {
            Some(place) if is_online && keys.is_empty() => {
                Signatories::one(session.wait(place.server.server_key(&place.gun, &role))?)
            }
            _ => signatories(&session, role.as_str(), keys, threshold, &mut made)?,
        };
        roles.insert(role, by);
    }
    let repository = OwnRepository::begin(&change.dir, &roles, change.lifetimes.lifetimes())?;
    Change::of(session, repository, made, change).finish()
}
