//! Stored metadata in a folder, under the names other TUF clients use.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::{MetadataName, Store, StoreError, Turn};
use crate::client::folder;
use crate::metadata::Version;
use crate::names::RoleName;

/// ```text
/// FOLDER/ROLE.json              what is trusted, as received; a role's name is percent-encoded
/// FOLDER/.trust/roots/N.json    every root that was trusted on the way
/// FOLDER/.trust/lock            locked by whoever has the turn
/// FOLDER/.trust/next            a file on its way
/// ```
#[derive(Debug, Clone)]
pub struct FolderStore {
    folder: PathBuf,
    name: String,
}

/// The longest name of a file, in bytes: file systems take 255, and a name on its way may be longer.
const MAX_NAME_BYTES: usize = 240;

impl FolderStore {
    /// The store in this folder, which need not be there yet.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        let name = folder.display().to_string();
        Self { folder, name }
    }

    /// Where files lie that are not whole: on the same disk, and out of the way.
    #[must_use]
    pub fn workspace(&self) -> PathBuf {
        self.folder.join(".trust")
    }

    fn path_of(&self, role: &RoleName) -> PathBuf {
        let name = MetadataName::current(role.clone()).encoded();
        if name.len() <= MAX_NAME_BYTES {
            return self.folder.join(name);
        }
        // Whatever else is called so is verified for the role it is asked for.
        let digest = ring::digest::digest(&ring::digest::SHA256, role.as_str().as_bytes());
        self.folder.join(format!("sha256-{}.json", hex::encode(digest)))
    }

    /// Writes the file that is on its way.
    fn write(&self, bytes: &[u8]) -> io::Result<(PathBuf, File)> {
        let workspace = self.workspace();
        let path = workspace.join("next");
        let mut file = match File::create(&path) {
            Err(error) if folder::is_absent(&error) => {
                fs::create_dir_all(&workspace)?;
                File::create(&path)?
            }
            created => created?,
        };
        file.write_all(bytes)?;
        Ok((path, file))
    }

    fn keep_root(&self, version: Version, bytes: &[u8]) -> io::Result<()> {
        let (next, file) = self.write(bytes)?;
        file.sync_all()?;
        let roots = self.workspace().join("roots");
        fs::create_dir_all(&roots)?;
        fs::write(roots.join(format!("{version}.json")), bytes)?;
        fs::rename(next, self.path_of(&RoleName::Root))?;
        folder::sync(&self.folder)
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> StoreError + '_ {
    |cause| StoreError::Io { path: path.display().to_string(), cause }
}

impl Store for FolderStore {
    fn name(&self) -> &str {
        &self.name
    }

    fn load(&self, role: &RoleName, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let path = self.path_of(role);
        folder::read(&path, limit).map_err(|error| match error.kind() {
            io::ErrorKind::FileTooLarge => StoreError::TooLarge { path: path.display().to_string(), limit },
            _ => at(&path)(error),
        })
    }

    fn save(&self, role: &RoleName, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path_of(role);
        let written = self.write(bytes).and_then(|(next, file)| {
            // What decides what a rollback is must outlive a power failure; other files are fetched again.
            if matches!(role, RoleName::Timestamp | RoleName::Snapshot) {
                file.sync_data()?;
            }
            fs::rename(next, &path)
        });
        written.map_err(at(&path))
    }

    fn save_root(&self, version: Version, bytes: &[u8]) -> Result<(), StoreError> {
        self.keep_root(version, bytes).map_err(at(&self.path_of(&RoleName::Root)))
    }

    fn remove(&self, role: &RoleName) -> Result<(), StoreError> {
        let path = self.path_of(role);
        folder::remove(&path).map_err(at(&path))
    }

    fn try_turn(&self) -> Result<Option<Turn>, StoreError> {
        let workspace = self.workspace();
        let path = workspace.join("lock");
        let open = || File::options().create(true).truncate(false).write(true).open(&path);
        let file = match open() {
            Err(error) if folder::is_absent(&error) => fs::create_dir_all(&workspace).and_then(|()| open()),
            opened => opened,
        };
        let file = file.map_err(at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Turn::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(at(&path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        super::super::store::contract::holds(&FolderStore::new(folder.path().join("new")));
    }

    #[test]
    fn only_metadata_ends_in_json_at_the_top() {
        let folder = tempfile::tempdir().unwrap();
        let store = FolderStore::new(folder.path());
        let turn = store.try_turn().unwrap();
        store.save_root(Version::FIRST, b"root").unwrap();
        store.save(&"targets/a".parse().unwrap(), b"a").unwrap();
        drop(turn);
        let entries = |path: PathBuf| {
            let mut names: Vec<String> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(entries(folder.path().to_owned()), [".trust", "root.json", "targets%2Fa.json"]);
        assert_eq!(entries(store.workspace()), ["lock", "roots"]);
        assert_eq!(entries(store.workspace().join("roots")), ["1.json"]);
    }
}
