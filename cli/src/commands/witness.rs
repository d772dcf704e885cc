//! `trust witness`: sign roles anew as they are.

use clap::Args;
use libtrust::edit::Change;
use libtrust::names::RoleName;

use super::Context;
use super::change::{self, Changed, Staging};
use super::name::CollectionName;
use crate::failure::Failure;
use crate::session::Session;
use crate::terminal::Wording;

/// Options of `trust witness`.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  trust witness registry.example/team/app targets/releases
  trust witness --empty registry.example/team/app targets/releases
  trust witness --stage registry.example/team/app targets targets/alice")]
pub struct Options {
    /// The image's repository
    #[arg(value_name = "IMAGE")]
    pub name: CollectionName,
    /// targets, or delegations: also those that lost their signatures or have expired
    #[arg(required = true, value_name = "ROLE")]
    pub roles: Vec<RoleName>,
    /// Begin the delegations anew with nothing in them, instead of vouching for all they list
    #[arg(long, conflicts_with = "stage")]
    pub empty: bool,
    /// Whether it waits.
    #[command(flatten)]
    pub staging: Staging,
}

/// Runs it.
///
/// # Errors
/// If a role is not there, or its keys are not here.
pub fn run(options: &Options, context: &Context) -> Result<(), Failure> {
    let session = Session::new(context.settings()?, Wording::Trust)?;
    if let Some(role) = options.roles.iter().find(|role| !role.lists_targets()) {
        let message = format!("{role} is not signed so: targets and delegations are");
        return Err(
            Failure::usage(message).hint("the root is renewed by `trust renew`; the server renews its own roles")
        );
    }
    let change = |role: &RoleName| match role {
        RoleName::Delegation(role) if options.empty => Ok(Change::Empty { role: role.clone() }),
        _ if options.empty => Err(Failure::usage("only delegations are begun anew: revoke what targets lists")),
        role => Ok(Change::Witness { role: role.clone() }),
    };
    let changes = options.roles.iter().map(change).collect::<Result<Vec<_>, _>>()?;
    Changed::each(&session, [&options.name.0], |gun| change::make(&session, gun, &options.staging, &changes))
}
