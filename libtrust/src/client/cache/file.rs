//! The cache in the trust folder, as Docker and Notary lay it out.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};

use super::{Cache, CacheError};
use crate::client::folder;
use crate::limits::Limits;
use crate::names::{Gun, RoleName};

/// Keeps files in `TRUSTDIR/tuf/GUN/metadata/`, where Docker and `notary` have them too.
///
/// An update is first written beside them as a whole and then moved file by file. If that is cut short, whoever comes
/// next moves the rest, before reading anything.
#[derive(Debug, Clone)]
pub struct FileCache {
    trust_dir: PathBuf,
}

impl FileCache {
    /// The cache in this trust folder (`~/.docker/trust`), which need not be there yet.
    #[must_use]
    pub fn new(trust_dir: impl Into<PathBuf>) -> Self {
        Self { trust_dir: trust_dir.into() }
    }

    fn collection(&self, gun: &Gun) -> Result<PathBuf, CacheError> {
        folder::of_collection(&self.trust_dir, gun).ok_or_else(|| CacheError::Name { gun: gun.clone() })
    }
}

fn at(path: &Path) -> impl Fn(io::Error) -> CacheError + '_ {
    |cause| CacheError::Io { path: path.display().to_string(), cause }
}

fn next(collection: &Path) -> PathBuf {
    collection.join(".metadata.next")
}

fn file_of(collection: &Path, role: &RoleName) -> PathBuf {
    collection.join("metadata").join(format!("{role}.json"))
}

/// Moves the files of an update that was written as a whole and not moved as a whole.
fn finish(collection: &Path) -> io::Result<()> {
    let (from, to) = (next(collection), collection.join("metadata"));
    if !from.exists() {
        return Ok(());
    }
    move_all(&from, &to)?;
    fs::remove_dir_all(&from)?;
    folder::sync(collection)
}

fn move_all(from: &Path, to: &Path) -> io::Result<()> {
    folder::create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            move_all(&entry.path(), &target)?;
        } else {
            fs::rename(entry.path(), target)?;
        }
    }
    folder::sync(to)
}

impl Cache for FileCache {
    fn load(&self, gun: &Gun, role: &RoleName) -> Result<Option<Vec<u8>>, CacheError> {
        let collection = self.collection(gun)?;
        if next(&collection).exists() {
            let _turn = folder::lock(&collection).map_err(at(&collection))?;
            finish(&collection).map_err(at(&collection))?;
        }
        let path = file_of(&collection, role);
        folder::read(&path, Limits::default().file_bytes as u64).map_err(at(&path))
    }

    fn confirmed(&self, gun: &Gun) -> Result<Option<DateTime<Utc>>, CacheError> {
        let path = file_of(&self.collection(gun)?, &RoleName::Timestamp);
        match fs::metadata(&path).and_then(|metadata| metadata.modified()) {
            Ok(time) => Ok(Some(time.into())),
            Err(error) if folder::is_absent(&error) => Ok(None),
            Err(error) => Err(at(&path)(error)),
        }
    }

    fn commit(
        &self,
        gun: &Gun,
        before: Option<&[u8]>,
        files: &[(&RoleName, &[u8])],
        confirmed: DateTime<Utc>,
    ) -> Result<bool, CacheError> {
        let collection = self.collection(gun)?;
        let timestamp = file_of(&collection, &RoleName::Timestamp);
        let _turn = folder::lock(&collection).map_err(at(&collection))?;
        finish(&collection).map_err(at(&collection))?;
        let current = folder::read(&timestamp, Limits::default().file_bytes as u64).map_err(at(&timestamp))?;
        if current.as_deref() != before {
            return Ok(false);
        }
        if !files.is_empty() {
            stage(&collection, files).and_then(|()| finish(&collection)).map_err(at(&collection))?;
        }
        if current.is_some() || files.iter().any(|(role, _)| **role == RoleName::Timestamp) {
            let touched = File::options().write(true).open(&timestamp);
            touched.and_then(|file| file.set_modified(confirmed.into())).map_err(at(&timestamp))?;
        }
        Ok(true)
    }

