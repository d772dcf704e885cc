//! The proof type, and the one function that makes it.

use std::ops::Deref;

use super::threshold::{SigningKeys, count};
use super::{Expiration, VerifyError};
use crate::dialect::{Envelope, Spelled};
use crate::metadata::{FileMeta, Metadata};
use crate::names::{KeyId, RoleName};

/// Metadata signed by the threshold of the right keys, whose structure holds.
///
/// It says nothing about freshness beyond the [`Expiration`] it was verified with, nor that it is the newest.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    metadata: T,
    role: RoleName,
    file: FileMeta,
    signers: Vec<KeyId>,
}

impl<T> Verified<T> {
    /// The role it is of.
    pub const fn role(&self) -> &RoleName {
        &self.role
    }

    /// Length and digests of exactly the bytes that were verified.
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
    expiration.check(envelope.role(), &metadata)?;
    Ok(seal(envelope, metadata, signers))
}

/// Makes the proof. Private to this module's parent: only the rules may call it.
pub(super) fn seal<T>(envelope: &Envelope<'_>, metadata: T, signers: Vec<KeyId>) -> Verified<T> {
    Verified { metadata, role: envelope.role().clone(), file: FileMeta::of(envelope.bytes()), signers }
}
