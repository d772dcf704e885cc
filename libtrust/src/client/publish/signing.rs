//! Turning a draft into signed files.

use std::collections::BTreeMap;

use super::{PublishError, Publisher};
use crate::client::KeyStoreError;
use crate::dialect::{Dialect, Envelope, Spelled, Unsigned};
use crate::edit::{Draft, next_snapshot};
use crate::keys::{PublicKey, Signature};
use crate::metadata::{FileMeta, Metadata, RoleKeys, Root, Snapshot};
use crate::names::{Gun, KeyId, RoleName};
use crate::verify::{CertificateDates, Expiration, SigningKeys, Verified, VerifyError, first_root, next_root, verify};

/// Signed files, by role.
pub(super) type Files = Vec<(RoleName, Vec<u8>)>;

/// The keys a role's file is signed with.
type Listed<'a> = (&'a RoleKeys, &'a BTreeMap<KeyId, PublicKey>);

impl Publisher {
    /// Signs everything that changed in `draft`, and the snapshot if its key is here. A root that follows another is
    /// signed with the keys of both.
    pub(super) fn sign(
        &self,
        gun: &Gun,
        draft: &Draft,
        previous_root: Option<&Verified<Root>>,
        previous_snapshot: Option<&Snapshot>,
    ) -> Result<Files, PublishError> {
        let mut files = self.sign_changed(gun, draft, previous_root)?;
        if let Some(snapshot) = self.sign_snapshot(gun, draft, previous_snapshot, &files)? {
            files.push((RoleName::Snapshot, snapshot));
        }
        Ok(files)
    }

    /// Signs everything that changed in `draft`.
    pub(super) fn sign_changed(
        &self,
        gun: &Gun,
        draft: &Draft,
        previous_root: Option<&Verified<Root>>,
    ) -> Result<Files, PublishError> {
        let mut files = Files::new();
        for role in draft.changed() {
            let bytes = match role {
                RoleName::Root => self.sign_root(gun, draft, previous_root)?,
                role => self.sign_targets(gun, draft, role)?,
            };
            files.push((role.clone(), bytes));
        }
        Ok(files)
    }

    fn sign_targets(&self, gun: &Gun, draft: &Draft, role: &RoleName) -> Result<Vec<u8>, PublishError> {
        let no_role = || crate::edit::EditError::NoSuchRole(role.clone());
        let file = draft.role(role).ok_or_else(no_role)?;
        let listed = draft.keys_of(role).ok_or_else(no_role)?;
        let unsigned = encode(role, file)?;
        let bytes = unsigned.with_signatures(Dialect::Notary, &self.signatures(gun, role, &unsigned, listed)?);
        let keys = SigningKeys::listed(listed.0, listed.1);
        self.check(role, &bytes, |envelope| {
            verify::<crate::metadata::Targets>(envelope, &keys, Expiration::Ignored).map(|_| ())
        })?;
        Ok(bytes)
    }

    fn sign_root(&self, gun: &Gun, draft: &Draft, previous: Option<&Verified<Root>>) -> Result<Vec<u8>, PublishError> {
        let role = RoleName::Root;
        let unsigned = encode(&role, draft.root())?;
        let mut signatures: Vec<Signature> = Vec::new();
        let before = previous.and_then(|root| Some((root.roles.get(&role)?, &root.keys)));
        for listed in before.into_iter().chain(draft.keys_of(&role)) {
            let made = self.signatures(gun, &role, &unsigned, listed)?;
            signatures.extend(
                made.into_iter()
                    .filter(|new| signatures.iter().all(|old| old.key_id != new.key_id))
                    .collect::<Vec<_>>(),
            );
        }
        let bytes = unsigned.with_signatures(Dialect::Notary, &signatures);
        let (dates, expiration) = (CertificateDates::Enforced(self.client.now()), Expiration::Ignored);
        self.check(&role, &bytes, |envelope| {
            let checked = match previous {
                Some(previous) => next_root(envelope, previous, gun, dates, expiration),
                None => first_root(envelope, gun, dates, expiration),
            };
            checked.map(|_| ())
        })?;
        Ok(bytes)
    }

