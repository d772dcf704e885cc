//! The proof type, and the one function that makes it.

use std::ops::Deref;
use std::thread;

use super::threshold::{SigningKeys, count};
use super::{Expiration, VerifyError};
use crate::dialect::{Dialect, Envelope, LinkRule, Spelled};
use crate::metadata::{Digests, FileMeta, Metadata};
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

/// In a file of this many bytes signatures and digests are looked at while another processor reads what it says.
const LARGE: usize = 256 * 1024;

/// Verifies a file of any role but root: signatures of `keys`, then structure, then expiry. That is the order of errors; what a
/// large file says is read before its signatures were looked at, within the bounds it was parsed with.
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
    let judge = || (count(envelope, keys), digests(envelope));
    let ((signers, digests), metadata) =
        if envelope.bytes().len() < LARGE { (judge(), None) } else { beside(judge, || T::decode(envelope)) };
    let signers = signers?;
    let metadata = metadata.unwrap_or_else(|| T::decode(envelope))?;
    expiration.check(envelope.dialect(), envelope.role(), &metadata)?;
    Ok(sealed(envelope, metadata, signers, digests))
}

/// Does both at once; only the first, if there is no thread for it.
fn beside<A: Send, B>(first: impl Fn() -> A + Sync, second: impl FnOnce() -> B) -> (A, Option<B>) {
    thread::scope(|scope| match thread::Builder::new().spawn_scoped(scope, &first) {
        Ok(running) => {
            let second = second();
            let first = running.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (first, Some(second))
        }
        Err(_) => (first(), None),
    })
}

/// Makes the proof. Private to this module's parent: only the rules may call it.
pub(super) fn seal<T: Metadata>(envelope: &Envelope<'_>, metadata: T, signers: Vec<KeyId>) -> Verified<T> {
    sealed(envelope, metadata, signers, digests(envelope))
}

fn sealed<T: Metadata>(envelope: &Envelope<'_>, metadata: T, signers: Vec<KeyId>, digests: Digests) -> Verified<T> {
    let dialect = envelope.dialect();
    let version = match dialect.rules().links {
        LinkRule::Digest => None,
        LinkRule::Version => Some(metadata.version()),
    };
    let file = FileMeta { version, length: Some(envelope.bytes().len() as u64), digests };
    Verified { metadata, dialect, role: envelope.role().clone(), file, signers }
}

/// Where files are named by version, SHA-256 is the one digest that is written.
fn digests(envelope: &Envelope<'_>) -> Digests {
    match envelope.dialect().rules().links {
        LinkRule::Digest => Digests::of(envelope.bytes()),
        LinkRule::Version => Digests::sha256_of(envelope.bytes()),
    }
}
