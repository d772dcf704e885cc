//! Listing targets where readers look for them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{OwnRepository, RepositoryError};
use crate::client::tuf::TargetPath;
use crate::dialect::Dialect;
use crate::edit::tuf::{HashBin, HashBins};
use crate::metadata::{Delegations, Target};
use crate::names::{DelegationName, RoleName};
use crate::verify::TargetName;

impl OwnRepository {
    /// Lists a target; one of that path is replaced. Without a role it goes where readers find it by hash: into the hash bin
    /// of its path below `targets`, or to `targets` itself. Gives the role.
    ///
    /// # Errors
    /// If there is no such role, no reader would look for the path there, or a file does not hold.
    pub fn add(
        &mut self,
        role: Option<&RoleName>,
        path: &TargetPath,
        target: Target,
    ) -> Result<RoleName, RepositoryError> {
        let top = role.unwrap_or(&RoleName::Targets);
        let role = self.add_all(role, [(path.clone(), target)])?.pop_first();
        Ok(role.unwrap_or_else(|| top.clone()))
    }

    /// As [`OwnRepository::add`], many at once, all below one role.
    ///
    /// # Errors
    /// As [`OwnRepository::add`].
    pub fn add_all(
        &mut self,
        role: Option<&RoleName>,
        targets: impl IntoIterator<Item = (TargetPath, Target)>,
    ) -> Result<BTreeSet<RoleName>, RepositoryError> {
        let top = role.unwrap_or(&RoleName::Targets);
        let targets: Vec<(TargetPath, Target)> = targets.into_iter().collect();
        self.must_admit(top, targets.iter().map(|(path, _)| path))?;
        if self.targets(top)?.is_none() {
            self.targets_mut(top)?;
        }
        let file = self.peek(top).ok_or_else(|| RepositoryError::NoSuchRole { role: top.clone() })?;
        let bins = HashBins::of(&file.delegations);
        let mut by_bin: HashMap<Option<HashBin>, Vec<(String, Target)>> = HashMap::new();
        for (path, target) in targets {
            let bin = bins.bin_of(path.as_str()).map_err(|asked| shadowed(asked, &path))?;
            by_bin.entry(bin).or_default().push((path.into(), target));
        }
        let by_role = by_bin.into_iter().map(|(bin, targets)| {
            let role = bin.and_then(|bin| bins.role(bin)).map_or_else(|| top.clone(), RoleName::Delegation);
            (role, targets)
        });
        let by_role: BTreeMap<RoleName, Vec<(String, Target)>> = by_role.collect();
        let mut roles = BTreeSet::new();
        for (role, targets) in by_role {
            self.targets_mut(&role)?.targets.extend(targets);
            roles.insert(role);
        }
        Ok(roles)
    }

    /// Takes a target out of a role, chosen as for [`OwnRepository::add`]. Its files stay: readers may be on their way.
    ///
    /// # Errors
    /// If it is not listed there.
    pub fn remove(&mut self, role: Option<&RoleName>, path: &TargetPath) -> Result<RoleName, RepositoryError> {
        let role = self.role_for(role.unwrap_or(&RoleName::Targets), path)?;
        let lists = self.targets(&role)?.is_some_and(|file| file.targets.contains_key(path.as_str()));
        if !lists {
            return Err(RepositoryError::NotListed { role, path: path.to_string() });
        }
        self.targets_mut(&role)?.targets.remove(path.as_str());
        Ok(role)
    }

    fn role_for(&mut self, role: &RoleName, path: &TargetPath) -> Result<RoleName, RepositoryError> {
        let Some(file) = self.targets(role)? else { return Ok(role.clone()) };
        let bin = HashBins::of(&file.delegations).role_of(path.as_str()).map_err(|asked| shadowed(asked, path))?;
        Ok(bin.map_or_else(|| role.clone(), RoleName::Delegation))
    }

    /// Refuses what [`OwnRepository::add_all`] would refuse of these paths, before anything is changed.
    ///
    /// # Errors
    /// As [`OwnRepository::add`].
    pub fn may_add(&mut self, role: Option<&RoleName>, paths: &[TargetPath]) -> Result<(), RepositoryError> {
        let top = role.unwrap_or(&RoleName::Targets);
        self.must_admit(top, paths)?;
        let Some(file) = self.targets(top)? else { return Ok(()) };
        let bins = HashBins::of(&file.delegations);
        paths.iter().try_for_each(|path| bins.bin_of(path.as_str()).map(drop).map_err(|asked| shadowed(asked, path)))
    }

    /// Refuses paths that nobody who delegates to a role admits: no reader asks the role for them, and some reject the whole
    /// file. Whether the delegator is asked for them in its turn is not looked at.
    fn must_admit<'p>(
        &mut self,
        role: &RoleName,
        paths: impl IntoIterator<Item = &'p TargetPath>,
    ) -> Result<(), RepositoryError> {
        let RoleName::Delegation(name) = role else { return Ok(()) };
        let mut left: Vec<TargetName> = paths.into_iter().map(|path| TargetName::new(path.as_str())).collect();
        let mut is_delegated = false;
        self.walk(|_, file| {
            if let Some(only) = only(&file.delegations, name) {
                is_delegated = true;
                left.retain(|path| path.delegates(Dialect::Tuf, &only).all(|(role, _)| role != *name));
            }
            !is_delegated || !left.is_empty()
        })?;
        if !is_delegated {
            return Err(RepositoryError::NoSuchRole { role: role.clone() });
        }
        let refused = |path: &TargetName| RepositoryError::NotAdmitted {
            role: role.clone(),
            path: path.as_str().chars().take(255).collect(),
        };
        left.first().map_or(Ok(()), |path| Err(refused(path)))
    }
}

/// What a file says of one role that it delegates to, if it does.
fn only(delegations: &Delegations, name: &DelegationName) -> Option<Delegations> {
    let roles = delegations.roles.iter().filter(|role| role.name == *name).cloned().collect();
    let succinct = delegations.succinct.clone().filter(|bins| bins.has(name));
    let only = Delegations { roles, succinct, ..Delegations::default() };
    (!only.roles.is_empty() || only.succinct.is_some()).then_some(only)
}

fn shadowed(role: DelegationName, path: &TargetPath) -> RepositoryError {
    RepositoryError::Shadowed { role: RoleName::Delegation(role), path: path.as_str().chars().take(255).collect() }
}
