//! The proof type, and the one function that makes it.

use std::ops::Deref;

use super::threshold::{SigningKeys, count};
use super::{Expiration, VerifyError};
use crate::dialect::{Dialect, Envelope, LinkRule, Spelled};
use crate::metadata::{FileMeta, Metadata};
use crate::names::{KeyId, RoleName};

/// Metadata signed by the threshold of the right keys, whose structure holds.
///
/// It says nothing about freshness beyond the [`Expiration`] it was verified with, nor that it is the newest.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    metadata: T,
    dialect: Dialect,
    role: RoleName,
    file: FileMeta,
    signers: Vec<KeyId>,
}

impl<T> Verified<T> {
    /// The dialect it is spelled in.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The role it is of.
    pub const fn role(&self) -> &RoleName {
        &self.role
    }

    /// Length and digests of exactly the bytes that were verified; where files are named by version, that and the SHA-256
    /// alone.
    pub const fn file(&self) -> &FileMeta {
        &self.file
    }

    /// The keys whose signatures counted.
    pub fn signers(&self) -> &[KeyId] {
        &self.signers
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.metadata
    }
}

/// Verifies a file of any role but root: signatures of `keys`, then structure, then expiry.
///
/// # Errors
/// The first rule that does not hold. A root is refused: it has rules of its own, see [`super::first_root`].
pub fn verify<T: Spelled + Metadata>(
    envelope: &Envelope<'_>,
    keys: &SigningKeys<'_>,
    expiration: Expiration,
) -> Result<Verified<T>, VerifyError> {
    if *envelope.role() == RoleName::Root {
        return Err(VerifyError::NotDelegated(RoleName::Root));
    }
    let signers = count(envelope, keys)?;
    let metadata = T::decode(envelope)?;
    expiration.check(envelope.dialect(), envelope.role(), &metadata)?;
    Ok(seal(envelope, metadata, signers))
}

/// Makes the proof. Private to this module's parent: only the rules may call it.
pub(super) fn seal<T: Metadata>(envelope: &Envelope<'_>, metadata: T, signers: Vec<KeyId>) -> Verified<T> {
    let dialect = envelope.dialect();
    let bytes = envelope.bytes();
    let file = match dialect.rules().links {
        LinkRule::Digest => FileMeta::of(bytes),
        LinkRule::Version => FileMeta::by_version(metadata.version(), bytes),
    };
    Verified { metadata, dialect, role: envelope.role().clone(), file, signers }
}
