//! What is staged: shown, dropped, and marking roles to be signed anew.

use clap::Args;
use libtrust::client::StagedChange;
use libtrust::edit::Change;
use libtrust::names::{Gun, RoleName};

use super::super::session::Notary;
use super::super::tables::{ChangeRow, changes};
use super::collection::GunOptions;
use super::print;
use crate::failure::Failure;

/// Options of `notary reset`.
#[derive(Debug, Args)]
pub struct ResetOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// Numbers of specific changes to exclusively reset, as shown in status list
    #[arg(short, long, value_name = "N", value_delimiter = ',')]
    pub number: Vec<usize>,
    /// Reset all changes shown in the status list
    #[arg(long)]
    pub all: bool,
}

/// Options of `notary witness`.
#[derive(Debug, Args)]
pub struct WitnessOptions {
    /// The collection
    #[arg(value_name = "GUN")]
    pub gun: Gun,
    /// The roles
    #[arg(value_name = "ROLE", required = true)]
    pub roles: Vec<RoleName>,
    /// Publish at once, with what else is staged
    #[arg(short, long)]
    pub publish: bool,
}

/// Prints what is staged.
pub(super) fn status(options: &GunOptions, notary: &Notary) -> Result<(), Failure> {
    let staged = notary.changelists().staged(&options.gun)?;
    print(&changes(options.gun.as_str(), staged.iter().map(|staged| row(&staged.change)).collect()))
}

fn row(change: &Change) -> ChangeRow {
    let (action, scope, kind, path) = match change {
        Change::AddTarget { role, name, .. } => ("create", role.to_string(), "target", name.as_str()),
        Change::RemoveTarget { role, name } => ("delete", role.to_string(), "target", name.as_str()),
        Change::AddDelegation { role, .. } => ("create", role.to_string(), "delegation", ""),
        Change::ReduceDelegation { role, .. } => ("update", role.to_string(), "delegation", ""),
        Change::RemoveDelegation { role } => ("delete", role.to_string(), "delegation", ""),
        Change::PurgeKeys { .. } => ("update", "targets/*".to_owned(), "delegation", ""),
        Change::Witness { role } => ("update", role.to_string(), "witness", ""),
        // Never staged: new keys of the four roles and a renewed root are published at once.
        _ => ("update", String::new(), "role", ""),
    };
    ChangeRow { action: action.to_owned(), scope, kind: kind.to_owned(), path: path.to_owned() }
}

/// Drops what is staged, all of it or some. Numbers of nothing are passed over, as by Notary.
pub(super) fn reset(options: &ResetOptions, notary: &Notary) -> Result<(), Failure> {
    let (lists, gun) = (notary.changelists(), &options.gun);
    if options.all {
        lists.clear(gun)?;
    } else if options.number.is_empty() {
        return Err(Failure::usage("Must specify changes to reset with -n or the --all flag"));
    } else {
        let chosen = |(number, staged): (usize, StagedChange)| options.number.contains(&number).then_some(staged);
        let dropped: Vec<StagedChange> = lists.staged(gun)?.into_iter().enumerate().filter_map(chosen).collect();
        lists.remove(gun, &dropped)?;
    }
    print(&format!("Successfully reset specified changes for repository {gun}\n"))
}

/// Marks roles to be signed anew.
pub(super) fn witness(options: &WitnessOptions, notary: &Notary) -> Result<(), Failure> {
    let witness = |role: &RoleName| Change::Witness { role: role.clone() };
    notary.stage(&options.gun, &options.roles.iter().map(witness).collect::<Vec<_>>())?;
    print("The following roles were successfully marked for witnessing on the next publish:\n")?;
    options.roles.iter().try_for_each(|role| print(&format!("\t- {role}\n")))?;
    notary.auto_publish(&options.gun, options.publish)
}
