//! A file that holds one passphrase.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::{Passphrase, PassphraseError, Passphrases};

/// Room for the longest passphrase, its line end, and one more byte that shows it is too long.
const READ_BYTES: usize = Passphrases::MAX_PASSPHRASE_BYTES + 3;
const READABLE_BY_ALL: u32 = 0o004;

/// Reads passphrases from files, and warns once for each that everybody may read. It is no more than a warning because
/// Docker's own secrets are such files.
#[derive(Debug, Default)]
pub(super) struct SecretFiles {
    warned: Mutex<HashSet<PathBuf>>,
}

impl SecretFiles {
    /// The text of the file without the line end behind it; `None` if there is no such file.
    pub(super) fn read(&self, alias: &str, path: &Path, origin: String) -> Result<Option<Passphrase>, PassphraseError> {
        let text = match self.text(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(PassphraseError::Unreadable { alias: alias.to_owned(), origin, reason: error.to_string() });
            }
        };
        let passphrase = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
        Passphrase::new(alias, passphrase, origin).map(Some)
    }

    fn text(&self, path: &Path) -> io::Result<Zeroizing<String>> {
        // Asked before opening: opening a pipe waits for somebody to write into it.
        let metadata = path.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        if metadata.permissions().mode() & READABLE_BY_ALL != 0 {
            self.warn(path);
        }
        // Of full size from the start: growing would leave copies behind.
        let mut bytes = Zeroizing::new(vec![0; READ_BYTES]);
        let mut length = 0;
        let mut file = File::open(path)?;
        while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
            match file.read(rest)? {
                0 => break,
                read => length += read,
            }
        }
        let text = bytes.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| io::Error::other("it is not UTF-8 text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn warn(&self, path: &Path) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(path.to_path_buf()) {
            tracing::warn!(file = %path.display(), "everybody on this machine may read a passphrase; give it mode 0400");
        }
    }
}
