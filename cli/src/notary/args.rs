//! The command line of `trust notary`: Notary's global flags and verbs.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::config::NotaryConfig;
use super::verbs::{collection, delegation, key, keys_moved, staged, target};
use crate::commands::Context;
use crate::failure::Failure;
use crate::settings::{Environment, GlobalOptions};

/// Where Notary keeps things, below the user's folder.
const FOLDER: &str = ".notary";
const DEFAULT_SERVER: &str = "https://notary-server:4443";

/// Everything after `trust notary`, read as `notary` reads it.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct Words {
    /// Flags and verbs of `notary`; see: trust notary --help
    #[arg(value_name = "WORDS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<OsString>,
}

/// Notary's command line.
#[derive(Debug, Parser)]
#[command(name = "notary", disable_help_subcommand = true, disable_version_flag = true)]
pub struct NotaryArguments {
    /// Its global flags.
    #[command(flatten)]
    pub flags: Flags,
    /// Print the version number of notary
    #[arg(long)]
    pub version: bool,
    /// The verb; without one, help is shown.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// Notary's global flags.
#[derive(Debug, Default, Args)]
pub struct Flags {
    /// Path to the configuration file to use
    #[arg(short = 'c', long = "configFile", value_name = "FILE", global = true)]
    pub config_file: Option<PathBuf>,
    /// Directory where the trust data is persisted to
    #[arg(short = 'd', long = "trustDir", value_name = "DIR", global = true)]
    pub trust_dir: Option<PathBuf>,
    /// Remote trust server location
    #[arg(short = 's', long, value_name = "URL", global = true)]
    pub server: Option<String>,
    /// Trust certs signed only by this CA
    #[arg(long, value_name = "FILE", global = true)]
    pub tlscacert: Option<PathBuf>,
    /// Path to TLS certificate file
    #[arg(long, value_name = "FILE", global = true)]
    pub tlscert: Option<PathBuf>,
    /// Path to TLS key file
    #[arg(long, value_name = "FILE", global = true)]
    pub tlskey: Option<PathBuf>,
    /// Verbose output
    #[arg(short = 'v', long, global = true)]
    pub verbose: bool,
    /// Debug output
    #[arg(short = 'D', long, global = true)]
    pub debug: bool,
}

/// The verbs of `notary`.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Adds the file as a target to the trusted collection.
    Add(target::AddOptions),
    /// Adds the byte size and hash(es) as a target to the trusted collection.
    Addhash(target::AddHashOptions),
    /// Operates on delegations.
    #[command(arg_required_else_help = true)]
    Delegation {
        /// The verb.
        #[command(subcommand)]
        verb: delegation::Verb,
    },
    /// Deletes all content for a trusted collection
    Delete(collection::DeleteOptions),
    /// Initializes a local trusted collection.
    Init(collection::InitOptions),
    /// Operates on keys.
    #[command(arg_required_else_help = true)]
    Key {
        /// The verb.
        #[command(subcommand)]
        verb: KeyVerb,
    },
    /// Lists targets for a remote trusted collection
    List(target::ListOptions),
    /// Looks up a specific target in a remote trusted collection
    Lookup(target::LookupOptions),
    /// Publishes the local trusted collection.
    Publish(collection::GunOptions),
    /// Removes a target from a trusted collection.
    Remove(target::RemoveOptions),
    /// Resets unpublished changes for the local trusted collection.
    Reset(staged::ResetOptions),
    /// Displays status of unpublished changes to the local trusted collection.
    Status(collection::GunOptions),
    /// Verifies if the content is included in the remote trusted collection
    Verify(target::VerifyOptions),
    /// Print the version number of notary
    Version,
    /// Marks roles to be re-signed the next time they're published
    Witness(staged::WitnessOptions),
}

/// The verbs of `notary key`.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Exports all keys, or the keys specified
    Export(keys_moved::ExportOptions),
    /// Generates a new key with a given algorithm.
    Generate(key::GenerateOptions),
    /// Imports all keys from all provided PEM files
    Import(keys_moved::ImportOptions),
    /// Lists keys in the trust directory
    List,
    /// Changes the passphrase for the key with the given keyID.
    Passwd(key::IdOptions),
    /// Removes the key with the given keyID.
    Remove(key::IdOptions),
    /// Rotate a signing key of the given Globally Unique Name and role.
    Rotate(key::RotateOptions),
}

/// Settings as Notary has them: flags over its configuration file over its defaults. First use is trusted unless
/// `disable_tofu` says otherwise. The pins of the file come beside.
///
/// # Errors
/// What is wrong with the configuration file.
pub fn context(
    flags: &Flags,
    global: &GlobalOptions,
    environment: &Environment,
) -> Result<(Context, NotaryConfig), Failure> {
    let home = environment.home()?;
    let default = home.join(FOLDER).join("config.json");
    let config = match &flags.config_file {
        Some(file) => NotaryConfig::read(file, &home)?,
        None if default.exists() => NotaryConfig::read(&default, &home)?,
        None => NotaryConfig::default(),
    };
    let pick = |flag: &Option<PathBuf>, option: &Option<PathBuf>, file: &Option<PathBuf>| {
        flag.clone().or_else(|| option.clone()).or_else(|| file.clone())
    };
    let trust_dir = flags.trust_dir.clone().or_else(|| config.trust_dir.clone()).unwrap_or_else(|| home.join(FOLDER));
    let server = flags.server.clone().or_else(|| global.server.clone()).or_else(|| config.server.clone());
    let mut merged = GlobalOptions {
        // Listed in full, as Notary lists it.
        trust_dir: Some(std::path::absolute(&trust_dir).unwrap_or(trust_dir)),
        server: server.or_else(|| Some(DEFAULT_SERVER.to_owned())),
        tlscacert: pick(&flags.tlscacert, &global.tlscacert, &config.root_ca),
        tlscert: flags.tlscert.clone().or_else(|| global.tlscert.clone()),
        tlskey: flags.tlskey.clone().or_else(|| global.tlskey.clone()),
        quiet: true,
        ..global.clone()
    };
    if merged.tlscert.is_none() {
        (merged.tlscert, merged.tlskey) = (config.client_certificate.clone(), config.client_key.clone());
    }
    Ok((Context { options: merged, environment: environment.clone(), attended: true }, config))
}
