//! Reading the whole of a repository, every file verified: for copies of it, and for people who look at it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::files::Files;
use super::update::{named_in, parse};
use super::{MetadataName, RepositoryLimits, Source, TufError};
use crate::metadata::{Metadata as _, Root, Snapshot, Targets, Timestamp, Version};
use crate::names::{DelegationName, RoleName};
use crate::verify::{Expiration, Known, TrustedRoot, Verified, repository_root};

/// A verified file of a repository.
#[derive(Debug)]
pub struct Surveyed<'f> {
    /// Its name there.
    pub name: MetadataName,
    /// Its bytes.
    pub bytes: &'f Bytes,
    /// What it says.
    pub says: Says<'f>,
}

/// What a verified file says.
#[derive(Debug)]
pub enum Says<'f> {
    /// A root: the first, then each that follows it.
    Root(&'f Verified<Root>),
    /// The timestamp.
    Timestamp(&'f Verified<Timestamp>),
    /// The snapshot.
    Snapshot(&'f Verified<Snapshot>),
    /// A file that lists targets.
    Targets {
        /// The file.
        file: &'f Verified<Targets>,
        /// Who delegates to it; nobody, if it is the top-level file.
        delegator: Option<RoleName>,
    },
}

/// Reads every file of a repository that a reader could be led to: all roots, timestamp, snapshot, targets, then delegated roles,
/// those further up first. Each is shown once it is verified.
///
/// Trust begins with `trusted`, which must be one of the repository's roots, else with its first one. A delegated role that
/// snapshot does not list is passed over.
///
/// # Errors
/// The first file that is missing or does not hold, or what `visit` says.
pub async fn survey<E: From<TufError>>(
    source: &dyn Source,
    trusted: Option<&[u8]>,
    expiration: Expiration,
    limits: &RepositoryLimits,
    mut visit: impl FnMut(Surveyed<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let survey = Files { source, limits };
    let root = survey.roots(trusted, &mut visit).await?;
    let is_consistent = root.consistent_snapshot;
    let trusted = TrustedRoot::new(root, expiration);
    let name = |role: &RoleName, version| MetadataName { role: role.clone(), version };

    let bytes = survey.fetch(&name(&RoleName::Timestamp, None), limits.timestamp_bytes).await?;
    let envelope = parse(&RoleName::Timestamp, &bytes).map_err(TufError::from)?;
    let trusted = trusted.timestamp(&envelope, Known::Nothing).map_err(TufError::from)?;
    let says = Says::Timestamp(trusted.timestamp());
    visit(Surveyed { name: name(&RoleName::Timestamp, None), bytes: &bytes, says })?;

    let named = trusted.timestamp().snapshot;
    let (file, bytes) =
        survey.named(&RoleName::Snapshot, &named, &RoleName::Timestamp, is_consistent, limits.named_bytes).await?;
    let envelope = parse(&RoleName::Snapshot, &bytes).map_err(TufError::from)?;
    let trusted = trusted.snapshot(&envelope, Known::Nothing).map_err(TufError::from)?;
    visit(Surveyed { name: file, bytes: &bytes, says: Says::Snapshot(trusted.snapshot()) })?;

    let named = named_in(trusted.snapshot(), &RoleName::Targets).map_err(TufError::from)?;
    let (file, bytes) =
        survey.named(&RoleName::Targets, &named, &RoleName::Snapshot, is_consistent, limits.named_bytes).await?;
    let envelope = parse(&RoleName::Targets, &bytes).map_err(TufError::from)?;
    let trusted = trusted.targets(&envelope, None).map_err(TufError::from)?;
    let Some(targets) = trusted.targets() else { return Ok(()) };
    visit(Surveyed { name: file, bytes: &bytes, says: Says::Targets { file: &targets, delegator: None } })?;

    let (mut seen, mut queue) = (BTreeSet::new(), VecDeque::from([targets]));
    while let Some(delegator) = queue.pop_front() {
        for delegated in delegated_in(&delegator, trusted.snapshot()) {
            let role = RoleName::Delegation(delegated.clone());
            let named = named_in(trusted.snapshot(), &role).map_err(TufError::from)?;
            if !seen.insert((delegator.role().clone(), delegated.clone())) {
                continue;
            }
            let (name, bytes) =
                survey.named(&role, &named, &RoleName::Snapshot, is_consistent, limits.named_bytes).await?;
            let envelope = parse(&role, &bytes).map_err(TufError::from)?;
            let file = trusted.delegated(&delegator, &delegated, &envelope).map_err(TufError::from)?;
            let says = Says::Targets { file: &file, delegator: Some(delegator.role().clone()) };
            visit(Surveyed { name, bytes: &bytes, says })?;
            if !file.delegations.roles.is_empty() || file.delegations.succinct.is_some() {
                queue.push_back(Arc::new(file));
            }
        }
    }
    Ok(())
}

/// The roles that a file delegates to and a snapshot lists. There may be billions of hash bins that it does not.
fn delegated_in(file: &Targets, snapshot: &Snapshot) -> Vec<DelegationName> {
    let bins = file.delegations.succinct.iter();
    let bins = bins.flat_map(|bins| {
        let listed = snapshot.meta.keys().filter_map(|name| DelegationName::in_tuf(name).ok());
        listed.filter(|name| bins.has(name))
    });
    let named = file.delegations.roles.iter().map(|role| role.name.clone());
    named.filter(|name| snapshot.meta.contains_key(name.as_str())).chain(bins).collect()
}

impl Files<'_> {
    async fn roots<E: From<TufError>>(
        &self,
        trusted: Option<&[u8]>,
        visit: &mut impl FnMut(Surveyed<'_>) -> Result<(), E>,
    ) -> Result<Verified<Root>, E> {
        let trusted = match trusted {
            Some(bytes) => {
                let envelope = parse(&RoleName::Root, bytes).map_err(TufError::from)?;
                Some((repository_root(&envelope, None).map_err(TufError::from)?, Bytes::copy_from_slice(bytes)))
            }
            None => None,
        };
        let mut newest: Option<Verified<Root>> = None;
        loop {
            let version = newest.as_ref().map_or(Version::FIRST, |root| root.version.next());
            let name = MetadataName::versioned(RoleName::Root, version);
            let found = self.source.metadata(&name, self.limits.root_bytes).await.map_err(TufError::from)?;
            let known = trusted.as_ref().filter(|(root, _)| root.version >= version);
            let bytes = match (found, known) {
                (Some(bytes), Some((root, known))) if root.version == version && bytes != *known => {
                    // Signed by the same keys, perhaps: still not what was trusted.
                    let (role, origin) = (RoleName::Root, self.source.name().to_owned());
                    let file = format!("{role} {version} as it is trusted");
                    return Err(TufError::Missing { origin, file }.into());
                }
                (Some(bytes), _) => bytes,
                // Old roots may be gone: trust begins with the given one.
                (None, Some((_, known))) if newest.is_none() => known.clone(),
                (None, None) if newest.is_some() => break,
                (None, _) => {
                    let (origin, file) = (self.source.name().to_owned(), name.to_string());
                    return Err(TufError::Missing { origin, file }.into());
                }
            };
            let envelope = parse(&RoleName::Root, &bytes).map_err(TufError::from)?;
            let root = repository_root(&envelope, newest.as_ref()).map_err(TufError::from)?;
            let name = MetadataName::versioned(RoleName::Root, root.version());
            visit(Surveyed { name, bytes: &bytes, says: Says::Root(&root) })?;
            newest = Some(root);
        }
        newest.ok_or_else(|| TufError::NoRoot { store: self.source.name().to_owned() }.into())
    }
}
