//! Delegations: listed, and staged changes to them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use libtrust::dialect::Dialect;
use libtrust::edit::Change;
use libtrust::names::{DelegationName, Gun, KeyId};

use super::super::session::Notary;
use super::super::tables::{DelegationRow, delegations};
use super::collection::GunOptions;
use super::{aborted, print, sure};
use crate::docker::verbs::signer_add::public_key;
use crate::failure::Failure;
use crate::terminal::Confirmation;

/// The verbs of `notary delegation`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Add a keys to delegation using the provided public key X509 certificates.
    Add(AddOptions),
    /// Lists delegations for the Global Unique Name.
    List(GunOptions),
    /// Remove key(s) from all delegations it exists in.
    Purge(PurgeOptions),
    /// Remove KeyID(s) from the specified Role delegation.
    Remove(RemoveOptions),
}

/// Options of `notary delegation add`.
#[derive(Debug, Args)]
pub struct AddOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The delegation
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// Public keys or certificates
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// List of paths to add
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    pub paths: Vec<String>,
    /// Add all paths to this delegation
    #[arg(long)]
    pub all_paths: bool,
    /// Publish at once, with what else is staged
    #[arg(short, long)]
    pub publish: bool,
}

/// Options of `notary delegation purge`.
#[derive(Debug, Args)]
pub struct PurgeOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// Keys to remove, by id
    #[arg(long = "key", value_name = "ID", value_delimiter = ',', required = true)]
    pub keys: Vec<KeyId>,
    /// Publish at once, with what else is staged
    #[arg(short, long)]
    pub publish: bool,
}

/// Options of `notary delegation remove`.
#[derive(Debug, Args)]
pub struct RemoveOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The delegation
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// Keys to remove, by id
    #[arg(value_name = "KEYID")]
    pub keys: Vec<KeyId>,
    /// List of paths to remove
    #[arg(long, value_name = "PATHS", value_delimiter = ',')]
    pub paths: Vec<String>,
    /// Remove all paths from this delegation
    #[arg(long)]
    pub all_paths: bool,
    /// Answer yes to the removal question
    #[arg(short, long)]
    pub yes: bool,
    /// Publish at once, with what else is staged
    #[arg(short, long)]
    pub publish: bool,
}

/// Runs a verb.
pub(super) fn run(verb: &Verb, notary: &Notary) -> Result<(), Failure> {
    match verb {
        Verb::Add(options) => add(options, notary),
        Verb::List(options) => list(options, notary),
        Verb::Purge(options) => purge(options, notary),
        Verb::Remove(options) => remove(options, notary),
    }
}

fn name(role: &str, doing: &str) -> Result<DelegationName, Failure> {
    role.parse().map_err(|_| {
        Failure::usage(format!("failed to {doing} delegation: tuf: invalid role {role}. invalid delegation role name"))
    })
}

fn list(options: &GunOptions, notary: &Notary) -> Result<(), Failure> {
    let collection = notary.updated(&options.gun)?;
    let rows = collection.targets().roles().flat_map(|file| {
        let known = &file.delegations.keys;
        file.delegations.roles.iter().map(move |role| DelegationRow {
            role: role.name.to_string(),
            paths: role.paths.clone(),
            key_ids: role
                .keys
                .key_ids
                .iter()
                .map(|id| known.get(id).map_or_else(|| id.clone(), |key| Dialect::Notary.canonical_key_id(key)))
                .map(|id| id.to_string())
                .collect(),
            threshold: role.keys.threshold.get(),
        })
    });
    print(&delegations(rows.collect()))
}

fn add(options: &AddOptions, notary: &Notary) -> Result<(), Failure> {
    if options.files.is_empty() && options.paths.is_empty() && !options.all_paths {
        return Err(Failure::usage("Must specify keys, --paths or --all-paths"));
    }
    let role = name(&options.role, "create")?;
    let keys = options.files.iter().map(|file| public_key(file)).collect::<Result<Vec<_>, _>>()?;
    let ids: Vec<KeyId> = keys.iter().map(|key| Dialect::Notary.canonical_key_id(key)).collect();
    let mut paths = options.paths.clone();
    if options.all_paths {
        paths = vec![String::new()];
    }
    let what = [with_keys(&ids), with_paths(&paths)].concat();
    notary.stage(&options.gun, &[Change::AddDelegation { role, keys, threshold: None, paths }])?;
    print(&format!(
        "\nAddition of delegation role {} {what}to repository \"{}\" staged for next publish.\n\n",
        options.role, options.gun
    ))?;
    notary.auto_publish(&options.gun, options.publish)
}

fn with_keys(ids: &[KeyId]) -> String {
    let ids: Vec<&str> = ids.iter().map(KeyId::as_str).collect();
    if ids.is_empty() { String::new() } else { format!("with keys [{}], ", ids.join(" ")) }
}

fn with_paths(paths: &[String]) -> String {
    let mut shown: Vec<&str> =
        paths.iter().map(|path| if path.is_empty() { "\"\" <all paths>" } else { path.as_str() }).collect();
    shown.sort_unstable();
    if shown.is_empty() { String::new() } else { format!("with paths [{}], ", shown.join("\n")) }
}

fn remove(options: &RemoveOptions, notary: &Notary) -> Result<(), Failure> {
    let (gun, role) = (&options.gun, name(&options.role, "remove")?);
    if options.keys.is_empty() && options.paths.is_empty() && !options.all_paths {
        print("\nAre you sure you want to remove all data for this delegation? (yes/no)")?;
        if options.yes {
            print("\nConfirmed `yes` from flag\n")?;
        } else if sure("", Confirmation::Asked)? {
            print("\n")?;
        } else {
            return Err(aborted());
        }
        notary.stage(gun, &[Change::RemoveDelegation { role }])?;
        print(&format!(
            "\nForced removal (including all keys and paths) of delegation role {} to repository \"{gun}\" staged for next publish.\n\n",
            options.role
        ))?;
    } else {
        let all = if options.all_paths { "with all paths, " } else { "" };
        let what = [with_keys(&options.keys), with_paths(&options.paths), all.to_owned()].concat();
        let (keys, paths, all_paths) = (options.keys.clone(), options.paths.clone(), options.all_paths);
        notary.stage(gun, &[Change::ReduceDelegation { role, keys, paths, all_paths }])?;
        print(&format!(
            "\nRemoval of delegation role {} {what}to repository \"{gun}\" staged for next publish.\n\n",
            options.role
        ))?;
    }
    notary.auto_publish(gun, options.publish)
}

fn purge(options: &PurgeOptions, notary: &Notary) -> Result<(), Failure> {
    notary.stage(&options.gun, &[Change::PurgeKeys { keys: options.keys.clone() }])?;
    print(&format!(
        "Removal of the following keys from all delegations in {} staged for next publish:\n",
        options.gun
    ))?;
    options.keys.iter().try_for_each(|id| print(&format!("\t- {id}\n")))?;
    notary.auto_publish(&options.gun, options.publish)
}
