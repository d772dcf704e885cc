//! What is published, verified from the newest root down. Expiry does not count: it is the owner who reads, to renew it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::sync::Arc;

use super::draft::parse;
use super::error::at;
use super::layout::Layout;
use super::{MAX_FILE, RepositoryError};
use crate::client::folder;
use crate::client::tuf::MetadataName;
use crate::metadata::{Metadata as _, Root, Snapshot, Targets, Timestamp, Version};
use crate::names::{DelegationName, RoleName};
use crate::verify::{Expiration, TrustedRoot, TrustedTargets, Verified, repository_root};

/// The published state. Delegated roles are read when they are asked for.
#[derive(Debug)]
pub(super) struct Published {
    layout: Layout,
    trusted: TrustedTargets,
    roles: BTreeMap<RoleName, Arc<Verified<Targets>>>,
    /// Who delegates to whom, as far as roles were read.
    delegators: BTreeMap<DelegationName, RoleName>,
    /// Roles that may delegate further and were not read.
    unread: VecDeque<DelegationName>,
}

impl Published {
    /// Nothing if nothing was published yet.
    pub(super) fn open(layout: &Layout) -> Result<Option<Self>, RepositoryError> {
        let Some(root) = newest_root(layout)? else { return Ok(None) };
        if !root.consistent_snapshot {
            return Err(RepositoryError::Inconsistent { dir: layout.dir().display().to_string() });
        }
        let file = |name: &MetadataName| read(layout, name)?.ok_or_else(|| missing(layout, name));
        let Some(bytes) = read(layout, &MetadataName::current(RoleName::Timestamp))? else { return Ok(None) };
        let trusted = TrustedRoot::new(root, Expiration::Ignored);
        let trusted = trusted.timestamp(&parse(&RoleName::Timestamp, &bytes)?, None::<Version>)?;
        let version = trusted.timestamp().snapshot.version.unwrap_or(Version::FIRST);
        let bytes = file(&MetadataName::versioned(RoleName::Snapshot, version))?;
        let trusted = trusted.snapshot(&parse(&RoleName::Snapshot, &bytes)?, None::<Version>)?;
        let version = version_in(trusted.snapshot(), &RoleName::Targets).unwrap_or(Version::FIRST);
        let bytes = file(&MetadataName::versioned(RoleName::Targets, version))?;
        let trusted = trusted.targets(&parse(&RoleName::Targets, &bytes)?, None)?;
        let mut published = Self {
            layout: layout.clone(),
            roles: BTreeMap::new(),
            delegators: BTreeMap::new(),
            unread: VecDeque::new(),
            trusted,
        };
        if let Some(targets) = published.trusted.targets() {
            published.learn(&RoleName::Targets, targets);
        }
        Ok(Some(published))
    }

    pub(super) fn root(&self) -> &Verified<Root> {
        self.trusted.root()
    }

    pub(super) fn snapshot(&self) -> &Verified<Snapshot> {
        self.trusted.snapshot()
    }

    pub(super) fn timestamp(&self) -> &Verified<Timestamp> {
        self.trusted.timestamp()
    }

    /// The published version of a role; also of one that nobody delegates to any more.
    pub(super) fn version_of(&self, role: &RoleName) -> Option<Version> {
        match role {
            RoleName::Root => Some(self.root().version()),
            RoleName::Snapshot => Some(self.snapshot().version()),
            RoleName::Timestamp => Some(self.timestamp().version()),
            role => version_in(self.snapshot(), role),
        }
    }

    /// The published file of a role.
    pub(super) fn bytes(&self, role: &RoleName) -> Result<Option<Vec<u8>>, RepositoryError> {
        let Some(version) = self.version_of(role) else { return Ok(None) };
        let version = Some(version).filter(|_| *role != RoleName::Timestamp);
        read(&self.layout, &MetadataName { role: role.clone(), version })
    }

    /// A role that was read.
    pub(super) fn peek(&self, role: &RoleName) -> Option<&Arc<Verified<Targets>>> {
        self.roles.get(role)
    }

