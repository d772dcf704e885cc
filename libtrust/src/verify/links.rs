//! One file naming the bytes of another.

use super::{Verified, VerifyError};
use crate::dialect::Envelope;
use crate::metadata::{Digests, FileMeta, Snapshot};
use crate::names::RoleName;

/// Checks that `found` is what `named` says: the version is that, where one is named; else at least one digest is. Where
/// digests are named some are of an algorithm we know, every one that both know is equal, and a length is exactly that.
///
/// Notary's clients take the length as an upper bound only; as the digests cover the length, a differing one is a
/// mistake of whoever wrote it. A version that is not known yet passes: bytes are looked at before they are read.
///
/// # Errors
/// [`VerifyError::WrongVersion`], [`VerifyError::NoChecksum`], [`VerifyError::Checksum`] or [`VerifyError::Length`].
pub fn matches_file(
    role: &RoleName,
    found: &FileMeta,
    named: &FileMeta,
    named_by: &RoleName,
) -> Result<(), VerifyError> {
    if let (Some(expected), Some(found)) = (named.version, found.version)
        && found != expected
    {
        return Err(VerifyError::WrongVersion { role: role.clone(), found, expected, named_by: named_by.clone() });
    }
    let needs_digest = named.version.is_none() || !named.digests.is_empty();
    if needs_digest && !named.digests.overlaps(&found.digests) {
        return Err(VerifyError::NoChecksum { role: role.clone(), named_by: named_by.clone() });
    }
    if let Some(algorithm) = named.digests.disagreement(&found.digests) {
        let expected = match algorithm {
            "sha256" => named.digests.sha256.map(hex::encode),
            _ => named.digests.sha512.map(hex::encode),
        };
        let expected = expected.unwrap_or_default();
        return Err(VerifyError::Checksum { role: role.clone(), algorithm, expected });
    }
    match (found.length, named.length) {
        (Some(found), Some(expected)) if found != expected => {
            Err(VerifyError::Length { role: role.clone(), found, expected, named_by: named_by.clone() })
        }
        _ => Ok(()),
    }
}

/// Checks that a verified file, whose bytes are in `envelope`, is the one that is named.
pub(super) fn is_named<T>(
    envelope: &Envelope<'_>,
    verified: &Verified<T>,
    named: &FileMeta,
    named_by: &RoleName,
) -> Result<(), VerifyError> {
    let mut found = *verified.file();
    if named.digests.sha512.is_some() && found.digests.sha512.is_none() {
        found.digests = Digests::of(envelope.bytes());
    }
    matches_file(verified.role(), &found, named, named_by)
}

/// Checks that `snapshot` names a verified file, whose bytes are in `envelope`.
pub(super) fn is_in<T>(
    snapshot: &Verified<Snapshot>,
    envelope: &Envelope<'_>,
    verified: &Verified<T>,
) -> Result<(), VerifyError> {
    let role = verified.role();
    let named = snapshot.meta.get(role.as_str());
    let named = named.ok_or_else(|| VerifyError::NotInSnapshot { role: role.clone(), snapshot: snapshot.version })?;
    is_named(envelope, verified, named, &RoleName::Snapshot)
}

/// Checks that `snapshot` names exactly this file of `role`.
///
/// # Errors
/// [`VerifyError::NotInSnapshot`], or as [`matches_file`].
pub fn snapshot_names(snapshot: &Verified<Snapshot>, role: &RoleName, file: &FileMeta) -> Result<(), VerifyError> {
    let named = snapshot.meta.get(role.as_str());
    let named = named.ok_or_else(|| VerifyError::NotInSnapshot { role: role.clone(), snapshot: snapshot.version })?;
    matches_file(role, file, named, &RoleName::Snapshot)
}
