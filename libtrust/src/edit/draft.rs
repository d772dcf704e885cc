//! The next state of a collection, before it is signed.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::{Change, EditError};
use crate::dialect::Dialect;
use crate::keys::PublicKey;
use crate::metadata::{Delegation, Delegations, RoleKeys, Root, Target, Targets, Threshold, Version};
use crate::names::{DelegationName, KeyId, RoleName};

/// How long a root is valid: ten years of 365 days, as Notary's clients give it.
pub const ROOT_LIFETIME: TimeDelta = TimeDelta::days(10 * 365);
/// How long targets and delegations are valid: three years of 365 days, as Notary's clients give it.
pub const TARGETS_LIFETIME: TimeDelta = TimeDelta::days(3 * 365);

/// A collection's root and targets under change. Nothing in here is signed.
#[derive(Debug, Clone)]
pub struct Draft {
    dialect: Dialect,
    root: Root,
    targets: BTreeMap<RoleName, Targets>,
    /// Roles that are there and not trusted now; signing them anew revives them.
    set_aside: BTreeMap<RoleName, Targets>,
    /// Whether it never was published: root and targets come with version and expiry.
    is_first: bool,
    changed: BTreeSet<RoleName>,
    removed: BTreeSet<RoleName>,
    /// The version of roles that have none yet.
    first_version: Version,
    /// Roles that have no version yet.
    new: BTreeSet<RoleName>,
    /// Delegations that could not be asked whether they hold a purged key.
    unreadable: BTreeSet<RoleName>,
}

impl Draft {
    /// Starts from what is trusted now.
    #[must_use]
    pub fn new(
        dialect: Dialect,
        root: Root,
        targets: BTreeMap<RoleName, Targets>,
        set_aside: BTreeMap<RoleName, Targets>,
    ) -> Self {
        let none = BTreeSet::new;
        let (changed, removed, new, unreadable) = (none(), none(), none(), none());
        Self {
            dialect,
            root,
            targets,
            set_aside,
            is_first: false,
            first_version: Version::FIRST,
            changed,
            removed,
            new,
            unreadable,
        }
    }

    /// A collection that never was published: everything is new. Versions and expiries are those given.
    #[must_use]
    pub fn first(dialect: Dialect, root: Root, targets: BTreeMap<RoleName, Targets>) -> Self {
        let changed = targets.keys().cloned().chain([RoleName::Root]).collect();
        Self { changed, is_first: true, ..Self::new(dialect, root, targets, BTreeMap::new()) }
    }

    /// The root as it will be.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// The targets file of a role as it will be.
    #[must_use]
    pub fn role(&self, role: &RoleName) -> Option<&Targets> {
        self.targets.get(role)
    }

    /// The roles to be signed anew.
    #[must_use]
    pub const fn changed(&self) -> &BTreeSet<RoleName> {
        &self.changed
    }

    /// Delegations that are no more.
    #[must_use]
    pub const fn removed(&self) -> &BTreeSet<RoleName> {
        &self.removed
    }

    /// Who may sign a role, as the draft has it.
    #[must_use]
    pub fn keys_of(&self, role: &RoleName) -> Option<(&RoleKeys, &BTreeMap<KeyId, PublicKey>)> {
        match role {
            RoleName::Delegation(name) => {
                let delegations = &self.targets.get(&name.parent())?.delegations;
                let found = delegations.roles.iter().find(|delegation| delegation.name == *name)?;
                Some((&found.keys, &delegations.keys))
            }
            role => Some((self.root.roles.get(role)?, &self.root.keys)),
        }
    }

    /// Takes a root that is signed already as the next one.
    pub fn take_root(&mut self, root: Root) {
        self.root = root;
    }

    /// Takes a targets file that is signed already as the next one of a role.
    pub fn take_targets(&mut self, role: &RoleName, targets: Targets) {
        self.targets.insert(role.clone(), targets);
    }