    /// Reads a role, if it is published and delegated to.
    pub(super) fn load(&mut self, role: &RoleName) -> Result<Option<Arc<Verified<Targets>>>, RepositoryError> {
        if let Some(known) = self.roles.get(role) {
            return Ok(Some(Arc::clone(known)));
        }
        let RoleName::Delegation(name) = role else { return Ok(None) };
        if self.version_of(role).is_none() {
            return Ok(None);
        }
        loop {
            if let Some(delegator) = self.delegator_of(name) {
                return self.read(name, &delegator).map(Some);
            }
            let Some(next) = self.unread.pop_front() else { return Ok(None) };
            let next_role = RoleName::Delegation(next.clone());
            if self.version_of(&next_role).is_some()
                && !self.roles.contains_key(&next_role)
                && let Some(delegator) = self.delegator_of(&next)
            {
                self.read(&next, &delegator)?;
            }
        }
    }

    fn delegator_of(&self, name: &DelegationName) -> Option<RoleName> {
        let bins = || {
            let delegates =
                |file: &Verified<Targets>| file.delegations.succinct.as_ref().is_some_and(|bins| bins.has(name));
            self.roles.iter().find(|(_, file)| delegates(file)).map(|(role, _)| role.clone())
        };
        self.delegators.get(name).cloned().or_else(bins)
    }

    fn read(&mut self, name: &DelegationName, delegator: &RoleName) -> Result<Arc<Verified<Targets>>, RepositoryError> {
        let role = RoleName::Delegation(name.clone());
        let lacks = || RepositoryError::NoSuchRole { role: role.clone() };
        let delegator = self.roles.get(delegator).cloned().ok_or_else(lacks)?;
        let version = self.version_of(&role).ok_or_else(lacks)?;
        let file = MetadataName::versioned(role.clone(), version);
        let bytes = read(&self.layout, &file)?.ok_or_else(|| missing(&self.layout, &file))?;
        let verified = Arc::new(self.trusted.delegated(&delegator, name, &parse(&role, &bytes)?)?);
        self.learn(&role, Arc::clone(&verified));
        Ok(verified)
    }

    fn learn(&mut self, role: &RoleName, file: Arc<Verified<Targets>>) {
        for delegation in &file.delegations.roles {
            self.delegators.entry(delegation.name.clone()).or_insert_with(|| role.clone());
            self.unread.push_back(delegation.name.clone());
        }
        self.roles.insert(role.clone(), file);
    }
}

fn version_in(snapshot: &Snapshot, role: &RoleName) -> Option<Version> {
    snapshot.meta.get(role.as_str())?.version
}

fn read(layout: &Layout, name: &MetadataName) -> Result<Option<Vec<u8>>, RepositoryError> {
    // Other programs write names as they are encoded in addresses.
    let encoded = layout.metadata().join(name.encoded());
    let decoded = Layout::metadata_path(name).map(|path| layout.dir().join(path));
    for path in decoded.into_iter().chain([encoded]) {
        if let Some(bytes) = folder::read(&path, MAX_FILE).map_err(at(&path))? {
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

fn missing(layout: &Layout, name: &MetadataName) -> RepositoryError {
    RepositoryError::Missing { dir: layout.dir().display().to_string(), file: name.to_string() }
}

/// The newest root, which all that are there lead to, each signed as the one before asks.
fn newest_root(layout: &Layout) -> Result<Option<Verified<Root>>, RepositoryError> {
    let mut newest: Option<Verified<Root>> = None;
    for version in root_versions(layout)? {
        let name = MetadataName::versioned(RoleName::Root, version);
        let bytes = read(layout, &name)?.ok_or_else(|| missing(layout, &name))?;
        newest = Some(repository_root(&parse(&RoleName::Root, &bytes)?, newest.as_ref())?);
    }
    Ok(newest)
}

fn root_versions(layout: &Layout) -> Result<BTreeSet<Version>, RepositoryError> {
    let metadata = layout.metadata();
    let entries = match fs::read_dir(&metadata) {
        Ok(entries) => entries,
        Err(error) if folder::is_absent(&error) => return Ok(BTreeSet::new()),
        Err(error) => return Err(at(&metadata)(error)),
    };
    let mut versions = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(at(&metadata))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".root.json"));
        versions.extend(number.and_then(|number| Version::try_from(number.parse::<u64>().ok()?).ok()));
    }
    Ok(versions)
}
