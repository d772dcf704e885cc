//! One server per data folder: a lock the system gives back however the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::EmbeddedError;

/// Held for as long as the folder is in use.
#[derive(Debug)]
pub(super) struct FolderLock(#[expect(dead_code, reason = "closing the file gives the lock back")] File);

impl FolderLock {
    /// Takes the lock of `folder` and leaves our process id in it.
    pub(super) fn take(folder: &Path) -> Result<Self, EmbeddedError> {
        let path = folder.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(EmbeddedError::io(&path, "be opened"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let read = file.take(32).read_to_string(&mut pid);
                let pid = read.ok().map(|_| pid.trim().to_owned()).filter(|pid| !pid.is_empty());
                return Err(EmbeddedError::InUse { folder: folder.to_path_buf(), pid });
            }
            Err(TryLockError::Error(cause)) => return Err(EmbeddedError::io(&path, "be locked")(cause)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .map_err(EmbeddedError::io(&path, "be written"))?;
        Ok(Self(file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_refused_naming_folder_and_process() {
        let folder = tempfile::tempdir().unwrap();
        let first = FolderLock::take(folder.path()).unwrap();
        let text = FolderLock::take(folder.path()).unwrap_err().to_string();
        assert!(text.contains(&folder.path().display().to_string()), "{text}");
        assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
        drop(first);
        FolderLock::take(folder.path()).unwrap();
    }
}
