//! Changes, in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, Utc};

use super::draft::Draft;
use super::layout::Layout;
use super::{OwnRepository, RepositoryError};
use crate::client::tuf::MetadataName;
use crate::edit::tuf::{
    Admitted, BinForm, Signatories, add_delegation, add_hash_bins, first_targets, remove_delegation,
    replace_delegation_keys, replace_role_keys,
};
use crate::metadata::{Delegations, Root, SuccinctRoles, Targets};
use crate::names::{DelegationName, RoleName};

/// A delegation to make.
#[derive(Debug, Clone)]
pub struct NewDelegation {
    /// Its name.
    pub name: DelegationName,
    /// Who signs it.
    pub signatories: Signatories,
    /// What it may list.
    pub admitted: Admitted,
    /// Whether roles behind it are not asked about that.
    pub terminating: bool,
}

/// Hash bins to make.
#[derive(Debug, Clone)]
pub struct NewBins {
    /// How they are written.
    pub form: BinForm,
    /// What their names begin with.
    pub prefix: String,
    /// `2^bits` of them.
    pub bits: u8,
    /// Who signs all of them.
    pub signatories: Signatories,
}

impl OwnRepository {
    /// Delegates to a new role, and begins it: readers that are sent to a role without a file find nothing behind it either.
    ///
    /// # Errors
    /// If its name is or was taken or leads elsewhere, or its keys cannot sign it.
    pub fn delegate(&mut self, delegator: &RoleName, new: NewDelegation) -> Result<(), RepositoryError> {
        self.must_be_free(&new.name)?;
        let NewDelegation { name, signatories, admitted, terminating } = new;
        let file = self.targets_mut(delegator)?;
        add_delegation(&mut file.delegations, delegator, &name, &signatories, admitted, terminating)?;
        let first = Draft::first(first_targets(DateTime::UNIX_EPOCH));
        self.targets.insert(RoleName::Delegation(name), first);
        Ok(())
    }

    /// Delegates everything to hash bins, and begins each of them.
    ///
    /// # Errors
    /// As [`OwnRepository::delegate`].
    pub fn delegate_to_bins(&mut self, delegator: &RoleName, new: &NewBins) -> Result<(), RepositoryError> {
        let file = self.targets_mut(delegator)?;
        let before: BTreeSet<DelegationName> = file.delegations.roles.iter().map(|role| role.name.clone()).collect();
        let NewBins { form, prefix, bits, signatories } = new;
        add_hash_bins(&mut file.delegations, delegator, *form, prefix, *bits, signatories)?;
        let bins: Vec<DelegationName> = file.delegations.names().filter(|name| !before.contains(name)).collect();
        for name in bins {
            self.must_be_free(&name)?;
            let first = Draft::first(first_targets(DateTime::UNIX_EPOCH));
            self.targets.insert(RoleName::Delegation(name), first);
        }
        Ok(())
    }

    /// A role that is gone stays in the snapshot for ever, and so does what clients remember of it.
    fn must_be_free(&self, name: &DelegationName) -> Result<(), RepositoryError> {
        let role = RoleName::Delegation(name.clone());
        if Layout::metadata_path(&MetadataName::current(role.clone())).is_none() {
            return Err(RepositoryError::RoleName { role: name.to_string() });
        }
        let published = self.published.as_ref().and_then(|published| published.version_of(&role));
        if published.is_some() || self.targets.contains_key(&role) {
            return Err(RepositoryError::RoleTaken { role });
        }
        Ok(())
    }

    /// Takes a delegation back.
    ///
    /// # Errors
    /// If there is none.
    pub fn undelegate(&mut self, delegator: &RoleName, name: &str) -> Result<(), RepositoryError> {
        let file = self.targets_mut(delegator)?;
        let gone: Vec<DelegationName> = file.delegations.names().collect();
        remove_delegation(&mut file.delegations, name)?;
        let left: BTreeSet<DelegationName> = file.delegations.names().collect();
        for name in gone.into_iter().filter(|name| !left.contains(name)) {
            self.targets.remove(&RoleName::Delegation(name));
        }
        Ok(())
    }

    /// Gives a role other keys: one of the four, a delegated role, or all hash bins of the short form by the prefix of their
    /// names. What they sign is signed anew.
    ///
    /// # Errors
    /// If there is no such role, or the keys cannot sign it.
    pub fn rotate(&mut self, role: &str, signatories: &Signatories) -> Result<(), RepositoryError> {
        if let Ok(role @ (RoleName::Root | RoleName::Targets | RoleName::Snapshot | RoleName::Timestamp)) =
            RoleName::in_tuf(role)
        {
            replace_role_keys(self.root_mut()?, &role, signatories)?;
            if role == RoleName::Targets {
                self.targets_mut(&role)?;
            }
            return Ok(());
        }
        let delegator = self.delegator_named(role)?;
        let file = self.targets_mut(&delegator)?;
        replace_delegation_keys(&mut file.delegations, role, signatories)?;
        let signed: Vec<DelegationName> = match &file.delegations.succinct {
            Some(_) => file.delegations.names().collect(),
            None => DelegationName::in_tuf(role).into_iter().collect(),
        };
        for name in signed {
            self.targets_mut(&RoleName::Delegation(name))?;
        }
        Ok(())
    }

