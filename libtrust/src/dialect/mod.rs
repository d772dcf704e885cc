//! How roles are spelled: the only place that knows an encoding. The rules are in [`crate::verify`],
//! once for all; the few that differ are named in [`Rules`].

mod envelope;
mod error;
pub mod notary;
mod reader;
mod rules;

use crate::json::{NotCanonical, to_canonical};
use crate::keys::{PublicKey, Signature};
use crate::metadata::{Root, Snapshot, Target, Targets, Timestamp};
use crate::names::KeyId;

pub use envelope::{Envelope, Header};
pub use error::{Fault, InvalidMetadata, MalformedFile};
pub use rules::{KeyIdRule, RepeatedSignatureRule, RootKeyRule, Rules};

/// A way to spell trust metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Docker Notary v1 (0.7.0): capitalised types, base64 keys, signatures and hashes, files named by hash.
    Notary,
}

impl Dialect {
    /// The id this dialect gives a key.
    #[must_use]
    pub fn key_id(self, key: &PublicKey) -> KeyId {
        match self {
            Self::Notary => notary::key_id(key),
        }
    }

    /// The id by which private keys are stored and people know a key: that of the plain key, also where metadata lists it
    /// in a certificate. Of a key that does not decode, the id it has.
    #[must_use]
    pub fn canonical_key_id(self, key: &PublicKey) -> KeyId {
        match key.plain() {
            Some(plain) => self.key_id(&plain),
            None => self.key_id(key),
        }
    }

    /// Whether what the application added to a target can be signed so that every reader verifies it.
    ///
    /// # Errors
    /// The number that cannot.
    pub fn check_custom(self, target: &Target) -> Result<(), NotCanonical> {
        target.custom.as_ref().map_or(Ok(()), |custom| to_canonical(custom).map(|_| ()))
    }

    /// What is to be signed and stored for `metadata`.
    ///
    /// # Errors
    /// If it holds a number that cannot be signed: a size beyond 2^53, a fraction in what the application added.
    pub fn encode<T: Spelled>(self, metadata: &T) -> Result<Unsigned, NotCanonical> {
        match self {
            Self::Notary => notary::encode(&metadata.to_notary()),
        }
    }

    /// Whether the programs of this dialect, reading this file and writing it again, would give the same bytes. They
    /// compute the digests of stored files over what they write, so others do not survive beside them. `says` is what was
    /// read out of the file.
    #[must_use]
    pub fn is_written_so<T: Spelled>(self, envelope: &Envelope<'_>, says: &T) -> bool {
        match self {
            Self::Notary => notary::is_written_so(envelope, says),
        }
    }
}

/// Metadata before its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// The message that keys sign.
    pub canonical: Vec<u8>,
    /// The value of `signed` as it stands in the file.
    pub(crate) wire: Vec<u8>,
}

impl Unsigned {
    /// The whole file: the member `signed`, then the signatures, without white space.
    #[must_use]
    pub fn with_signatures(&self, dialect: Dialect, signatures: &[Signature]) -> Vec<u8> {
        match dialect {
            Dialect::Notary => notary::file(&self.wire, signatures),
        }
    }
}

/// Metadata that every dialect can read and write.
pub trait Spelled: Sized + sealed::Sealed {
    /// Reads the role out of a parsed file.
    ///
    /// # Errors
    /// If the structure is not that of this role.
    fn decode(envelope: &Envelope<'_>) -> Result<Self, InvalidMetadata>;

    /// The value of `signed` in Notary's spelling.
    #[doc(hidden)]
    fn to_notary(&self) -> crate::json::Value<'static>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! spelled {
    ($($role:ty => $read:path, $write:path);*) => {
        $(impl Spelled for $role {
            fn decode(envelope: &Envelope<'_>) -> Result<Self, InvalidMetadata> {
                match envelope.dialect() {
                    Dialect::Notary => $read(envelope),
                }
            }

            fn to_notary(&self) -> crate::json::Value<'static> {
                $write(self)
            }
        })*
        $(impl sealed::Sealed for $role {})*
    };
}

spelled! {
    Root => notary::decode_root, notary::root_value;
    Targets => notary::decode_targets, notary::targets_value;
    Snapshot => notary::decode_snapshot, notary::snapshot_value;
    Timestamp => notary::decode_timestamp, notary::timestamp_value
}