    fn forget(&self, gun: &Gun) -> Result<(), CacheError> {
        let collection = self.collection(gun)?;
        if !collection.exists() {
            return Ok(());
        }
        let _turn = folder::lock(&collection).map_err(at(&collection))?;
        let forget = || {
            folder::remove(&next(&collection))?;
            // Under another name first: a half-emptied cache could lack its root and keep the rest.
            let (metadata, gone) = (collection.join("metadata"), collection.join(".metadata.gone"));
            folder::remove(&gone)?;
            match fs::rename(&metadata, &gone) {
                Err(error) if folder::is_absent(&error) => return Ok(()),
                renamed => renamed?,
            }
            folder::sync(&collection)?;
            folder::remove(&gone)
        };
        forget().map_err(at(&collection))
    }
}

/// Writes an update beside the files it is to replace; once it has its name it will be moved there, come what may.
fn stage(collection: &Path, files: &[(&RoleName, &[u8])]) -> io::Result<()> {
    let unfinished = collection.join(".metadata.unfinished");
    folder::remove(&unfinished)?;
    folder::create(&unfinished)?;
    for (role, bytes) in files {
        let path = unfinished.join(format!("{role}.json"));
        if let Some(parent) = path.parent() {
            folder::create(parent)?;
        }
        folder::write_new(&path, bytes)?;
        if let Some(parent) = path.parent() {
            folder::sync(parent)?;
        }
    }
    folder::sync(&unfinished)?;
    fs::rename(&unfinished, next(collection))?;
    folder::sync(collection)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::now;

    fn gun() -> Gun {
        "example.com/a".parse().unwrap()
    }

    #[test]
    fn it_keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        super::super::contract::holds(&FileCache::new(folder.path()));
    }

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FileCache::new(folder.path().join("trust"));
        for name in ["../a", "a/../b", "a//b", "/a", "a/", ".", "a/./b", r"a\..\b"] {
            let gun: Gun = name.parse().unwrap();
            assert!(matches!(cache.load(&gun, &RoleName::Root), Err(CacheError::Name { .. })), "{name}");
            let files: [(&RoleName, &[u8]); 1] = [(&RoleName::Root, b"x")];
            assert!(matches!(cache.commit(&gun, None, &files, now()), Err(CacheError::Name { .. })), "{name}");
        }
        assert!(!folder.path().join("trust").exists());
    }

    #[test]
    fn an_update_cut_short_is_finished_by_the_next_reader() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FileCache::new(folder.path());
        let old: [(&RoleName, &[u8]); 2] = [(&RoleName::Timestamp, b"old"), (&RoleName::Targets, b"old")];
        assert!(cache.commit(&gun(), None, &old, now()).unwrap());
        let collection = cache.collection(&gun()).unwrap();

        // Cut while the update is being written: it never was.
        let new: [(&RoleName, &[u8]); 2] = [(&RoleName::Timestamp, b"new"), (&RoleName::Targets, b"new")];
        stage(&collection, &new).unwrap();
        fs::rename(next(&collection), collection.join(".metadata.unfinished")).unwrap();
        assert_eq!(cache.load(&gun(), &RoleName::Timestamp).unwrap().unwrap(), b"old");

        // Cut between two moves: it is as if both had happened.
        stage(&collection, &new).unwrap();
        fs::rename(next(&collection).join("targets.json"), file_of(&collection, &RoleName::Targets)).unwrap();
        assert_eq!(cache.load(&gun(), &RoleName::Timestamp).unwrap().unwrap(), b"new");
        assert_eq!(cache.load(&gun(), &RoleName::Targets).unwrap().unwrap(), b"new");
        assert!(!next(&collection).exists());
    }
}
