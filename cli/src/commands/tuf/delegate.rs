//! `trust tuf delegate`: give part of the targets to other keys.

use clap::{ArgGroup, Args};
use libtrust::client::tuf::repository::{NewBins, NewDelegation};
use libtrust::edit::tuf::{Admitted, BinForm};
use libtrust::metadata::Threshold;
use libtrust::names::{DelegationName, RoleName};

use super::change::{Change, ChangeOptions, role};
use super::keys::signatories;
use crate::commands::Context;
use crate::commands::init::threshold;
use crate::failure::Failure;

/// Options of `trust tuf delegate`.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["path", "hash_prefix", "bins", "remove"]),
    after_long_help = "\
A pattern matches part by part between slashes: * any run, ? one character, [abc] a set; none of them matches a slash. Hash bins
share all targets by the SHA-256 of their paths; ROLE is what their names begin with.

Examples:
  trust tuf delegate repo team --key team.pub --path 'team/*'
  trust tuf delegate repo nightly --from team --path 'team/nightly-*' --terminating
  trust tuf delegate repo bin --bins 14 --succinct
  trust tuf delegate repo team --remove"
)]
pub struct Options {
    /// The repository.
    #[command(flatten)]
    pub change: ChangeOptions,
    /// The new role
    #[arg(value_name = "ROLE")]
    pub role: String,
    /// Who delegates
    #[arg(long, value_name = "ROLE", value_parser = role, default_value = "targets")]
    pub from: RoleName,
    /// Its keys, by id or file of the public key [default: a new one]
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub key: Vec<String>,
    /// How many of them must sign
    #[arg(long, value_name = "N", value_parser = threshold)]
    pub threshold: Option<Threshold>,
    /// Paths it may list: a shell pattern; may be given several times
    #[arg(long, value_name = "PATTERN")]
    pub path: Vec<String>,
    /// How the SHA-256 of paths that it may list begins, in hex; may be given several times
    #[arg(long, value_name = "HEX", conflicts_with = "path")]
    pub hash_prefix: Vec<String>,
    /// Do not ask roles behind it about these paths
    #[arg(long)]
    pub terminating: bool,
    /// Delegate everything to 2 to the power of BITS hash bins
    #[arg(long, value_name = "BITS", conflicts_with_all = ["path", "hash_prefix", "terminating"])]
    pub bins: Option<u8>,
    /// Write the bins in one line (TAP 15), which not every client reads
    #[arg(long, requires = "bins")]
    pub succinct: bool,
    /// Take the delegation back
    #[arg(long, conflicts_with_all = ["key", "threshold", "path", "hash_prefix", "terminating", "bins"])]
    pub remove: bool,
}

/// Runs it.
///
/// # Errors
/// If the role's name is or was taken, or a key cannot be used.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let mut change = Change::open(&options.change, context)?;
    if options.remove {
        change.repository.undelegate(&options.from, &options.role)?;
        return change.finish();
    }
    let name = DelegationName::in_tuf(&options.role);
    let name = name.map_err(|error| Failure::caused(crate::exit::Exit::Usage, &error))?;
    let signatories = signatories(&change.session, &options.role, &options.key, options.threshold, &mut change.made)?;
    if let Some(bits) = options.bins {
        let form = if options.succinct { BinForm::Succinct } else { BinForm::Named };
        let new = NewBins { form, prefix: options.role.clone(), bits, signatories };
        change.repository.delegate_to_bins(&options.from, &new)?;
    } else {
        let admitted = if options.hash_prefix.is_empty() {
            Admitted::Paths(options.path.clone())
        } else {
            Admitted::HashPrefixes(options.hash_prefix.clone())
        };
        let terminating = options.terminating;
        change.repository.delegate(&options.from, NewDelegation { name, signatories, admitted, terminating })?;
    }
    change.finish()
}
