//! Whether a publication may be stored: the one place for the rule, whatever looks the stored versions up.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};

use super::{Base, NewFile, PublishError, Sha256, StorageError};

/// Version and digest of the newest stored file of a role, if there is one.
pub(crate) type Newest = Option<(Version, Sha256)>;

/// What became of a publication, if the transaction is committed.
pub(crate) type Verdict = Result<(), PublishError>;

/// A publication that waits to be stored. Borrowed by a transaction, so that it can be tried again.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) gun: Gun,
    pub(crate) base: Base,
    pub(crate) files: Vec<NewFile>,
    pub(crate) now: DateTime<Utc>,
}

impl Publication {
    /// The roles that must be looked up to judge it, each once.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &RoleName> {
        let base = matches!(self.base, Base::Timestamp(_)).then_some(&RoleName::Timestamp);
        let files = &self.files;
        let of_files = files
            .iter()
            .enumerate()
            .filter(move |(at, file)| files.iter().take(*at).all(|earlier| earlier.role != file.role));
        of_files
            .map(|(_, file)| &file.role)
            .chain(base.filter(|timestamp| self.files.iter().all(|file| file.role != **timestamp)))
    }

    /// Bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum: u64, file| sum.saturating_add(file.bytes.len() as u64))
    }
}

/// Judges files in their order, each as if those before it were stored. `newest` tells what is stored of a role; an
/// error of it (a row that makes no sense) ends the judgement.
pub(crate) fn judge(
    base: Base,
    files: &[NewFile],
    newest: impl Fn(&RoleName) -> Result<Newest, StorageError>,
) -> Verdict {
    let mut accepted: HashMap<&RoleName, Version> = HashMap::with_capacity(files.len());
    for NewFile { role, version, .. } in files {
        let stored = match accepted.get(role) {
            Some(earlier) => Some(*earlier),
            None => newest(role)?.map(|(stored, _)| stored),
        };
        match stored {
            Some(stored) if *version <= stored => {
                return Err(PublishError::Conflict { role: role.clone(), offered: *version, stored });
            }
            _ => accepted.insert(role, *version),
        };
    }
    let is_there = match base {
        Base::Any => true,
        Base::Timestamp(_) => base.holds(newest(&RoleName::Timestamp)?.map(|(_, sha256)| sha256)),
    };
    if is_there { Ok(()) } else { Err(PublishError::Moved) }
}
