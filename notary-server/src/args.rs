//! The command line: Notary's flags, with one dash or two, and ours.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use notary_service::listen::ListenAddress;
use notary_service::logs::LogFormat;

use crate::commands::check::CheckOptions;
use crate::commands::gc::GcOptions;

/// A trust server: stores signed metadata per image name; a drop-in for Notary v1.
///
/// Without --config it makes and uses a data folder of its own: certificate, keys and database.
#[derive(Debug, Parser)]
#[command(name = "notary-server", disable_version_flag = true)]
pub struct Arguments {
    /// Notary's JSON configuration file
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Where the server without a configuration file keeps its data [default: $XDG_DATA_HOME/notary-server]
    #[arg(long, value_name = "DIR", conflicts_with = "config", global = true)]
    pub data_dir: Option<PathBuf>,
    /// Where to listen, over the configuration [default without --config: 127.0.0.1:4443]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<ListenAddress>,
    /// How log lines look [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT")]
    logf: Option<Format>,
    /// Accepted for Notary's sake: this server has no debug port
    #[arg(long, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub debug: bool,
    /// Refused: no storage of this server needs it
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
    /// Ask the server of this machine whether it is healthy; for containers
    Healthcheck,
    /// Make certificates and secrets for a server, a signer and a database; keeps and renews what is there
    Provision {
        /// The folder with one folder for each program
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// A host name or address clients use; localhost, 127.0.0.1, ::1 and notary-server always are
        #[arg(long = "name", value_name = "NAME")]
        names: Vec<String>,
        /// Also copy the authority's certificate here, for clients
        #[arg(long, value_name = "FILE")]
        export_ca: Option<PathBuf>,
    },
    /// Make or bring up the tables of the configured database, as starting does; see `storage.migrate`
    Migrate {
        /// Print what would be done and do nothing
        #[arg(long)]
        dry_run: bool,
        /// End the sharing with Notary for good: its programs must not use this database again. Rewrites tables; stop
        /// every server first
        #[arg(long)]
        leave_notary: bool,
    },
    /// Remove versions that were replaced long ago
    Gc(GcOptions),
    /// Print the names of all stored collections; `notary-signer gc` reads them
    Collections,
    /// Look for faults in what is stored; changes nothing
    Check(CheckOptions),
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
    const LONG: [&str; 8] = ["config", "data-dir", "listen", "logf", "debug", "bootstrap", "version", "help"];
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
        assert!(parse("x -debug").unwrap().debug);
        assert!(parse("x -debug=true -config a").unwrap().debug);
        assert!(!parse("x -debug=false").unwrap().debug);
        assert!(parse("x -version").unwrap().version);
        assert_eq!(parse("x -logf logfmt").unwrap().log_format(), LogFormat::Logfmt);
        assert_eq!(parse("x -logf=json").unwrap().log_format(), LogFormat::Json);
    }

    #[test]
    fn a_configuration_can_be_checked() {
        for line in ["x config check --config a", "x -config a config check"] {
            let arguments = parse(line).unwrap();
            assert!(matches!(arguments.command, Some(Command::Config(ConfigCommand::Check))), "{line}");
            assert!(arguments.config.is_some(), "{line}");
        }
    }

    #[test]
    fn maintenance_has_defaults_and_takes_the_configuration_on_either_side() {
        for line in ["x gc --config a", "x -config a gc --older-than 7d --dry-run", "x gc --data-dir b --output json"] {
            assert!(matches!(parse(line).unwrap().command, Some(Command::Gc(_))), "{line}");
        }
        assert!(matches!(parse("x check --with-signer --config a").unwrap().command, Some(Command::Check(_))));
        assert!(parse("x gc --older-than never").is_err());
    }

    #[test]
    fn a_data_folder_and_a_configuration_exclude_each_other() {
        assert!(parse("x --config a --data-dir b").is_err());
        assert!(parse("x --listen nowhere").is_err());
    }
}
