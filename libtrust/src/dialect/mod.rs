//! How roles are spelled: the only place that knows an encoding. The rules are in [`crate::verify`],
//! once for all; the few that differ are named in [`Rules`].

mod envelope;
mod error;
pub mod notary;
mod reader;
mod rules;
pub mod tuf;
mod writer;

use crate::json::{NotCanonical, Value, to_both, to_canonical};
use crate::keys::{PublicKey, Signature};
use crate::metadata::{Root, Snapshot, Target, Targets, Timestamp};
use crate::names::KeyId;

pub use envelope::{Envelope, Header};
pub use error::{Fault, InvalidMetadata, MalformedFile};
pub use rules::{
    ExpiryRule, KeyIdRule, LinkRule, PathRule, RepeatedSignatureRule, RootKeyRule, RootVersionRule, Rules,
};

/// A way to spell trust metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Docker Notary v1 (0.7.0): capitalised types, base64 keys, signatures and hashes, files named by hash.
    Notary,
    /// TUF 1.0: small types, hex signatures and hashes, opaque key ids, files named by version.
    Tuf,
}

impl Dialect {
    /// The id this dialect gives a key.
    #[must_use]
    pub fn key_id(self, key: &PublicKey) -> KeyId {
        match self {
            Self::Notary => notary::key_id(key),
            Self::Tuf => tuf::key_id(key),
        }
    }

    /// The id by which private keys are stored and people know a key: that of the plain key, also where metadata lists it
    /// in a certificate: the id Notary gives it, in every dialect. Of a key that does not decode, the id it has.
    #[must_use]
    pub fn canonical_key_id(self, key: &PublicKey) -> KeyId {
        match (self, key.plain()) {
            (Self::Notary, Some(plain)) => notary::key_id(&plain),
            (Self::Notary, None) => notary::key_id(key),
            // One key store for both, which knows keys as Notary does.
            (Self::Tuf, _) => notary::key_id(&tuf::plain_key(key)),
        }
    }

    /// Whether what the application added to a target can be signed so that every reader verifies it.
    ///
    /// # Errors
    /// The number that cannot.
    pub fn check_custom(self, target: &Target) -> Result<(), NotCanonical> {
        target.custom.as_ref().map_or(Ok(()), |custom| to_canonical(custom, self.rules().numbers).map(|_| ()))
    }

    /// What is to be signed and stored for `metadata`.
    ///
    /// # Errors
    /// If it holds a number that cannot be signed: a size beyond 2^53, a fraction in what the application added.
    pub fn encode<T: Spelled>(self, metadata: &T) -> Result<Unsigned, NotCanonical> {
        self.encode_value(&metadata.to_value(self))
    }

    /// As [`Dialect::encode`], for the file that follows `previous`: what that says beyond what [`crate::metadata`] knows
    /// stays, in TUF 1.0. Notary's programs drop it, and so do we there.
    ///
    /// # Errors
    /// As [`Dialect::encode`].
    pub fn encode_over<T: Spelled>(self, metadata: &T, previous: &Envelope<'_>) -> Result<Unsigned, NotCanonical> {
        let written = metadata.to_value(self);
        self.encode_value(&match self {
            Self::Notary => written,
            Self::Tuf => tuf::over(written, previous.signed()),
        })
    }

    /// What was signed in a file, for adding signatures to it.
    ///
    /// # Errors
    /// If it holds a number that cannot be signed.
    pub fn unsigned(self, file: &Envelope<'_>) -> Result<Unsigned, NotCanonical> {
        self.encode_value(file.signed())
    }

    fn encode_value(self, signed: &Value<'_>) -> Result<Unsigned, NotCanonical> {
        let (canonical, stored) = to_both(signed, self.rules().numbers)?;
        Ok(Unsigned { canonical, stored })
    }

    /// Whether the programs of this dialect, reading this file and writing it again, would give the same bytes. They
    /// compute the digests of stored files over what they write, so others do not survive beside them. `says` is what was
    /// read out of the file.
    #[must_use]
    pub fn is_written_so<T: Spelled>(self, envelope: &Envelope<'_>, says: &T) -> bool {
        match self {
            Self::Notary => notary::is_written_so(envelope, says),
            // They name files by the bytes they were given.
            Self::Tuf => true,
        }
    }
}

/// Metadata before its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsigned {
    /// The message that keys sign.
    pub canonical: Vec<u8>,
    /// The value of `signed` as it stands in the file; nothing if that is the canonical form.
    stored: Option<Vec<u8>>,
}

impl Unsigned {
    /// The value of `signed` as it stands in the file.
    fn wire(&self) -> &[u8] {
        self.stored.as_ref().unwrap_or(&self.canonical)
    }

    /// The whole file: the member `signed`, then the signatures, without white space.
    #[must_use]
    pub fn with_signatures(&self, dialect: Dialect, signatures: &[Signature]) -> Vec<u8> {
        match dialect {
            Dialect::Notary => notary::file(self.wire(), signatures),
            Dialect::Tuf => tuf::file(self.wire(), signatures),
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

    /// The value of `signed` in a dialect's spelling.
    #[doc(hidden)]
    fn to_value(&self, dialect: Dialect) -> Value<'_>;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! spelled {
    ($($role:ty => $read:ident, $write:ident);*) => {
        $(impl Spelled for $role {
            fn decode(envelope: &Envelope<'_>) -> Result<Self, InvalidMetadata> {
                match envelope.dialect() {
                    Dialect::Notary => notary::$read(envelope),
                    Dialect::Tuf => tuf::$read(envelope),
                }
            }

            fn to_value(&self, dialect: Dialect) -> Value<'_> {
                match dialect {
                    Dialect::Notary => notary::$write(self),
                    Dialect::Tuf => tuf::$write(self),
                }
            }
        })*
        $(impl sealed::Sealed for $role {})*
    };
}

spelled! {
    Root => decode_root, root_value;
    Targets => decode_targets, targets_value;
    Snapshot => decode_snapshot, snapshot_value;
    Timestamp => decode_timestamp, timestamp_value
}
