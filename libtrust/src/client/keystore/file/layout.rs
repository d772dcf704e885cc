//! Where keys are in a trust folder.
//!
//! ```text
//! TRUSTDIR/private/ID.key                                as written
//! TRUSTDIR/private/root_keys/ID.key, ID_root.key         as very old clients wrote, read in place
//! TRUSTDIR/private/tuf_keys/GUN/ID_targets.key
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::client::keystore::UnreadableKey;
use crate::names::{Gun, KeyId};

const EXTENSION: &str = "key";
const ID_DIGITS: usize = 64;
/// Most files looked at, and deepest folder: a link in a circle, or a wrong folder, must not take for ever.
const MAX_FILES: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// A key file by its name; nothing inside was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyPath {
    pub path: PathBuf,
    /// The id in the name. Not trusted.
    pub id: KeyId,
    /// What the place says about role and collection, in the old layouts.
    pub role: Option<String>,
    pub gun: Option<Gun>,
}

/// The key files of a folder, and what should be some and is not.
#[derive(Debug, Default)]
pub struct Found {
    pub keys: Vec<KeyPath>,
    pub unreadable: Vec<UnreadableKey>,
    files: usize,
}

/// The id, if it is one that Notary gives: only these are file names, so none leaves the folder.
pub fn canonical(id: &KeyId) -> Option<&str> {
    let text = id.as_str();
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == ID_DIGITS && text.bytes().all(digit)).then_some(text)
}

/// The file of a key as it is written.
pub fn file_of(private: &Path, id: &str) -> PathBuf {
    private.join(id).with_extension(EXTENSION)
}

/// The files of one key: at most one as written, before those in old places.
pub fn find(private: &Path, id: &KeyId) -> io::Result<Vec<KeyPath>> {
    let Some(text) = canonical(id) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let path = file_of(private, text);
    if path.symlink_metadata().is_ok() {
        found.push(KeyPath { path, id: id.clone(), role: None, gun: None });
    }
    found.extend(old_places(private)?.keys.into_iter().filter(|key| key.id == *id));
    Ok(found)
}

/// Every key file. A folder that is not there is empty.
pub fn scan(private: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    found.folder(private, None, None)?;
    let old = old_places(private)?;
    for key in old.keys {
        if !found.keys.iter().any(|known| known.id == key.id) {
            found.keys.push(key);
        }
    }
    found.unreadable.extend(old.unreadable);
    found.keys.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

fn old_places(private: &Path) -> io::Result<Found> {
    let mut found = Found::default();
    found.folder(&private.join("root_keys"), None, Some("root"))?;
    found.collections(&private.join("tuf_keys"), &private.join("tuf_keys"), 0)?;
    Ok(found)
}

impl Found {
    /// A folder for each collection; slashes in its name are folders.
    fn collections(&mut self, top: &Path, folder: &Path, depth: usize) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        let gun = folder.strip_prefix(top).ok().and_then(Path::to_str).and_then(|gun| gun.parse().ok());
        self.folder(folder, gun, Some(""))?;
        for entry in entries(folder)? {
            // Of a link the type is not that of what it points to.
            if entry.file_type()?.is_dir() {
                self.collections(top, &entry.path(), depth + 1)?;
            }
        }
        Ok(())
    }

    /// `old_role` is the role of keys without one in their name, in the old layouts alone; empty if it is not known.
    fn folder(&mut self, folder: &Path, gun: Option<Gun>, old_role: Option<&str>) -> io::Result<()> {
        for entry in entries(folder)? {
            let path = entry.path();
            if path.extension().is_none_or(|extension| extension != EXTENSION) || path.is_dir() {
                continue;
            }
            self.files += 1;
            if self.files > MAX_FILES {
                return Err(io::Error::other(format!("there are more than {MAX_FILES} key files")));
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            let (id, role) = match (old_role, stem.split_once('_')) {
                (Some(_), Some((id, role))) => (id, Some(role)),
                (default, _) => (stem, default),
            };
            match id.parse::<KeyId>().ok().filter(|id| canonical(id).is_some()) {
                Some(id) => {
                    let role = role.filter(|role| !role.is_empty()).map(str::to_owned);
                    self.keys.push(KeyPath { path, id, role, gun: gun.clone() });
                }
                None => self.unreadable.push(UnreadableKey {
                    location: path.display().to_string(),
                    why: "its name is not a key id of 64 hex digits".to_owned(),
                }),
            }
        }
        Ok(())
    }
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