    /// Moves version and expiry of everything that changed.
    pub fn advance(&mut self, now: DateTime<Utc>) {
        // Whole seconds, which every reader takes.
        let now = DateTime::from_timestamp(now.timestamp(), 0).unwrap_or(now);
        for role in &self.changed {
            if self.is_first && !self.new.contains(role) {
                continue;
            }
            if *role == RoleName::Root {
                self.root.version = self.root.version.next();
                self.root.expires = now + ROOT_LIFETIME;
            } else if let Some(file) = self.targets.get_mut(role) {
                file.version = if self.new.contains(role) { self.first_version } else { file.version.next() };
                file.expires = now + TARGETS_LIFETIME;
            }
        }
    }

    /// Applies a change. A change that is already true changes nothing, so nothing is signed for it.
    ///
    /// # Errors
    /// Why it cannot be; the draft is of no use then.
    pub fn apply(&mut self, change: &Change) -> Result<(), EditError> {
        match change {
            Change::AddTarget { role, name, target } => self.add_target(role, name, target),
            Change::RemoveTarget { role, name } => {
                let file = self.targets.get_mut(role);
                if file.is_some_and(|file| file.targets.remove(name).is_some()) {
                    self.changed.insert(role.clone());
                }
                Ok(())
            }
            Change::AddDelegation { role, keys, threshold, paths } => {
                self.add_delegation(role, keys, *threshold, paths)
            }
            Change::ReduceDelegation { role, keys, paths, all_paths } => {
                self.reduce_delegation(role, keys, paths, *all_paths)
            }
            Change::RemoveDelegation { role } => self.remove_delegation(role),
            Change::PurgeKeys { keys } => {
                self.purge(keys);
                Ok(())
            }
            Change::Witness { role } => self.witness(role),
            Change::Empty { role } => self.empty(role),
            Change::ReplaceKeys { role, keys, threshold } => self.replace_keys(role, keys, *threshold),
            Change::RenewRoot => {
                self.changed.insert(RoleName::Root);
                Ok(())
            }
        }
    }

