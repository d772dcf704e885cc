//! Whether readers look for a target where it is to be listed.

use super::{OwnRepository, RepositoryError};
use crate::dialect::Dialect;
use crate::metadata::Delegations;
use crate::names::{DelegationName, RoleName};
use crate::verify::TargetName;

impl OwnRepository {
    /// Refuses paths that nobody who delegates to a role admits: no reader asks the role for them, and some reject the whole
    /// file. Whether the delegator is asked for them in its turn is not looked at.
    pub(super) fn must_admit<'p>(
        &mut self,
        role: &RoleName,
        paths: impl Iterator<Item = &'p str>,
    ) -> Result<(), RepositoryError> {
        let RoleName::Delegation(name) = role else { return Ok(()) };
        let mut left: Vec<TargetName> = paths.map(TargetName::new).collect();
        self.walk(|_, file| {
            if let Some(only) = only(&file.delegations, name) {
                left.retain(|path| path.delegates(Dialect::Tuf, &only).all(|(role, _)| role != *name));
            }
            !left.is_empty()
        })?;
        let refused = |path: &TargetName| RepositoryError::NotAdmitted { role: role.clone(), path: cut(path.as_str()) };
        left.first().map_or(Ok(()), |path| Err(refused(path)))
    }
}

/// What a file says of one role that it delegates to, if it does.
fn only(delegations: &Delegations, name: &DelegationName) -> Option<Delegations> {
    let roles = delegations.roles.iter().filter(|role| role.name == *name).cloned().collect();
    let succinct = delegations.succinct.clone().filter(|bins| bins.has(name));
    let only = Delegations { keys: Default::default(), roles, succinct };
    (!only.roles.is_empty() || only.succinct.is_some()).then_some(only)
}

fn cut(path: &str) -> String {
    path.chars().take(255).collect()
}
