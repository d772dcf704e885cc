//! Writing the next version of roles down, so that others can sign it, and reading it again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use chrono::{DateTime, Utc};

use super::draft::Draft;
use super::error::at;
use super::layout::Layout;
use super::{MAX_FILE, OwnRepository, RepositoryError, parallel};
use crate::client::folder;
use crate::client::tuf::percent;
use crate::metadata::{Metadata as _, Root, Targets, Version};
use crate::names::RoleName;

impl OwnRepository {
    /// Gives everything that changed its version and expiry, and writes it to the folder `staged`, a file for each role.
    /// Signatures of what changed are gone.
    ///
    /// # Errors
    /// If a file cannot be encoded or written.
    pub fn stage(&mut self, now: DateTime<Utc>) -> Result<(), RepositoryError> {
        let changed = self.encode(now)?;
        self.write_staged(&changed)
    }

    /// Encodes what changed, and tells what that was.
    pub(super) fn encode(&mut self, now: DateTime<Utc>) -> Result<Vec<RoleName>, RepositoryError> {
        let mut changed = Vec::new();
        let lifetimes = self.lifetimes;
        let version = self.next_version(&RoleName::Root);
        if let Some(draft) = self.root.as_mut().filter(|draft| draft.is_changed()) {
            draft.encode(&RoleName::Root, version, lifetimes.expiry(&RoleName::Root, now))?;
            changed.push(RoleName::Root);
        }
        let published = self.published.as_ref();
        let drafts = self.targets.iter_mut().filter(|(_, draft)| draft.is_changed()).collect();
        let encoded: Vec<Result<RoleName, RepositoryError>> =
            parallel::map(drafts, |(role, draft): (&RoleName, &mut Draft<Targets>)| {
                let version = published.and_then(|published| published.version_of(role));
                draft.encode(role, version.map_or(Version::FIRST, Version::next), lifetimes.expiry(role, now))?;
                Ok(role.clone())
            });
        for role in encoded {
            changed.push(role?);
        }
        Ok(changed)
    }

    /// Writes the staged files of these roles.
    pub(super) fn write_staged(&self, roles: &[RoleName]) -> Result<(), RepositoryError> {
        let staged = self.layout.staged();
        fs::create_dir_all(&staged).map_err(at(&staged))?;
        for role in roles {
            let encoded = match role {
                RoleName::Root => self.root.as_ref().and_then(Draft::encoded),
                role => self.targets.get(role).and_then(Draft::encoded),
            };
            let Some(encoded) = encoded else { continue };
            let path = self.layout.staged_file(role);
            replace(&self.layout, &path, &encoded.file()).map_err(at(&path))?;
        }
        folder::sync(&staged).map_err(at(&staged))
    }

    /// Adds the signatures of a copy of a staged file, and says how many were new. Whether they are good is looked at when
    /// it is published.
    ///
    /// # Errors
    /// If it is no file of a staged role, or says something else.
    pub fn merge(&mut self, role: &RoleName, copy: &[u8]) -> Result<usize, RepositoryError> {
        let nothing = || RepositoryError::OtherContent { role: role.clone() };
        let added = match role {
            RoleName::Root => self.root.as_mut().ok_or_else(nothing)?.merge(role, copy)?,
            role => self.targets.get_mut(role).ok_or_else(nothing)?.merge(role, copy)?,
        };
        self.write_staged(std::slice::from_ref(role))?;
        Ok(added)
    }

    /// Fails if something is staged that does not follow what is published.
    pub(super) fn must_follow(&self) -> Result<(), RepositoryError> {
        let root = self.root.iter().map(|draft| (RoleName::Root, draft.metadata.version()));
        let targets = self.targets.iter().map(|(role, draft)| (role.clone(), draft.metadata.version()));
        for (role, staged) in root.chain(targets) {
            let published = self.published.as_ref().and_then(|published| published.version_of(&role));
            if let Some(published) = published.filter(|published| published.next() != staged) {
                return Err(RepositoryError::Stale { role, staged, published });
            }
        }
        Ok(())
    }
}

/// What is staged.
type Staged = (Option<Draft<Root>>, BTreeMap<RoleName, Draft<Targets>>);

/// Reads what is staged.
pub(super) fn load(layout: &Layout) -> Result<Staged, RepositoryError> {
    let staged = layout.staged();
    let entries = match fs::read_dir(&staged) {
        Ok(entries) => entries,
        Err(error) if folder::is_absent(&error) => return Ok((None, BTreeMap::new())),
        Err(error) => return Err(at(&staged)(error)),
    };
    let (mut root, mut targets) = (None, BTreeMap::new());
    for entry in entries {
        let entry = entry.map_err(at(&staged))?;
        // What else lies there is somebody else's.
        let Some(role) = entry.file_name().to_str().and_then(role_of) else { continue };
        let path = entry.path();
        let Some(file) = folder::read(&path, MAX_FILE).map_err(at(&path))? else { continue };
        match role {
            RoleName::Root => root = Some(Draft::staged(&role, file)?),
            role if role.lists_targets() => {
                targets.insert(role.clone(), Draft::staged(&role, file)?);
            }
            _ => {}
        }
    }
    Ok((root, targets))
}

fn role_of(file: &str) -> Option<RoleName> {
    RoleName::in_tuf(&percent::decode(file.strip_suffix(".json")?)?).ok()
}

/// So that a crash leaves the old file or the new one. It is not synced: what is staged can be made anew.
fn replace(layout: &Layout, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let next = layout.workspace().join("next");
    fs::write(&next, bytes)?;
    fs::rename(next, path)
}
