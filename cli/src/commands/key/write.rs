//! Files that verbs write: for this user alone, and never over another.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::exit::Exit;
use crate::failure::Failure;

/// Writes a new file, durably.
///
/// # Errors
/// If there is one already, or it cannot be written.
pub fn new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| cannot(path, &error))
}

/// Replaces a file, so that it is the old or the new one whatever happens.
///
/// # Errors
/// If it cannot be written; the old one stays.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    new(&beside, bytes)?;
    std::fs::rename(&beside, path).map_err(|error| {
        // The failure that counts is the first.
        let _ = std::fs::remove_file(&beside);
        cannot(path, &error)
    })
}

/// Fails if a file is there, before something is done that would lead to it.
///
/// # Errors
/// If it is there.
pub fn must_be_absent(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(cannot(path, &std::io::Error::from(std::io::ErrorKind::AlreadyExists)));
    }
    Ok(())
}

fn cannot(path: &Path, error: &std::io::Error) -> Failure {
    Failure::caused(Exit::Failure, error)
        .while_doing(format!("cannot write {}", path.display()))
        .hint("name a file that is not there, in a folder that you may write")
}
