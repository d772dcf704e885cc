//! The trust folder that Docker, Notary and this client share, and writing in it so that a crash leaves every file old or
//! new.
//!
//! ```text
//! TRUSTDIR/tuf/GUN/metadata/ROLE.json      the last trusted files
//! TRUSTDIR/tuf/GUN/.metadata.next/         an update on its way there: complete once it has this name
//! TRUSTDIR/tuf/GUN/changelist/*.change     staged changes
//! TRUSTDIR/tuf/GUN/.lock                   locked while one of these is written
//! TRUSTDIR/private/KEYID.key               private keys
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::names::Gun;

/// The folder of a collection in a trust folder; nothing if its name would leave it.
pub(super) fn of_collection(trust_dir: &Path, gun: &Gun) -> Option<PathBuf> {
    below(&trust_dir.join("tuf"), gun)
}

/// The folder below another one that a collection's name leads to; nothing if it would leave it.
pub(super) fn below(folder: &Path, gun: &Gun) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    for segment in gun.as_str().split('/') {
        // What begins with a dot is ours, and no image's name has it.
        if segment.is_empty() || segment.starts_with('.') || segment.contains(['\\', '\0']) {
            return None;
        }
        path.push(segment);
    }
    Some(path)
}

/// Makes a folder and those above it, for this user alone.
pub(super) fn create(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Reads a file of at most `limit` bytes; nothing if there is none.
pub(super) fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {limit} bytes; remove it")));
    }
    Ok(Some(bytes))
}

/// Writes a new file, durably, for this user alone.
pub(super) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes renames and removals in a folder durable.
pub(super) fn sync(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Waits for this process's turn with a collection's folder; over when the file is dropped, also by a crash.
pub(super) fn lock(collection: &Path) -> io::Result<File> {
    create(collection)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(collection.join(".lock"))?;
    file.lock()?;
    Ok(file)
}

pub(super) fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Removes a file or a folder with all in it; it is no error if there is none.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}