    fn add_target(&mut self, role: &RoleName, name: &str, target: &Target) -> Result<(), EditError> {
        // A control character would be signed raw and could not be written.
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(EditError::TargetName { name: name.to_owned() });
        }
        self.dialect.check_custom(target).map_err(|cause| EditError::Custom { name: name.to_owned(), cause })?;
        if !self.admits(role, name) {
            return Err(EditError::OutsidePaths { role: role.clone(), name: name.to_owned() });
        }
        let file = self.file_to_change(role)?;
        if file.targets.get(name) != Some(target) {
            file.targets.insert(name.to_owned(), target.clone());
            self.changed.insert(role.clone());
        }
        Ok(())
    }

    /// Whether a role, and every role above it, may speak for a name.
    fn admits(&self, role: &RoleName, name: &str) -> bool {
        match role {
            RoleName::Targets => true,
            RoleName::Delegation(delegation) => {
                let parent = delegation.parent();
                let found = self.delegation(delegation);
                let speaks = found.is_some_and(|found| found.paths.iter().any(|path| name.starts_with(path)));
                speaks && self.admits(&parent, name)
            }
            _ => false,
        }
    }

    fn delegation(&self, name: &DelegationName) -> Option<&Delegation> {
        self.targets.get(&name.parent())?.delegations.roles.iter().find(|delegation| delegation.name == *name)
    }

    /// The file of a targets role; of a delegation that has none yet, a new one.
    fn file_to_change(&mut self, role: &RoleName) -> Result<&mut Targets, EditError> {
        let exists = match role {
            RoleName::Targets => true,
            RoleName::Delegation(name) => self.delegation(name).is_some(),
            _ => false,
        };
        if !exists {
            return Err(EditError::NoSuchRole(role.clone()));
        }
        // Signing it anew would vouch for everything it lists, which nobody vouches for now.
        if self.set_aside.contains_key(role) {
            return Err(EditError::SetAside(role.clone()));
        }
        let new = &mut self.new;
        Ok(self.targets.entry(role.clone()).or_insert_with(|| {
            new.insert(role.clone());
            unsigned()
        }))
    }

    fn parent_to_change(&mut self, name: &DelegationName) -> Result<&mut Delegations, EditError> {
        let parent = name.parent();
        let exists = match &parent {
            RoleName::Delegation(parent) => self.delegation(parent).is_some(),
            _ => true,
        };
        if !exists {
            return Err(EditError::NoSuchRole(parent));
        }
        self.file_to_change(&parent).map(|file| &mut file.delegations)
    }

    fn add_delegation(
        &mut self,
        name: &DelegationName,
        keys: &[PublicKey],
        threshold: Option<Threshold>,
        paths: &[String],
    ) -> Result<(), EditError> {
        let role = RoleName::Delegation(name.clone());
        for key in keys {
            key.verifying_key().map_err(|cause| EditError::Key { role: role.clone(), cause })?;
        }
        let outside = paths.iter().find(|path| !self.admits(&name.parent(), path));
        if let Some(path) = outside {
            return Err(EditError::OutsidePaths { role: name.parent(), name: path.clone() });
        }
        let dialect = self.dialect;
        let parent = self.parent_to_change(name)?;
        let before = parent.clone();
        let position = parent.roles.iter().position(|delegation| delegation.name == *name);
        let position = match position {
            Some(position) => position,
            None if keys.is_empty() => return Err(EditError::NoKeys(role)),
            None => {
                let keys = RoleKeys { key_ids: Vec::new(), threshold: Threshold::ONE };
                parent.roles.push(Delegation::of_paths(name.clone(), keys, Vec::new()));
                parent.roles.len() - 1
            }
        };
        let Some(delegation) = parent.roles.get_mut(position) else { return Err(EditError::NoSuchRole(role)) };
        for key in keys {
            let id = dialect.key_id(key);
            if !delegation.keys.key_ids.contains(&id) {
                delegation.keys.key_ids.push(id.clone());
            }
            parent.keys.insert(id, key.clone());
        }
        for path in paths {
            if !delegation.paths.contains(path) {
                delegation.paths.push(path.clone());
            }
        }
        delegation.keys.threshold = threshold.unwrap_or(delegation.keys.threshold);
        let (needed, listed) = (delegation.keys.threshold, delegation.keys.key_ids.len());
        if needed.get() as usize > listed {
            return Err(EditError::Threshold { role, needed, listed });
        }
        if *parent != before {
            self.changed.insert(name.parent());
        }
        self.removed.remove(&role);
        Ok(())
    }

    fn reduce_delegation(
        &mut self,
        name: &DelegationName,
        keys: &[KeyId],
        paths: &[String],
        all_paths: bool,
    ) -> Result<(), EditError> {
        let dialect = self.dialect;
        let parent = self.parent_to_change(name)?;
        let before = parent.clone();
        let Delegations { keys: known, roles, .. } = parent;
        let Some(delegation) = roles.iter_mut().find(|delegation| delegation.name == *name) else {
            return Err(EditError::NoSuchRole(RoleName::Delegation(name.clone())));
        };
        take_keys(dialect, &mut delegation.keys, known, keys);
        delegation.paths.retain(|path| !all_paths && !paths.contains(path));
        parent.forget_unused_keys();
        if *parent != before {
            self.changed.insert(name.parent());
        }
        Ok(())
    }

    fn remove_delegation(&mut self, name: &DelegationName) -> Result<(), EditError> {
        let parent = self.parent_to_change(name)?;
        let count = parent.roles.len();
        parent.roles.retain(|delegation| delegation.name != *name);
        if parent.roles.len() == count {
            return Err(EditError::NoSuchRole(RoleName::Delegation(name.clone())));
        }
        parent.forget_unused_keys();
        self.changed.insert(name.parent());
        let below = format!("{name}/");
        let is_gone = |role: &RoleName| role.as_str() == name.as_str() || role.as_str().starts_with(&below);
        let gone: Vec<RoleName> =
            self.targets.keys().chain(self.set_aside.keys()).filter(|r| is_gone(r)).cloned().collect();
        for role in gone.into_iter().chain([RoleName::Delegation(name.clone())]) {
            self.targets.remove(&role);
            self.set_aside.remove(&role);
            self.changed.remove(&role);
            self.removed.insert(role);
        }
        Ok(())
    }

    fn purge(&mut self, keys: &[KeyId]) {
        let dialect = self.dialect;
        for (role, file) in &mut self.targets {
            let before = file.delegations.clone();
            let Delegations { keys: known, roles, .. } = &mut file.delegations;
            for delegation in roles {
                take_keys(dialect, &mut delegation.keys, known, keys);
            }
            file.delegations.forget_unused_keys();
            if file.delegations != before {
                self.changed.insert(role.clone());
            }
        }
        self.unreadable.extend(self.set_aside.keys().cloned());
    }

    fn witness(&mut self, role: &RoleName) -> Result<(), EditError> {
        if let Some(revived) = self.set_aside.remove(role) {
            self.targets.insert(role.clone(), revived);
        }
        if !self.targets.contains_key(role) {
            return Err(EditError::NoSuchRole(role.clone()));
        }
        self.changed.insert(role.clone());
        Ok(())
    }

    fn empty(&mut self, name: &DelegationName) -> Result<(), EditError> {
        let role = RoleName::Delegation(name.clone());
        let Some(file) = self.set_aside.remove(&role).or_else(|| self.targets.remove(&role)) else {
            return Err(EditError::NoSuchRole(role));
        };
        self.targets.insert(role.clone(), Targets { version: file.version, expires: file.expires, ..unsigned() });
        self.changed.insert(role);
        Ok(())
    }

    /// From now on, new roles begin with this version instead of the first: a server may remember a role of that name.
    pub const fn begin_new_roles_at(&mut self, version: Version) {
        self.first_version = version;
    }

    fn replace_keys(
        &mut self,
        role: &RoleName,
        keys: &[PublicKey],
        threshold: Option<Threshold>,
    ) -> Result<(), EditError> {
        let Some(current) = self.root.roles.get(role) else { return Err(EditError::NoSuchRole(role.clone())) };
        let threshold = threshold.unwrap_or(current.threshold);
        let mut key_ids = Vec::new();
        for key in keys {
            key.verifying_key().map_err(|cause| EditError::Key { role: role.clone(), cause })?;
            let id = self.dialect.key_id(key);
            self.root.keys.insert(id.clone(), key.clone());
            if !key_ids.contains(&id) {
                key_ids.push(id);
            }
        }
        if threshold.get() as usize > key_ids.len() {
            return Err(EditError::Threshold { role: role.clone(), needed: threshold, listed: key_ids.len() });
        }
        let retired = self.root.roles.insert(role.clone(), RoleKeys { key_ids, threshold });
        // Old root certificates stay, as Notary keeps them; other keys that no role lists go.
        if *role != RoleName::Root
            && let Some(retired) = retired
        {
            for id in retired.key_ids {
                if !self.root.roles.values().any(|keys| keys.key_ids.contains(&id)) {
                    self.root.keys.remove(&id);
                }
            }
        }
        self.changed.insert(RoleName::Root);
        if *role == RoleName::Targets {
            self.changed.insert(RoleName::Targets);
        }
        Ok(())
    }

    /// Delegations whose files are not trusted now, so that nobody could look for purged keys in them.
    #[must_use]
    pub const fn unreadable(&self) -> &BTreeSet<RoleName> {
        &self.unreadable
    }
}

impl Delegations {
    fn forget_unused_keys(&mut self) {
        let Self { keys, roles, succinct } = self;
        let all = || roles.iter().map(|role| &role.keys).chain(succinct.iter().map(|bins| &bins.keys));
        keys.retain(|id, _| all().any(|keys| keys.key_ids.contains(id)));
    }
}

/// Takes the keys with these canonical ids from a role.
fn take_keys(dialect: Dialect, role: &mut RoleKeys, known: &BTreeMap<KeyId, PublicKey>, canonical: &[KeyId]) {
    role.key_ids.retain(|id| {
        let known_as = known.get(id).map_or_else(|| id.clone(), |key| dialect.canonical_key_id(key));
        !canonical.contains(&known_as) && !canonical.contains(id)
    });
}

/// The file of a role that never was signed.
fn unsigned() -> Targets {
    Targets {
        version: Version::FIRST,
        expires: DateTime::UNIX_EPOCH,
        targets: BTreeMap::new(),
        delegations: Delegations::default(),
    }
}
