//! Files that are whole or absent, however the process ends, and secrets nobody else can read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::EmbeddedError;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Readers {
    /// The owner: mode 600.
    Owner,
    /// Everyone the folder lets in: mode 644.
    Everyone,
}

/// Secrets are short; more is not ours.
const SECRET_BYTES: u64 = 64 << 10;

/// Makes a folder for the owner alone, and its parents, durably. An existing one must not be writable by others.
pub(super) fn make_folder(path: &Path) -> Result<(), EmbeddedError> {
    if path.is_dir() {
        let mode = fs::metadata(path).map_err(EmbeddedError::io(path, "be examined"))?.mode() & 0o777;
        if mode & 0o022 != 0 {
            return Err(EmbeddedError::TooOpen { path: path.to_path_buf(), mode, wanted: 0o700 });
        }
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(EmbeddedError::io(path, "make the folder"))?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}

/// Writes a file so that after a crash at any moment it is there whole, or as it was before.
pub(super) fn write(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), EmbeddedError> {
    let unfinished = unfinished(path);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(EmbeddedError::io(&unfinished, "remove what an earlier start left")(error));
        }
        _ => {}
    }
    let mode = match readers {
        Readers::Owner => 0o600,
        Readers::Everyone => 0o644,
    };
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&unfinished)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(EmbeddedError::io(&unfinished, "write"))?;
    fs::rename(&unfinished, path).map_err(EmbeddedError::io(path, "put the new file in place"))?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Reads a secret, refusing one that others may read or write.
pub(super) fn read_secret(path: &Path) -> Result<Zeroizing<String>, EmbeddedError> {
    let file = File::open(path).map_err(EmbeddedError::io(path, "be read"))?;
    // Of the open file, so that nobody can exchange it between the check and the reading.
    let mode = file.metadata().map_err(EmbeddedError::io(path, "be examined"))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(EmbeddedError::TooOpen { path: path.to_path_buf(), mode, wanted: 0o600 });
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(SECRET_BYTES).read_to_string(&mut text).map_err(EmbeddedError::io(path, "be read"))?;
    Ok(text)
}

/// Where [`write`] prepares a file.
fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    path.with_file_name(format!(".{name}.unfinished"))
}

fn sync_folder(path: &Path) -> Result<(), EmbeddedError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(EmbeddedError::io(path, "make the folder durable"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_replaces_what_a_crash_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(unfinished(&path), "half").unwrap();
        write(&path, b"whole", Readers::Owner).unwrap();
        assert_eq!(*read_secret(&path).unwrap(), "whole");
        assert!(!unfinished(&path).exists());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_secret_open_to_others_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        write(&path, b"x", Readers::Owner).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let text = read_secret(&path).unwrap_err().to_string();
            assert!(text.contains("chmod 600"), "{text}");
        }
    }

    #[test]
    fn a_folder_others_may_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(make_folder(folder.path()).unwrap_err().to_string().contains("chmod 700"));
    }

    #[test]
    fn a_new_folder_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        make_folder(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    }
}