    /// The next snapshot; nothing if its key is not here, which leaves it to the server.
    pub(super) fn sign_snapshot(
        &self,
        gun: &Gun,
        draft: &Draft,
        previous: Option<&Snapshot>,
        files: &Files,
    ) -> Result<Option<Vec<u8>>, PublishError> {
        let role = RoleName::Snapshot;
        let Some(listed) = draft.keys_of(&role) else { return Ok(None) };
        if !self.holds_snapshot_key(draft)? {
            return Ok(None);
        }
        let metas: Vec<(&RoleName, FileMeta)> = files.iter().map(|(role, bytes)| (role, FileMeta::of(bytes))).collect();
        let now = self.client.now();
        let mut snapshot = next_snapshot(previous, metas.iter().map(|(role, meta)| (*role, meta)), now);
        for removed in draft.removed() {
            snapshot.meta.remove(removed.as_str());
        }
        let unsigned = encode(&role, &snapshot)?;
        let bytes = unsigned.with_signatures(Dialect::Notary, &self.signatures(gun, &role, &unsigned, listed)?);
        let keys = SigningKeys::listed(listed.0, listed.1);
        self.check(&role, &bytes, |envelope| verify::<Snapshot>(envelope, &keys, Expiration::Ignored).map(|_| ()))?;
        Ok(Some(bytes))
    }

    /// Whether a key of the snapshot is here. If not, the server has it.
    pub(super) fn holds_snapshot_key(&self, draft: &Draft) -> Result<bool, PublishError> {
        let Some(listed) = draft.keys_of(&RoleName::Snapshot) else { return Ok(false) };
        let stored = self.keys.list()?;
        Ok(listed.0.key_ids.iter().any(|id| stored.iter().any(|entry| entry.id == canonical(id, listed.1))))
    }

    /// A signature by every key of the role that is here.
    pub(super) fn signatures(
        &self,
        gun: &Gun,
        role: &RoleName,
        unsigned: &Unsigned,
        (listed, keys): Listed<'_>,
    ) -> Result<Vec<Signature>, PublishError> {
        let mut signatures = Vec::new();
        let (mut wanted, mut refused) = (Vec::new(), Vec::new());
        for id in &listed.key_ids {
            let known_as = canonical(id, keys);
            match self.keys.open(&known_as).and_then(|key| key.sign(id, &unsigned.canonical)) {
                Ok(signature) => signatures.push(signature),
                Err(KeyStoreError::Missing { .. }) => wanted.push(known_as),
                Err(error) => refused.push(error.to_string()),
            }
        }
        let (needed, found) = (listed.threshold, signatures.len());
        if found < needed.get() as usize {
            let (gun, role) = (gun.clone(), role.clone());
            return Err(PublishError::MissingKeys { gun, role, needed, found, wanted, refused });
        }
        Ok(signatures)
    }

    /// Verifies what was signed before it leaves the house.
    fn check(
        &self,
        role: &RoleName,
        bytes: &[u8],
        verify: impl FnOnce(&Envelope<'_>) -> Result<(), VerifyError>,
    ) -> Result<(), PublishError> {
        let envelope = Envelope::parse(Dialect::Notary, role.clone(), bytes, &self.client.limits);
        let envelope = envelope.map_err(crate::client::UpdateError::from)?;
        verify(&envelope).map_err(PublishError::Unsound)
    }
}

pub(super) fn canonical(id: &KeyId, keys: &BTreeMap<KeyId, PublicKey>) -> KeyId {
    keys.get(id).map_or_else(|| id.clone(), |key| Dialect::Notary.canonical_key_id(key))
}

fn encode<T: Spelled + Metadata>(role: &RoleName, metadata: &T) -> Result<Unsigned, PublishError> {
    Dialect::Notary.encode(metadata).map_err(|cause| PublishError::NotCanonical { role: role.clone(), cause })
}
