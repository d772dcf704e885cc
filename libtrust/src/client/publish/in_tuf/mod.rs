//! The TUF 1.0 form of a collection, beside Notary's under the same name, signed with the same keys.
//!
//! They are two collections, and nothing makes a publication of both one: Notary's comes first, and the other follows. It
//! says what Notary's says wherever the keys for that are here; what is left is said by whoever has them.

mod published;

use std::collections::BTreeMap;

use published::Published;

use super::signing::Files;
use super::{PublishError, Publisher};
use crate::client::tuf::MetadataName;
use crate::client::{Collection, Offline, TransportError};
use crate::dialect::{Dialect, Envelope, MalformedFile, Spelled, Unsigned};
use crate::edit::{next_snapshot, root_in_tuf, targets_in_tuf};
use crate::keys::PublicKey;
use crate::limits::Limits;
use crate::metadata::{FileMeta, Metadata, RoleKeys, Root, Snapshot, Targets, Version};
use crate::names::{Gun, KeyId, RoleName};
use crate::verify::{Expiration, SigningKeys, Verified, repository_root, verify};

/// How often a publication is based anew on what others published in between.
const ATTEMPTS: u32 = 8;

/// What was published in TUF 1.0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TufPublication {
    /// The roles that were sent, with their versions. None if it said all of it already.
    pub roles: Vec<(RoleName, Version)>,
    /// Roles that say something else than in Notary's form, because too few of their keys are here.
    pub left: Vec<RoleName>,
}

/// What becomes of a collection that has no TUF 1.0 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TufForm {
    /// It gets one.
    Begun,
    /// It stays without.
    Followed,
}

