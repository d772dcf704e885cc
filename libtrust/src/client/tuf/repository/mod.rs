//! A TUF 1.0 repository in a folder: changed by its owners, shown by any web server.
//!
//! A change is made in memory ([`OwnRepository::targets_mut`] and the like), written down by [`OwnRepository::stage`], signed by
//! [`OwnRepository::sign`], by several people on copies of the folder if need be, and put in front of readers as a whole by
//! [`OwnRepository::publish`], which also makes the next snapshot and timestamp.

mod artifacts;
mod change;
mod draft;
mod error;
mod layout;
mod lifetimes;
mod parallel;
mod publication;
mod publish;
mod published;
mod server;
mod sign;
mod stage;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::path::Path;

use chrono::{DateTime, Utc};

pub use change::{NewBins, NewDelegation};
pub use error::RepositoryError;
pub use lifetimes::Lifetimes;
pub use publish::Release;
pub use sign::{Outstanding, SignedRole};

use draft::Draft;
use error::at;
use layout::Layout;
use published::Published;

use crate::client::folder;
use crate::edit::tuf::{Signatories, first_root, first_targets};
use crate::metadata::{Root, Snapshot, Targets, Timestamp, Version};
use crate::names::RoleName;
use crate::verify::Verified;

/// Largest metadata file read, in bytes. It is the owner's own; this is for the day somebody puts a film there.
const MAX_FILE: u64 = 1 << 30;

/// A repository that is being changed. Nobody else changes it as long as this lives.
#[derive(Debug)]
pub struct OwnRepository {
    layout: Layout,
    lifetimes: Lifetimes,
    published: Option<Published>,
    root: Option<Draft<Root>>,
    targets: BTreeMap<RoleName, Draft<Targets>>,
    /// Locked.
    _turn: File,
}

impl OwnRepository {
    /// Begins a repository in a folder, with consistent snapshots and no targets. Nothing is written before
    /// [`OwnRepository::stage`].
    ///
    /// # Errors
    /// If there is one already, or a role cannot be signed by those keys.
    pub fn begin(
        dir: &Path,
        roles: &BTreeMap<RoleName, Signatories>,
        lifetimes: Lifetimes,
    ) -> Result<Self, RepositoryError> {
        let root = first_root(roles, DateTime::UNIX_EPOCH)?;
        let layout = Layout::new(dir);
        let turn = lock(&layout)?;
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        if is_there(&layout.metadata()) || is_there(&layout.staged()) || is_there(&layout.publishing()) {
            return Err(RepositoryError::Exists { dir: dir.display().to_string() });
        }
        let targets = Draft::first(first_targets(DateTime::UNIX_EPOCH));
        Ok(Self {
            layout,
            lifetimes,
            published: None,
            root: Some(Draft::first(root)),
            targets: BTreeMap::from([(RoleName::Targets, targets)]),
            _turn: turn,
        })
    }

    /// Opens a repository, with what is staged. A publication that was cut short is finished first.
    ///
    /// # Errors
    /// If there is none, somebody else is changing it, or what is published does not hold.
    pub fn open(dir: &Path, lifetimes: Lifetimes) -> Result<Self, RepositoryError> {
        let layout = Layout::new(dir);
        let nothing = || RepositoryError::Nothing { dir: dir.display().to_string() };
        if !layout.metadata().is_dir() && !layout.staged().is_dir() && !layout.publishing().is_dir() {
            return Err(nothing());
        }
        let turn = lock(&layout)?;
        publication::finish(&layout).map_err(at(layout.dir()))?;
        let published = Published::open(&layout)?;
        let (root, targets) = stage::load(&layout)?;
        let repository = Self { layout, lifetimes, published, root, targets, _turn: turn };
        if repository.published.is_none() && repository.root.is_none() {
            return Err(nothing());
        }
        Ok(repository)
    }

    /// The root as it will be.
    ///
    /// # Errors
    /// If the repository has none, which only a damaged one has.
    pub fn root(&self) -> Result<&Root, RepositoryError> {
        let published = self.published.as_ref().map(|published| &**published.root());
        let draft = self.root.as_ref().map(|draft| &draft.metadata);
        draft.or(published).ok_or_else(|| RepositoryError::Nothing { dir: self.layout.dir().display().to_string() })
    }

    /// A role that lists targets, as it will be; nothing if there is none, or it was never signed.
    ///
    /// # Errors
    /// If its file does not hold.
    pub fn targets(&mut self, role: &RoleName) -> Result<Option<&Targets>, RepositoryError> {
        if !self.targets.contains_key(role)
            && let Some(published) = &mut self.published
        {
            published.load(role)?;
        }
        Ok(self.peek(role))
    }

    /// As [`OwnRepository::targets`], of a role that was read before.
    fn peek(&self, role: &RoleName) -> Option<&Targets> {
        let published = || self.published.as_ref()?.peek(role).map(|file| &***file);
        self.targets.get(role).map(|draft| &draft.metadata).or_else(published)
    }

    /// What is published: root, timestamp and snapshot.
    #[must_use]
    pub fn published(&self) -> Option<(&Verified<Root>, &Verified<Timestamp>, &Verified<Snapshot>)> {
        self.published.as_ref().map(|published| (published.root(), published.timestamp(), published.snapshot()))
    }

    /// The roles that will have a new version.
    #[must_use]
    pub fn drafts(&self) -> Vec<RoleName> {
        let root = self.root.iter().map(|_| RoleName::Root);
        root.chain(self.targets.keys().cloned()).collect()
    }

    /// The version a role's next file will have: the one after the published one, also if that was of a role that is gone.
    fn next_version(&self, role: &RoleName) -> Version {
        let published = self.published.as_ref().and_then(|published| published.version_of(role));
        published.map_or(Version::FIRST, Version::next)
    }
}

fn lock(layout: &Layout) -> Result<File, RepositoryError> {
    let workspace = layout.workspace();
    fs::create_dir_all(&workspace).map_err(at(&workspace))?;
    let path = workspace.join("lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RepositoryError::Busy { dir: layout.dir().display().to_string() }),
        Err(TryLockError::Error(error)) => Err(at(&path)(error)),
    }
}

/// Drops everything that is staged, in a repository nobody else is changing.
///
/// # Errors
/// If it cannot be removed.
pub fn drop_staged(repository: OwnRepository) -> Result<(), RepositoryError> {
    let staged = repository.layout.staged();
    folder::remove(&staged).map_err(at(&staged))
}

/// Whole seconds, which every reader takes.
fn in_seconds(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp(), 0).unwrap_or(time)
}
