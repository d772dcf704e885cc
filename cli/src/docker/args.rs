//! The command line of `docker trust`: Docker's own global options, the plugin's name, a verb.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use super::verbs::{
    Call, build, inspect, key_generate, key_load, pull, revoke, run as run_image, sign, signer_add, signer_remove,
};
use crate::failure::Failure;
use crate::settings::Environment;

/// Everything after the word `docker`.
#[derive(Debug, Parser)]
#[command(name = "docker", arg_required_else_help = true)]
pub struct DockerArguments {
    /// Docker's global options.
    #[command(flatten)]
    pub global: DockerOptions,
    /// The plugin's name.
    #[command(subcommand)]
    pub plugin: Plugin,
}

/// The one word between Docker's options and ours.
#[derive(Debug, Subcommand)]
pub enum Plugin {
    /// Manage trust on Docker images
    #[command(arg_required_else_help = true, subcommand_required = true)]
    Trust {
        /// The verb.
        #[command(subcommand)]
        verb: Verb,
    },
}

/// The verbs of `docker trust` that are there.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Return low-level information about keys and signatures
    Inspect(inspect::Options),
    /// Manage keys for signing Docker images
    #[command(arg_required_else_help = true, subcommand_required = true)]
    Key {
        /// What to do with keys.
        #[command(subcommand)]
        verb: KeyVerb,
    },
    /// Remove trust for an image
    Revoke(revoke::Options),
    /// Sign an image
    Sign(sign::Options),
    /// Manage entities who can sign Docker images
    #[command(arg_required_else_help = true, subcommand_required = true)]
    Signer {
        /// What to do with signers.
        #[command(subcommand)]
        verb: SignerVerb,
    },
    /// Verify an image and pull exactly what was signed
    Pull(pull::Options),
    /// Verify an image and run exactly what was signed
    Run(run_image::Options),
    /// Verify the images of a Dockerfile and build from exactly what was signed
    Build(Box<build::Options>),
}

/// The verbs of `docker trust key`.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Generate and load a signing key-pair
    Generate(key_generate::Options),
    /// Load a private key file for signing
    Load(key_load::Options),
}

/// The verbs of `docker trust signer`.
#[derive(Debug, Subcommand)]
pub enum SignerVerb {
    /// Add a signer
    Add(signer_add::Options),
    /// Remove a signer
    Remove(signer_remove::Options),
}

/// Docker's global options. The engine's are read so that a command line with them is understood; only what talks to the
/// engine uses them.
#[derive(Debug, Clone, Args)]
pub struct DockerOptions {
    /// Location of client config files
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Name of the context to use to connect to the daemon
    #[arg(long, short, value_name = "NAME")]
    pub context: Option<String>,
    /// Enable debug mode
    #[arg(long, short = 'D', num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub debug: bool,
    /// Daemon socket to connect to
    #[arg(long, short = 'H', value_name = "LIST")]
    pub host: Vec<String>,
    /// Set the logging level
    #[arg(long, short = 'l', value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Use TLS; implied by --tlsverify
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub tls: bool,
    /// Trust certs signed only by this CA, for the daemon
    #[arg(long, value_name = "FILE")]
    pub tlscacert: Option<PathBuf>,
    /// Path to TLS certificate file, for the daemon
    #[arg(long, value_name = "FILE")]
    pub tlscert: Option<PathBuf>,
    /// Path to TLS key file, for the daemon
    #[arg(long, value_name = "FILE")]
    pub tlskey: Option<PathBuf>,
    /// Use TLS and verify the remote
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub tlsverify: bool,
}

/// The tree of all that is understood.
pub(super) fn tree() -> Command {
    DockerArguments::command()
}

/// Runs a verb, and gives the code it ends with: that of Docker itself where Docker did the rest.
pub(super) fn run(arguments: DockerArguments, environment: &Environment) -> Result<u8, Failure> {
    let call = Call::new(&arguments.global, environment);
    let Plugin::Trust { verb } = arguments.plugin;
    match verb {
        Verb::Inspect(options) => inspect::run(&options, &call),
        Verb::Key { verb: KeyVerb::Generate(options) } => key_generate::run(&options, &call),
        Verb::Key { verb: KeyVerb::Load(options) } => key_load::run(&options, &call),
        Verb::Revoke(options) => revoke::run(&options, &call),
        Verb::Sign(options) => sign::run(&options, &call),
        Verb::Signer { verb: SignerVerb::Add(options) } => signer_add::run(&options, &call),
        Verb::Signer { verb: SignerVerb::Remove(options) } => signer_remove::run(&options, &call),
        Verb::Pull(options) => pull::run(&options, &call),
        Verb::Run(options) => return run_image::run(&options, &call),
        Verb::Build(options) => return build::run(&options, &call),
    }
    .map(|()| 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_together() {
        tree().debug_assert();
    }
}