impl Publisher {
    /// Makes the TUF 1.0 form of a collection say what Notary's says. Nothing if there is none, and none is begun.
    ///
    /// # Errors
    /// Why that could not be; Notary's form is as it was.
    pub async fn publish_in_tuf(&self, gun: &Gun, form: TufForm) -> Result<Option<TufPublication>, PublishError> {
        let mut attempt = 1;
        loop {
            let root_file = match self.fetch_in_tuf(gun, MetadataName::current(RoleName::Root)).await {
                Ok(file) => Some(file),
                Err(TransportError::NotFound { .. }) if form == TufForm::Begun => None,
                // A server of another kind, or something before it, may refuse to look at such a name.
                Err(
                    TransportError::NotFound { .. }
                    | TransportError::Rejected { .. }
                    | TransportError::Unauthorized { .. },
                ) if form == TufForm::Followed => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let collection = self.client.update(gun, Offline::Never).await?;
            let published = match root_file {
                Some(file) => Some(self.published_in_tuf(gun, &collection, &file).await?),
                None => None,
            };
            let (files, publication) = self.sign_in_tuf(gun, &collection, published.as_ref())?;
            if files.is_empty() {
                return Ok(Some(publication));
            }
            match self.client.transport().publish_in_tuf(gun, &files).await {
                Ok(()) => return Ok(Some(publication)),
                Err(TransportError::Conflict { .. }) if attempt < ATTEMPTS => attempt += 1,
                Err(last @ TransportError::Conflict { .. }) => {
                    return Err(PublishError::Contended { attempts: ATTEMPTS, last });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// After a publication: the TUF 1.0 form follows, if there is one.
    pub(super) async fn follow_in_tuf(&self, gun: &Gun) -> Result<Option<TufPublication>, PublishError> {
        let behind = |cause| PublishError::BehindInTuf { gun: gun.clone(), cause: Box::new(cause) };
        self.publish_in_tuf(gun, TufForm::Followed).await.map_err(behind)
    }

    /// Everything that is to be sent, and what that is.
    fn sign_in_tuf(
        &self,
        gun: &Gun,
        collection: &Collection,
        published: Option<&Published>,
    ) -> Result<(Files, TufPublication), PublishError> {
        let mut said = TufPublication::default();
        let mut files = Files::new();
        let root = match self.root_in_tuf(gun, collection, published, &mut files) {
            // Nothing below it can follow before it does.
            Err(PublishError::MissingKeys { role, .. }) if published.is_some() => {
                said.left.push(role);
                return Ok((files, said));
            }
            root => root?,
        };
        let files_of: BTreeMap<&RoleName, &Verified<Targets>> =
            collection.targets().roles().map(|file| (file.role(), file)).collect();
        let here = self.signable(&root, &files_of)?;
        // What each role says once this is published; parents come before their children.
        let mut standing: BTreeMap<RoleName, Targets> = BTreeMap::new();
        for (role, file) in &files_of {
            let before = published.and_then(|published| published.targets.get(*role));
            let is_there = |role: &RoleName| {
                here.contains(role) || published.is_some_and(|published| published.targets.contains_key(role))
            };
            let mut wanted = targets_in_tuf(file, speaks_for_all(role, &files_of), is_there);
            let missing = file.delegations.roles.iter().map(|role| RoleName::Delegation(role.name.clone()));
            said.left.extend(missing.filter(|role| !is_there(role)));
            wanted.version = before.map_or(Version::FIRST, |before| before.version);
            let listed = keys_of(role, &root, &standing);
            let stands = |before: &Verified<Targets>| {
                **before == wanted && listed.as_ref().is_some_and(|(listed, _)| is_signed_by(before, listed))
            };
            if before.is_some_and(stands) {
                standing.insert((*role).clone(), wanted);
                continue;
            }
            let is_begun = before.is_none() && **role == RoleName::Targets;
            // Who may sign it is what the role above says in this form, not in Notary's.
            let is_allowed = here.contains(*role) || is_begun;
            let (Some((listed, keys)), true) = (
                listed.filter(|(listed, keys)| is_begun || self.holds_enough(listed, keys).unwrap_or(false)),
                is_allowed,
            ) else {
                // A delegation that has no file yet is among those left already.
                if let Some(before) = before {
                    said.left.push((*role).clone());
                    standing.insert((*role).clone(), (**before).clone());
                }
                continue;
            };
            wanted.version = before.map_or(Version::FIRST, |before| before.version.next());
            let bytes = self.signed_in_tuf(gun, role, &wanted, &[(&listed, &keys)])?;
            files.push(((*role).clone(), bytes));
            standing.insert((*role).clone(), wanted);
        }
        if !files.is_empty() {
            self.snapshot_in_tuf(gun, &root, published, &mut files)?;
        }
        said.roles = files
            .iter()
            .map(|(role, bytes)| Ok((role.clone(), version_of(role, bytes)?)))
            .collect::<Result<_, PublishError>>()?;
        Ok((files, said))
    }

    /// The root that counts from now on; signed anew, by the keys of both, if it says something else than before.
    fn root_in_tuf(
        &self,
        gun: &Gun,
        collection: &Collection,
        published: Option<&Published>,
        files: &mut Files,
    ) -> Result<Root, PublishError> {
        let mut root = root_in_tuf(collection.root());
        let before = published.map(|published| &published.root);
        root.version = before.map_or(Version::FIRST, |before| before.version);
        if before.is_some_and(|before| **before == root) {
            return Ok(root);
        }
        root.version = before.map_or(Version::FIRST, |before| before.version.next());
        let role = RoleName::Root;
        let signers = before.map(|before| &**before).into_iter().chain([&root]);
        let signers: Vec<_> = signers.filter_map(|root| Some((root.roles.get(&role)?, &root.keys))).collect();
        let bytes = self.signed_in_tuf(gun, &role, &root, &signers)?;
        repository_root(&parse(&role, &bytes)?, before).map_err(PublishError::Unsound)?;
        files.push((role, bytes));
        Ok(root)
    }

    /// The next snapshot, if its key is here; else the server makes it.
    fn snapshot_in_tuf(
        &self,
        gun: &Gun,
        root: &Root,
        published: Option<&Published>,
        files: &mut Files,
    ) -> Result<(), PublishError> {
        let role = RoleName::Snapshot;
        let Some(listed) = root.roles.get(&role) else { return Ok(()) };
        if !self.holds_enough(listed, &root.keys)? {
            return Ok(());
        }
        let mut named = Vec::new();
        for (role, bytes) in files.iter().filter(|(role, _)| role.lists_targets()) {
            named.push((role, FileMeta { version: Some(version_of(role, bytes)?), ..FileMeta::of(bytes) }));
        }
        let previous: Option<&Snapshot> = published.map(|published| &*published.snapshot);
        let snapshot = next_snapshot(previous, named.iter().map(|(role, meta)| (*role, meta)), self.client.now());
        let bytes = self.signed_in_tuf(gun, &role, &snapshot, &[(listed, &root.keys)])?;
        files.push((role, bytes));
        Ok(())
    }

    /// A file signed by all these keys, and verified before it leaves the house.
    fn signed_in_tuf<T: Spelled + Metadata>(
        &self,
        gun: &Gun,
        role: &RoleName,
        metadata: &T,
        signers: &[(&RoleKeys, &BTreeMap<KeyId, PublicKey>)],
    ) -> Result<Vec<u8>, PublishError> {
        let unsigned = encode(role, metadata)?;
        let mut signatures = Vec::new();
        for (listed, keys) in signers {
            for made in self.signatures(gun, role, &unsigned, (listed, keys))? {
                if signatures.iter().all(|known: &crate::keys::Signature| known.key_id != made.key_id) {
                    signatures.push(made);
                }
            }
        }
        let bytes = unsigned.with_signatures(Dialect::Tuf, &signatures);
        if *role != RoleName::Root {
            for (listed, keys) in signers {
                let keys = SigningKeys::listed(listed, keys);
                verify::<T>(&parse(role, &bytes)?, &keys, Expiration::Ignored).map_err(PublishError::Unsound)?;
            }
        }
        Ok(bytes)
    }

    /// The targets roles that can be signed with the keys that are here.
    fn signable(
        &self,
        root: &Root,
        files: &BTreeMap<&RoleName, &Verified<Targets>>,
    ) -> Result<Vec<RoleName>, PublishError> {
        let mut signable = Vec::new();
        if let Some(listed) = root.roles.get(&RoleName::Targets)
            && self.holds_enough(listed, &root.keys)?
        {
            signable.push(RoleName::Targets);
        }
        for file in files.values() {
            for delegation in &file.delegations.roles {
                if self.holds_enough(&delegation.keys, &file.delegations.keys)? {
                    signable.push(RoleName::Delegation(delegation.name.clone()));
                }
            }
        }
        Ok(signable)
    }

    fn holds_enough(&self, listed: &RoleKeys, keys: &BTreeMap<KeyId, PublicKey>) -> Result<bool, PublishError> {
        let stored = self.keys.list()?;
        let is_here = |id: &&KeyId| {
            let known_as = super::signing::canonical(id, keys);
            stored.iter().any(|entry| entry.id == known_as)
        };
        Ok(listed.key_ids.iter().filter(is_here).count() >= listed.threshold.get() as usize)
    }
}

/// Whether a role, and every role above it, may speak for every name.
fn speaks_for_all(role: &RoleName, files: &BTreeMap<&RoleName, &Verified<Targets>>) -> bool {
    let RoleName::Delegation(name) = role else { return *role == RoleName::Targets };
    let parent = name.parent();
    let found = files.get(&parent).and_then(|file| file.delegations.roles.iter().find(|role| role.name == *name));
    found.is_some_and(|found| found.paths.iter().any(String::is_empty)) && speaks_for_all(&parent, files)
}

/// Of the published file nothing is taken over: it says what Notary's form says, and no more.
fn encode<T: Spelled>(role: &RoleName, metadata: &T) -> Result<Unsigned, PublishError> {
    Dialect::Tuf.encode(metadata).map_err(|cause| PublishError::NotCanonical { role: role.clone(), cause })
}

/// Whether enough of the keys that count from now on have signed a published file. Ids that we publish are digests of keys.
fn is_signed_by(file: &Verified<Targets>, listed: &RoleKeys) -> bool {
    let signed = file.signers().iter().filter(|id| listed.key_ids.contains(id)).count();
    signed >= listed.threshold.get() as usize
}

/// The keys of a targets role as the role above it lists them once this is published.
fn keys_of(
    role: &RoleName,
    root: &Root,
    standing: &BTreeMap<RoleName, Targets>,
) -> Option<(RoleKeys, BTreeMap<KeyId, PublicKey>)> {
    let RoleName::Delegation(name) = role else { return Some((root.roles.get(role)?.clone(), root.keys.clone())) };
    let parent = &standing.get(&name.parent())?.delegations;
    let found = parent.roles.iter().find(|role| role.name == *name)?;
    Some((found.keys.clone(), parent.keys.clone()))
}

fn parse<'b>(role: &RoleName, bytes: &'b [u8]) -> Result<Envelope<'b>, PublishError> {
    let malformed = |error: MalformedFile| PublishError::Update(error.into());
    Envelope::parse(Dialect::Tuf, role.clone(), bytes, &Limits::TUF).map_err(malformed)
}

fn version_of(role: &RoleName, bytes: &[u8]) -> Result<Version, PublishError> {
    let envelope = parse(role, bytes)?;
    let version = u64::try_from(envelope.header().version).ok().and_then(|version| version.try_into().ok());
    Ok(version.unwrap_or(Version::FIRST))
}
