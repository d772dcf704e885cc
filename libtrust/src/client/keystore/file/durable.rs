//! Reading and writing key files so that a crash at any time leaves the old file or the new one, whole.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

/// The largest key file read, in bytes. An RSA key of 4096 bits takes 3,400; somebody may have put a film there.
const MAX_BYTES: u64 = 64 << 10;
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// The whole file.
pub fn read(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Asked before opening: opening a pipe waits for somebody to write into it.
    let metadata = path.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let room = usize::try_from(metadata.len().min(MAX_BYTES)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1));
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it has more than {MAX_BYTES} bytes, which no key file has")));
    }
    Ok(bytes)
}

/// Writes a file that must not be there yet; false if it is.
pub fn create(path: &Path, content: &[u8]) -> io::Result<bool> {
    let Some(folder) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
    let written = Temporary::write(folder, content)?;
    // Unlike renaming, linking never replaces what another process just put there.
    match fs::hard_link(&written.0, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        // File systems without links.
        Err(_) if path.symlink_metadata().is_ok() => return Ok(false),
        Err(_) => fs::rename(&written.0, path)?,
    }
    drop(written);
    sync_folder(folder)?;
    Ok(true)
}

/// Replaces a file.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A link stays a link.
    let path = path.canonicalize()?;
    let Some(folder) = path.parent() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let written = Temporary::write(folder, content)?;
    fs::rename(&written.0, &path)?;
    sync_folder(folder)
}

/// Removes a file for good.
pub fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A whole file under a passing name, which no program takes for a key. It goes when this does.
struct Temporary(PathBuf);

impl Temporary {
    fn write(folder: &Path, content: &[u8]) -> io::Result<Self> {
        let mut name = [0; 8];
        SystemRandom::new().fill(&mut name).map_err(|_| io::Error::other("the system's random source failed"))?;
        let path = folder.join(format!(".key-{}.tmp", hex::encode(name)));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path)?;
        let written = Self(path);
        file.write_all(content)?;
        file.sync_all()?;
        Ok(written)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already if it was renamed. Nobody is helped by hearing that it stays: it is sealed.
        let _ = fs::remove_file(&self.0);
    }
}
