//! Versions only move forward.

use super::{Verified, VerifyError};
use crate::metadata::{Metadata, Snapshot, Timestamp, Version};
use crate::names::RoleName;

/// What a reader knows of a role from before.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a, T> {
    /// Nothing.
    Nothing,
    /// The newest version seen.
    Version(Version),
    /// The newest file seen: also what it names must not move back.
    File(&'a Verified<T>),
}

impl<T: Metadata> Known<'_, T> {
    fn version(&self) -> Option<Version> {
        match self {
            Self::Nothing => None,
            Self::Version(version) => Some(*version),
            Self::File(file) => Some(file.version()),
        }
    }
}

impl<T> From<Option<Version>> for Known<'_, T> {
    fn from(version: Option<Version>) -> Self {
        version.map_or(Self::Nothing, Self::Version)
    }
}

impl<'a, T> From<Option<&'a Verified<T>>> for Known<'a, T> {
    fn from(file: Option<&'a Verified<T>>) -> Self {
        file.map_or(Self::Nothing, Self::File)
    }
}

/// Refuses a file older than the newest one known. The same version again is no rollback, whatever its bytes (Notary's
/// clients accept it).
///
/// # Errors
/// [`VerifyError::Rollback`].
pub fn not_older<T: Metadata>(file: &Verified<T>, newest_known: Option<Version>) -> Result<(), VerifyError> {
    not_below(file.role(), file.version(), newest_known)
}

/// Refuses a timestamp that is older, or names an older snapshot, than the one known.
pub(super) fn timestamp_follows(file: &Verified<Timestamp>, known: Known<'_, Timestamp>) -> Result<(), VerifyError> {
    not_older(file, known.version())?;
    let Known::File(known) = known else { return Ok(()) };
    match file.snapshot.version {
        Some(version) => not_below(&RoleName::Snapshot, version, known.snapshot.version),
        None => Ok(()),
    }
}

/// Refuses a snapshot that names an older version of a role than the one known, or no longer names a role; of one of which
/// only the version is known, an older one.
///
/// # Errors
/// [`VerifyError::Rollback`] or [`VerifyError::NoLongerNamed`].
pub fn snapshot_follows(file: &Verified<Snapshot>, known: Known<'_, Snapshot>) -> Result<(), VerifyError> {
    let known = match known {
        // Its own version is for the timestamp to hold: that names it (TUF 1.0, 5.5.5).
        Known::File(known) => known,
        known => return not_older(file, known.version()),
    };
    for (role, before) in &known.meta {
        let Some(now) = file.meta.get(role) else {
            return Err(VerifyError::NoLongerNamed { role: role.clone(), snapshot: file.version() });
        };
        if let (Some(now), Ok(name)) = (now.version, RoleName::in_tuf(role)) {
            not_below(&name, now, before.version)?;
        }
    }
    Ok(())
}

fn not_below(role: &RoleName, found: Version, minimum: Option<Version>) -> Result<(), VerifyError> {
    match minimum {
        Some(minimum) if found < minimum => Err(VerifyError::Rollback { role: role.clone(), found, minimum }),
        _ => Ok(()),
    }
}
