//! The next version of a role, before it is published.

use chrono::{DateTime, Utc};

use super::RepositoryError;
use crate::dialect::{Dialect, Envelope, Spelled, Unsigned};
use crate::keys::Signature;
use crate::limits::Limits;
use crate::metadata::{Root, Targets, Version};
use crate::names::RoleName;

/// The next version of a role.
#[derive(Debug, Clone)]
pub(super) struct Draft<T> {
    pub(super) metadata: T,
    /// The file it is made from; what that says and we do not know stays.
    follows: Option<Vec<u8>>,
    /// What is signed; nothing while it changes.
    encoded: Option<Encoded>,
}

/// What is signed, and by whom so far.
#[derive(Debug, Clone)]
pub(super) struct Encoded {
    pub(super) unsigned: Unsigned,
    pub(super) signatures: Vec<Signature>,
}

impl Encoded {
    pub(super) fn file(&self) -> Vec<u8> {
        self.unsigned.with_signatures(Dialect::Tuf, &self.signatures)
    }

    fn of(role: &RoleName, file: &Envelope<'_>) -> Result<Self, RepositoryError> {
        let unsigned = Dialect::Tuf.unsigned(file);
        let unsigned = unsigned.map_err(|cause| RepositoryError::NotCanonical { role: role.clone(), cause })?;
        Ok(Self { unsigned, signatures: file.signatures().to_vec() })
    }
}

impl<T: Spelled + Dated> Draft<T> {
    /// A role that is new.
    pub(super) const fn first(metadata: T) -> Self {
        Self { metadata, follows: None, encoded: None }
    }

    /// A role that follows a published file.
    pub(super) const fn following(metadata: T, file: Vec<u8>) -> Self {
        Self { metadata, follows: Some(file), encoded: None }
    }

    /// A role that was staged before, with its signatures.
    pub(super) fn staged(role: &RoleName, file: Vec<u8>) -> Result<Self, RepositoryError> {
        let envelope = parse(role, &file)?;
        let (metadata, encoded) = (T::decode(&envelope)?, Encoded::of(role, &envelope)?);
        Ok(Self { metadata, follows: Some(file), encoded: Some(encoded) })
    }

    /// The metadata, to be changed: signatures are gone.
    pub(super) fn change(&mut self) -> &mut T {
        self.encoded = None;
        &mut self.metadata
    }

    pub(super) const fn is_changed(&self) -> bool {
        self.encoded.is_none()
    }

    pub(super) const fn encoded(&self) -> Option<&Encoded> {
        self.encoded.as_ref()
    }

    pub(super) const fn encoded_mut(&mut self) -> Option<&mut Encoded> {
        self.encoded.as_mut()
    }

    /// Gives it its version and expiry, if it changed, and makes what is signed.
    pub(super) fn encode(
        &mut self,
        role: &RoleName,
        version: Version,
        expires: DateTime<Utc>,
    ) -> Result<(), RepositoryError> {
        if self.encoded.is_some() {
            return Ok(());
        }
        self.metadata.set(version, expires);
        let unsigned = match &self.follows {
            Some(file) => Dialect::Tuf.encode_over(&self.metadata, &parse(role, file)?),
            None => Dialect::Tuf.encode(&self.metadata),
        };
        let unsigned = unsigned.map_err(|cause| RepositoryError::NotCanonical { role: role.clone(), cause })?;
        self.encoded = Some(Encoded { unsigned, signatures: Vec::new() });
        Ok(())
    }

    /// Takes over the signatures of a copy.
    pub(super) fn merge(&mut self, role: &RoleName, copy: &[u8]) -> Result<usize, RepositoryError> {
        let other = parse(role, copy)?;
        let Some(encoded) = self.encoded.as_mut().filter(|known| known.unsigned.canonical == other.canonical()) else {
            return Err(RepositoryError::OtherContent { role: role.clone() });
        };
        let before = encoded.signatures.len();
        for signature in other.signatures() {
            if encoded.signatures.iter().all(|known| known.key_id != signature.key_id) {
                encoded.signatures.push(signature.clone());
            }
        }
        Ok(encoded.signatures.len() - before)
    }
}

/// Reads a file of the repository's owner, of any size.
pub(super) fn parse<'f>(role: &RoleName, file: &'f [u8]) -> Result<Envelope<'f>, RepositoryError> {
    Ok(Envelope::parse(Dialect::Tuf, role.clone(), file, &Limits::STORED)?)
}

/// Metadata that is given a version and an expiry.
pub(super) trait Dated {
    fn set(&mut self, version: Version, expires: DateTime<Utc>);
}

impl Dated for Root {
    fn set(&mut self, version: Version, expires: DateTime<Utc>) {
        (self.version, self.expires) = (version, expires);
    }
}

impl Dated for Targets {
    fn set(&mut self, version: Version, expires: DateTime<Utc>) {
        (self.version, self.expires) = (version, expires);
    }
}