    /// Signs a role anew as it is: its version and expiry move on.
    ///
    /// # Errors
    /// If there is no such role. Snapshot and timestamp are made anew with every publication.
    pub fn renew(&mut self, role: &RoleName) -> Result<(), RepositoryError> {
        match role {
            RoleName::Root => self.root_mut().map(drop),
            role => self.targets_mut(role).map(drop),
        }
    }

    /// The root, to be changed.
    pub(super) fn root_mut(&mut self) -> Result<&mut Root, RepositoryError> {
        if self.root.is_none()
            && let Some(published) = &self.published
            && let Some(bytes) = published.bytes(&RoleName::Root)?
        {
            self.root = Some(Draft::following((**published.root()).clone(), bytes));
        }
        let dir = || self.layout.dir().display().to_string();
        self.root.as_mut().map(Draft::change).ok_or_else(|| RepositoryError::Nothing { dir: dir() })
    }

    /// A role that lists targets, to be changed; a new one, if somebody delegates to it and it never was signed.
    ///
    /// # Errors
    /// If there is no such role, or its file does not hold.
    pub fn targets_mut(&mut self, role: &RoleName) -> Result<&mut Targets, RepositoryError> {
        if !self.targets.contains_key(role) {
            let draft = self.begin_draft(role)?;
            self.targets.insert(role.clone(), draft);
        }
        let lacks = || RepositoryError::NoSuchRole { role: role.clone() };
        self.targets.get_mut(role).map(Draft::change).ok_or_else(lacks)
    }

    fn begin_draft(&mut self, role: &RoleName) -> Result<Draft<Targets>, RepositoryError> {
        if let Some(published) = &mut self.published
            && let Some(file) = published.load(role)?
            && let Some(bytes) = published.bytes(role)?
        {
            return Ok(Draft::following((**file).clone(), bytes));
        }
        if let RoleName::Delegation(name) = role
            && self.delegators(&BTreeSet::from([name.clone()]))?.contains_key(name)
        {
            return Ok(Draft::first(first_targets(DateTime::<Utc>::UNIX_EPOCH)));
        }
        Err(RepositoryError::NoSuchRole { role: role.clone() })
    }

    fn delegator_named(&mut self, name: &str) -> Result<RoleName, RepositoryError> {
        let delegates = |delegations: &Delegations| {
            let bins = delegations.succinct.as_ref();
            let bin = DelegationName::in_tuf(name).is_ok_and(|name| bins.is_some_and(|bins| bins.has(&name)));
            bin || bins.is_some_and(|bins| bins.name_prefix() == name)
                || delegations.roles.iter().any(|role| role.name.as_str() == name)
        };
        let mut found = None;
        self.walk(|role, file| {
            found = delegates(&file.delegations).then(|| role.clone());
            found.is_none()
        })?;
        found.ok_or_else(|| crate::edit::tuf::TufEditError::NoSuchRole(name.to_owned()).into())
    }

    /// Who delegates to these roles, as it will be.
    pub(super) fn delegators(
        &mut self,
        wanted: &BTreeSet<DelegationName>,
    ) -> Result<BTreeMap<DelegationName, RoleName>, RepositoryError> {
        let mut found: BTreeMap<DelegationName, RoleName> = BTreeMap::new();
        self.walk(|role, file| {
            let named = file.delegations.roles.iter().map(|delegation| &delegation.name);
            let bins = file.delegations.succinct.as_ref();
            let bins = wanted.iter().filter(|name| bins.is_some_and(|bins| bins.has(name)));
            for name in named.filter(|name| wanted.contains(name)).chain(bins) {
                found.entry(name.clone()).or_insert_with(|| role.clone());
            }
            found.len() < wanted.len()
        })?;
        Ok(found)
    }

    /// Shows every role that lists targets, those further up first, until `go_on` has seen enough.
    ///
    /// # Errors
    /// If a file does not hold.
    pub fn walk(&mut self, mut go_on: impl FnMut(&RoleName, &Targets) -> bool) -> Result<(), RepositoryError> {
        let (mut seen, mut queue) = (BTreeSet::new(), VecDeque::from([RoleName::Targets]));
        while let Some(role) = queue.pop_front() {
            if !seen.insert(role.clone()) {
                continue;
            }
            let Some(file) = self.targets(&role)? else { continue };
            if !go_on(&role, file) {
                return Ok(());
            }
            let bins = file.delegations.succinct.clone();
            queue.extend(file.delegations.roles.iter().map(|role| RoleName::Delegation(role.name.clone())));
            // There may be billions of them; most have no file.
            queue.extend(bins.iter().flat_map(|bins| self.bins_with_files(bins)));
        }
        Ok(())
    }

    fn bins_with_files(&self, bins: &SuccinctRoles) -> Vec<RoleName> {
        let published = self.published.iter().flat_map(|published| published.snapshot().meta.keys());
        let published = published.filter_map(|name| RoleName::in_tuf(name).ok());
        let is_bin = |role: &RoleName| matches!(role, RoleName::Delegation(name) if bins.has(name));
        let mut found: Vec<RoleName> = published.chain(self.targets.keys().cloned()).filter(is_bin).collect();
        found.sort();
        found.dedup();
        found
    }
}
