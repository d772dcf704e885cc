//! The command line: Notary's flags, with one dash or two, and ours.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use notary_service::listen::ListenAddress;
use notary_service::logs::LogFormat;

use crate::commands::gc::GcOptions;

/// Holds a trust server's snapshot and timestamp keys and signs with them; a drop-in for Notary v1's signer.
#[derive(Debug, Parser)]
#[command(name = "notary-signer", disable_version_flag = true)]
pub struct Arguments {
    /// Notary's JSON configuration file
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Where to listen, over the configuration's server.grpc_addr
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<ListenAddress>,
    /// How log lines look [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    logf: Option<Format>,
    /// Lets debuggers attach and core files be written; there is no debug port
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub debug: bool,
    /// Refused: no key store needs it
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub bootstrap: bool,
    /// Print the version
    #[arg(long, short = 'V')]
    pub version: bool,
    /// What to do instead of serving.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Work with the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the signer of this machine whether it is healthy, at its server.ops_addr; for containers
    Healthcheck,
    /// Make or bring up the tables of the configured database, as starting does; see `storage.migrate`
    Migrate {
        /// Print what would be done and do nothing
        #[arg(long)]
        dry_run: bool,
        /// End the sharing with Notary for good: its signer must not use this database again
        #[arg(long)]
        leave_notary: bool,
    },
    /// Work with the passphrases keys are sealed under
    #[command(subcommand)]
    Passphrase(PassphraseCommand),
    /// Delete the keys of collections that are stored no more
    Gc(GcOptions),
}

/// What to do with passphrases.
#[derive(Debug, Subcommand)]
pub enum PassphraseCommand {
    /// Seal every stored key anew, while signers go on; they must know the old and the new passphrase until it is done
    Rotate(RotateOptions),
}

/// How keys are sealed anew.
#[derive(Debug, clap::Args)]
pub struct RotateOptions {
    /// The alias to seal under [default: storage.default_alias]
    #[arg(long, value_name = "ALIAS")]
    pub alias: Option<String>,
    /// How often its passphrase is hashed [default: as for new keys]
    #[arg(long, value_name = "COUNT")]
    pub iterations: Option<u64>,
    /// Say what would be done, and which keys do not open, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the configuration in force, or what is wrong with it
    Check,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Logfmt,
    Text,
}

impl Arguments {
    /// Reads the process's arguments; ends the process on `--help` and on mistakes.
    #[must_use]
    pub fn read() -> Self {
        Self::parse_from(std::env::args_os().map(two_dashes))
    }

    /// How log lines look.
    #[must_use]
    pub fn log_format(&self) -> LogFormat {
        match self.logf {
            Some(Format::Json) => LogFormat::Json,
            Some(Format::Logfmt) => LogFormat::Logfmt,
            Some(Format::Text) => LogFormat::Text,
            None => LogFormat::by_terminal(),
        }
    }
}

/// Go's flags take one dash or two; ours want two.
fn two_dashes(argument: OsString) -> OsString {
    const LONG: [&str; 7] = ["config", "listen", "logf", "debug", "bootstrap", "version", "help"];
    let Some(name) = argument.to_str().and_then(|text| text.strip_prefix('-')) else { return argument };
    let is_long = LONG.contains(&name.split('=').next().unwrap_or_default());
    if is_long { format!("--{name}").into() } else { argument }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' ').map(OsString::from).map(two_dashes))
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn gos_flags_work_with_one_dash_or_two() {
        for line in ["x -config a.json", "x --config a.json", "x -config=a.json", "x --config=a.json"] {
            assert_eq!(parse(line).unwrap().config, Some(PathBuf::from("a.json")), "{line}");
        }
        assert!(parse("x -debug -config a").unwrap().debug);
        assert!(!parse("x -debug=false").unwrap().debug);
        assert!(parse("x -version").unwrap().version);
        assert_eq!(parse("x -logf=logfmt").unwrap().log_format(), LogFormat::Logfmt);
    }
}
