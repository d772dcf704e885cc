//! A passphrase in a file.

use std::fs::File;
use std::path::PathBuf;

use zeroize::Zeroizing;

use super::secret::first_line;
use super::{PassphraseError, PassphraseRequest, Passphrases};

/// The first line of a file, read at each request; a pipe in the file system works once.
#[derive(Debug, Clone)]
pub struct PassphraseFile {
    path: PathBuf,
}

impl PassphraseFile {
    /// The file at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

impl Passphrases for PassphraseFile {
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        let path = self.path.display();
        request.first_answer(&format!("file {path}"))?;
        File::open(&self.path)
            .and_then(first_line)
            .map_err(|cause| PassphraseError::Unavailable(format!("cannot read the passphrase file {path}: {cause}")))
    }
}
