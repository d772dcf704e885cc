//! The command line of `trust notary`: Notary's global flags and verbs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::config::NotaryConfig;
use super::verbs;
use crate::commands::Context;
use crate::failure::Failure;
use crate::settings::{Environment, GlobalOptions};

/// Where Notary keeps things, below the user's folder.
const FOLDER: &str = ".notary";

/// Everything after `trust notary`.
#[derive(Debug, Args)]
pub struct Options {
    /// Path to the configuration file to use
    #[arg(short = 'c', long = "configFile", value_name = "FILE")]
    pub config_file: Option<PathBuf>,
    /// Directory where the trust data is persisted to
    #[arg(short = 'd', long = "trustDir", value_name = "DIR")]
    pub notary_trust_dir: Option<PathBuf>,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs of `notary` that are there.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Lists targets for a remote trusted collection
    List(verbs::GunOptions),
    /// Looks up a specific target in a remote trusted collection
    Lookup(verbs::TargetOptions),
    /// Operates on keys
    Key {
        /// The verb.
        #[command(subcommand)]
        verb: KeyVerb,
    },
}

/// The verbs of `notary key` that are there.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Lists keys in the trust directory
    List,
}

/// Settings as Notary has them: flags over its configuration file over its defaults. First use is trusted unless
/// `disable_tofu` says otherwise.
///
/// # Errors
/// What is wrong with the configuration file. Pins in it are not followed yet, so they are an error, too.
pub fn context(options: &Options, global: &GlobalOptions, environment: &Environment) -> Result<Context, Failure> {
    let home = environment.home()?;
    let default = home.join(FOLDER).join("config.json");
    let config = match &options.config_file {
        Some(file) => NotaryConfig::read(file, &home)?,
        None if default.exists() => NotaryConfig::read(&default, &home)?,
        None => NotaryConfig::default(),
    };
    if !config.pinning.certs.is_empty() || !config.pinning.ca.is_empty() {
        return Err(Failure::usage("trust_pinning.certs and .ca: write these pins into a policy (--policy FILE)"));
    }
    let pick = |flag: &Option<PathBuf>, file: Option<PathBuf>| flag.clone().or(file);
    let trust_dir = pick(&options.notary_trust_dir, config.trust_dir).unwrap_or_else(|| home.join(FOLDER));
    let mut merged = GlobalOptions {
        // Listed in full, as Notary lists it.
        trust_dir: Some(std::path::absolute(&trust_dir).unwrap_or(trust_dir)),
        server: global.server.clone().or(config.server).or_else(|| Some(DEFAULT_SERVER.to_owned())),
        tlscacert: pick(&global.tlscacert, config.root_ca),
        no_tofu: global.no_tofu || config.pinning.disable_tofu,
        quiet: true,
        ..global.clone()
    };
    if global.tlscert.is_none() {
        (merged.tlscert, merged.tlskey) = (config.client_certificate, config.client_key);
    }
    Ok(Context { options: merged, environment: environment.clone(), attended: true })
}

const DEFAULT_SERVER: &str = "https://notary-server:4443";
