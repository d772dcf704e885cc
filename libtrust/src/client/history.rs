//! Older versions of a collection's files, as far as a server still has them. Our server and Notary 0.7 have those of every
//! role, older ones those of the root alone.
//!
//! What is found was signed by keys that were listed at some time in the chain of roots that ends in the trusted one. It is
//! for people who ask what happened, and no ground for trusting anything.

use std::collections::BTreeMap;

use super::{Client, Collection, RemoteFile, TransportError, UpdateError};
use crate::dialect::{Dialect, Envelope};
use crate::metadata::{FileMeta, Root, Targets, Version};
use crate::names::RoleName;
use crate::verify::{
    CertificateDates, Expiration, RootPins, SigningKeys, Verified, VerifyError, known_root, next_root, verify,
};

/// Older versions, oldest first; the last of each is the one that is trusted now.
#[derive(Debug)]
pub struct History {
    /// The roots.
    pub roots: Vec<Verified<Root>>,
    /// The files of targets and of each delegation there is now.
    pub targets: BTreeMap<RoleName, Vec<Verified<Targets>>>,
    /// Roles of which older versions exist that the server does not have.
    pub incomplete: Vec<RoleName>,
}

impl Client {
    /// Up to `versions` versions of each role, back from what is trusted now.
    ///
    /// # Errors
    /// If a file cannot be fetched, or one the server has does not belong there.
    pub async fn history(&self, collection: &Collection, versions: u64) -> Result<History, UpdateError> {
        let roots = self.older_roots(collection, versions).await?;
        let mut history = History { roots, targets: BTreeMap::new(), incomplete: Vec::new() };
        let first = history.roots.first().map_or(1, |root| root.version.get());
        if first > oldest(collection.root().version, versions) {
            history.incomplete.push(RoleName::Root);
        }
        // A role's parents come before it.
        for file in collection.targets().roles() {
            let (mut found, role) = (Vec::new(), file.role());
            for number in (oldest(file.version, versions)..file.version.get()).rev() {
                let Some(bytes) = self.of_version(collection, role, number).await? else {
                    history.incomplete.push(role.clone());
                    break;
                };
                let envelope = Envelope::parse(Dialect::Notary, role.clone(), &bytes, &self.limits)?;
                let older = history.verified(role, &envelope)?;
                if older.version.get() != number {
                    let (found, minimum) = (older.version, Version::try_from(number).unwrap_or(older.version));
                    return Err(VerifyError::Rollback { role: role.clone(), found, minimum }.into());
                }
                found.push(older);
            }
            found.reverse();
            found.push(file.clone());
            history.targets.insert(role.clone(), found);
        }
        Ok(history)
    }

    /// The roots up to the trusted one, each signed as it must be after the one before it.
    async fn older_roots(&self, collection: &Collection, versions: u64) -> Result<Vec<Verified<Root>>, UpdateError> {
        let (gun, current) = (collection.gun(), collection.root());
        let mut files = Vec::new();
        for number in (oldest(current.version, versions)..current.version.get()).rev() {
            let Some(bytes) = self.of_version(collection, &RoleName::Root, number).await? else { break };
            files.push(bytes);
        }
        let mut roots: Vec<Verified<Root>> = Vec::new();
        for bytes in files.iter().rev() {
            let envelope = Envelope::parse(Dialect::Notary, RoleName::Root, bytes, &self.limits)?;
            roots.push(match roots.last() {
                None => known_root(&envelope, gun, &RootPins::Unpinned, self.now())?,
                Some(previous) => next_root(&envelope, previous, gun, CertificateDates::Ignored, Expiration::Ignored)?,
            });
        }
        // The last step leads to what is trusted. If these bytes are not it, what came before does not belong to it either.
        let last = self.of_version(collection, &RoleName::Root, current.version.get()).await?;
        match last.filter(|bytes| FileMeta::of(bytes).digests == current.file().digests) {
            Some(bytes) => {
                let envelope = Envelope::parse(Dialect::Notary, RoleName::Root, &bytes, &self.limits)?;
                if let Some(previous) = roots.last() {
                    next_root(&envelope, previous, gun, CertificateDates::Ignored, Expiration::Ignored)?;
                }
            }
            None => roots.clear(),
        }
        roots.push(current.clone());
        Ok(roots)
    }

    async fn of_version(
        &self,
        collection: &Collection,
        role: &RoleName,
        number: u64,
    ) -> Result<Option<Vec<u8>>, UpdateError> {
        let Ok(version) = Version::try_from(number) else { return Ok(None) };
        let file = RemoteFile::ByVersion(role.clone(), version);
        match self.transport.fetch(collection.gun(), &file, self.limits.file_bytes as u64).await {
            Ok(bytes) => Ok(Some(bytes)),
            // Older servers take `2.targets` for the name of a role they do not know.
            Err(TransportError::NotFound { .. } | TransportError::Rejected { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl History {
    /// The file, if keys signed it that its role had in any version found, the newest asked first.
    fn verified(&self, role: &RoleName, envelope: &Envelope<'_>) -> Result<Verified<Targets>, UpdateError> {
        let keys: Vec<SigningKeys<'_>> = match role {
            RoleName::Delegation(name) => {
                let parents = self.targets.get(&name.parent()).map(Vec::as_slice).unwrap_or_default();
                parents.iter().rev().filter_map(|file| SigningKeys::of_delegation(&file.delegations, name)).collect()
            }
            role => self.roots.iter().rev().filter_map(|root| SigningKeys::of_role(root, role)).collect(),
        };
        let mut refused = None;
        for keys in &keys {
            match verify::<Targets>(envelope, keys, Expiration::Ignored) {
                Ok(file) => return Ok(file),
                Err(error) => refused = Some(error),
            }
        }
        let refused = refused.unwrap_or_else(|| VerifyError::NotDelegated(role.clone()));
        Err(refused.into())
    }
}

fn oldest(newest: Version, versions: u64) -> u64 {
    newest.get().saturating_sub(versions.saturating_sub(1)).max(1)
}
