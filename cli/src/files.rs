//! Files that users name: read within bounds, replaced as a whole.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use crate::exit::Exit;
use crate::failure::Failure;

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// If it cannot be read, or has more.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let told = |failure: Failure| failure.while_doing(format!("cannot read {}", path.display()));
    let mut file = fs::File::open(path).map_err(|error| told(error.into()))?;
    read_bounded(&mut file, limit).map_err(told)
}

/// Reads at most `limit` bytes to the end.
///
/// # Errors
/// If reading fails, or there is more.
pub fn read_bounded(from: &mut dyn Read, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Failure::new(Exit::Failure, format!("it has more than {limit} bytes")));
    }
    Ok(bytes)
}

/// Writes a file as a whole: whoever reads it sees the old or the new one. Permissions stay, and a link stays a link.
///
/// # Errors
/// If it cannot be written; the old one stays.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = target.with_file_name(name);
    let written = write_new(&new, &target, bytes).and_then(|()| fs::rename(&new, &target));
    if written.is_err() {
        // It is ours and of no use; what failed before is what matters.
        let _ = fs::remove_file(&new);
    }
    written
        .map_err(|error| Failure::caused(Exit::Failure, &error).while_doing(format!("cannot write {}", path.display())))
}

fn write_new(new: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(new, bytes)?;
    match fs::metadata(target) {
        Ok(known) => fs::set_permissions(new, known.permissions())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::File::open(new)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(read(&path, 3).unwrap(), b"two");
        assert!(read(&path, 2).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace(&folder.path().join("none/file"), b"x").is_err());
    }
}
