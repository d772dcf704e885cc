//! Having the online signer sign a role.

use std::collections::BTreeSet;

use bytes::Bytes;
use libtrust::dialect::{Envelope, Spelled};
use libtrust::json::NotCanonical;
use libtrust::keys::Signature;
use libtrust::limits::Limits;
use libtrust::metadata::{Metadata, Root};
use libtrust::names::{Gun, RoleName};
use libtrust::verify::{Expiration, SigningKeys, Verified, VerifyError, verify};

use super::Collections;
use super::keys::held_as;
use crate::signer::SignerError;

/// A role the server signed, verified like any other.
pub(super) struct Signed<T> {
    pub(super) bytes: Bytes,
    pub(super) says: Verified<T>,
}

/// Why a role could not be signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSigned {
    /// The signer holds too few of the keys that the root lists.
    #[error("the server holds {held} of the {needed} {role} keys that are needed")]
    KeysMissing { role: RoleName, held: usize, needed: u32 },
    /// The signer failed.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// There is no form of it that could be signed.
    #[error(transparent)]
    NotCanonical(#[from] NotCanonical),
    /// The signer answered with something that does not verify.
    #[error("what the signer made does not verify: {0}")]
    Unverifiable(#[from] VerifyError),
}

impl Collections {
    /// Signs `metadata` with every key of the role that the signer holds. Nothing is taken over from an earlier file but what
    /// `metadata` says: a publisher's own words must not get the server's signature, least of all as the same keys sign in
    /// another dialect, whose readers might understand them.
    pub(super) async fn sign<T: Spelled + Metadata + Sync>(
        &self,
        gun: &Gun,
        root: &Root,
        role: &RoleName,
        metadata: &T,
    ) -> Result<Signed<T>, NotSigned> {
        let dialect = self.dialect;
        let keys = SigningKeys::of_role(root, role).ok_or_else(|| VerifyError::NotDelegated(role.clone()))?;
        let unsigned = dialect.encode(metadata)?;
        let mut signatures: Vec<Signature> = Vec::new();
        let mut asked = BTreeSet::new();
        for id in keys.ids() {
            let held = held_as(dialect, root, id);
            // One key under two ids counts once.
            if !asked.insert(held.clone()) {
                continue;
            }
            match self.signer.sign(&held, gun, role, &unsigned.canonical).await {
                Ok(signature) => signatures.push(Signature { key_id: id.clone(), ..signature }),
                // A key of another collection is as good as none.
                Err(SignerError::UnknownKey(_) | SignerError::Refused(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let needed = keys.threshold().get();
        if signatures.len() < needed as usize {
            return Err(NotSigned::KeysMissing { role: role.clone(), held: signatures.len(), needed });
        }
        let bytes = Bytes::from(unsigned.with_signatures(dialect, &signatures));
        let envelope = Envelope::parse(dialect, role.clone(), &bytes, &Limits::STORED)
            .map_err(|error| SignerError::Unavailable(error.to_string()))?;
        let says = verify(&envelope, &keys, Expiration::Enforced(self.now()))?;
        Ok(Signed { bytes, says })
    }
}
