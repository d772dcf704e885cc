//! The command line of `docker trust`: Docker's own global options, the plugin's name, a verb.

use std::path::PathBuf;

use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use super::verbs::{self, inspect};
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

/// Runs a verb.
pub(super) fn run(arguments: DockerArguments, environment: &Environment) -> Result<(), Failure> {
    let context = verbs::context(&arguments.global, environment);
    let Plugin::Trust { verb } = arguments.plugin;
    match verb {
        Verb::Inspect(options) => inspect::run(&options, &context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_together() {
        tree().debug_assert();
    }
}
