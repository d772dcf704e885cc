//! A passphrase from an open descriptor, as `--passphrase-fd 3` names it.

use std::fs::File;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroizing;

use super::secret::first_line;
use super::{PassphraseError, PassphraseRequest, Passphrases};

/// The first line that comes through a descriptor of this process. It is read once, at the first request, and kept, so
/// one line serves every key.
pub struct PassphraseDescriptor {
    number: u32,
    read: Mutex<Option<Zeroizing<String>>>,
}

impl PassphraseDescriptor {
    /// The descriptor of that number; 0 is standard input.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self { number, read: Mutex::new(None) }
    }
}

impl Passphrases for PassphraseDescriptor {
    fn passphrase(&self, request: &PassphraseRequest<'_>) -> Result<Zeroizing<String>, PassphraseError> {
        let number = self.number;
        request.first_answer(&format!("descriptor {number}"))?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*read {
            return Ok(known.clone());
        }
        let line = if number == 0 {
            first_line(std::io::stdin().lock())
        } else {
            // The way to it that needs no `unsafe`.
            File::open(format!("/dev/fd/{number}")).and_then(first_line)
        };
        let line = line.map_err(|cause| {
            PassphraseError::Unavailable(format!("cannot read the passphrase from descriptor {number}: {cause}"))
        })?;
        Ok(read.insert(line).clone())
    }
}

impl std::fmt::Debug for PassphraseDescriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PassphraseDescriptor").field("number", &self.number).finish_non_exhaustive()
    }
}
