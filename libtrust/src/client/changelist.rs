//! Staged changes in the trust folder, as `notary` keeps them: one file a change, applied in the order of their names.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};

use super::{Clock, folder};
use crate::dialect::notary::{InvalidChange, read_change, write_change};
use crate::edit::Change;
use crate::json::NotCanonical;
use crate::names::Gun;

/// Largest staged change, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The changelists of a trust folder.
#[derive(Debug, Clone)]
pub struct Changelists {
    trust_dir: PathBuf,
}

/// A staged change.
#[derive(Debug, Clone, PartialEq)]
pub struct StagedChange {
    /// What it is.
    pub change: Change,
    /// The name of its file.
    pub file: String,
}

impl Changelists {
    /// The changelists in this trust folder.
    #[must_use]
    pub fn new(trust_dir: impl Into<PathBuf>) -> Self {
        Self { trust_dir: trust_dir.into() }
    }

    fn folder(&self, gun: &Gun) -> Result<PathBuf, ChangelistError> {
        let collection = folder::of_collection(&self.trust_dir, gun);
        Ok(collection.ok_or_else(|| ChangelistError::Name { gun: gun.clone() })?.join("changelist"))
    }

    /// What is staged, in the order in which it is applied.
    ///
    /// # Errors
    /// If a file cannot be read or is no change: publishing without it would not be what was staged.
    pub fn staged(&self, gun: &Gun) -> Result<Vec<StagedChange>, ChangelistError> {
        let folder = self.folder(gun)?;
        let entries = match fs::read_dir(&folder) {
            Err(error) if folder::is_absent(&error) => return Ok(Vec::new()),
            entries => entries.map_err(at(&folder))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(at(&folder))?;
            let name = entry.file_name();
            // Files on their way there, and folders, which `notary` passes over too.
            if entry.file_type().is_ok_and(|kind| kind.is_file()) && !name.as_encoded_bytes().starts_with(b".") {
                names.push(name);
            }
        }
        names.sort();
        let read = |name: std::ffi::OsString| {
            let path = folder.join(&name);
            let bytes = folder::read(&path, MAX_BYTES).map_err(at(&path))?;
            // Gone in between: published by somebody else.
            let Some(bytes) = bytes else { return Ok(None) };
            let change = read_change(&bytes);
            let change = change.map_err(|cause| ChangelistError::Change { path: path.display().to_string(), cause })?;
            Ok(Some(StagedChange { change, file: name.to_string_lossy().into_owned() }))
        };
        names.into_iter().filter_map(|name| read(name).transpose()).collect()
    }

    /// Stages a change after those that are staged.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn stage(&self, gun: &Gun, change: &Change, clock: &dyn Clock) -> Result<(), ChangelistError> {
        let folder = self.folder(gun)?;
        folder::create(&folder).map_err(at(&folder))?;
        let nanoseconds = clock.now().timestamp_nanos_opt().unwrap_or_default();
        for (number, content) in (0..).zip(write_change(change)?) {
            let name = format!("{:020}_{}.change", nanoseconds.saturating_add(number), unique()?);
            // Under a name that is passed over until the content is there.
            let (hidden, path) = (folder.join(format!(".{name}")), folder.join(&name));
            let written = folder::write_new(&hidden, &content).and_then(|()| fs::rename(&hidden, &path));
            written.map_err(at(&path))?;
        }
        folder::sync(&folder).map_err(at(&folder))
    }

    /// Takes staged changes away: those that were published, or that nobody wants any more.
    ///
    /// # Errors
    /// If one cannot be removed; it is still staged then.
    pub fn remove(&self, gun: &Gun, changes: &[StagedChange]) -> Result<(), ChangelistError> {
        let folder = self.folder(gun)?;
        for change in changes {
            let path = folder.join(&change.file);
            folder::remove(&path).map_err(at(&path))?;
        }
        match folder::sync(&folder) {
            Err(error) if !folder::is_absent(&error) => Err(at(&folder)(error)),
            _ => Ok(()),
        }
    }

    /// Takes everything away that is staged, also what is no change and keeps the rest from being published.
    ///
    /// # Errors
    /// If the folder cannot be removed.
    pub fn clear(&self, gun: &Gun) -> Result<(), ChangelistError> {
        let folder = self.folder(gun)?;
        folder::remove(&folder).map_err(at(&folder))
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> ChangelistError + '_ {
    |cause| ChangelistError::Io { path: path.display().to_string(), cause }
}

/// A random UUID, as `notary` names its files.
fn unique() -> Result<String, ChangelistError> {
    let mut bytes = [0_u8; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ChangelistError::Random)?;
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{number:032x}");
    let parts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| hex.get(from..to).unwrap_or_default());
    Ok(parts.join("-"))
}

/// Why staged changes cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangelistError {
    /// A file or folder cannot be read or written.
    #[error("{path}: {cause}")]
    Io {
        /// The file or folder.
        path: String,
        /// Why.
        cause: io::Error,
    },
    /// A file is no staged change.
    #[error("{path} is not a staged change: {cause}")]
    Change {
        /// The file.
        path: String,
        /// Why.
        cause: InvalidChange,
    },
    /// A name that would leave the folder.
    #[error("{gun} cannot be the name of a folder: empty segments and those that begin with a dot are refused")]
    Name {
        /// The name.
        gun: Gun,
    },
    /// A number that has no place in metadata.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// No random numbers to name a file by.
    #[error("the source of random numbers failed")]
    Random,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::RoleName;
    use crate::testing::now;

    #[test]
    fn changes_come_back_in_order_until_they_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let lists = Changelists::new(folder.path());
        let gun: Gun = "example.com/a".parse().unwrap();
        assert_eq!(lists.staged(&gun).unwrap(), []);
        let change = |name: &str| Change::RemoveTarget { role: RoleName::Targets, name: name.to_owned() };
        for (second, name) in [(2, "later"), (1, "sooner")] {
            lists.stage(&gun, &change(name), &(now() + chrono::TimeDelta::seconds(second))).unwrap();
        }
        let staged = lists.staged(&gun).unwrap();
        assert_eq!(staged.iter().map(|s| s.change.clone()).collect::<Vec<_>>(), [change("sooner"), change("later")]);
        lists.remove(&gun, &staged[..1]).unwrap();
        assert_eq!(lists.staged(&gun).unwrap(), staged[1..]);
        fs::write(lists.folder(&gun).unwrap().join("z.change"), "{").unwrap();
        assert!(matches!(lists.staged(&gun), Err(ChangelistError::Change { .. })));
        lists.clear(&gun).unwrap();
        assert_eq!(lists.staged(&gun).unwrap(), []);
        assert!(lists.staged(&"../a".parse().unwrap()).is_err());
    }

    #[test]
    fn names_of_files_are_those_of_random_uuids() {
        let name = unique().unwrap();
        assert_eq!((name.len(), name.as_bytes()[14], name.matches('-').count()), (36, b'4', 4), "{name}");
        assert!(b"89ab".contains(&name.as_bytes()[19]), "{name}");
    }
}
