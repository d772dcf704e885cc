//! The TUF 1.0 form of a collection, beside Notary's under the same name, signed with the same keys.
//!
//! They are two collections, and nothing makes a publication of both one: Notary's comes first, and the other follows. It
//! says what Notary's says wherever the keys for that are here; what is left is said by whoever has them.

use std::collections::BTreeMap;

use super::signing::Files;
use super::{PublishError, Publisher};
use crate::client::tuf::MetadataName;
use crate::client::{Collection, Offline, TransportError, UpdateError};
use crate::dialect::{Dialect, Envelope, MalformedFile, Spelled, Unsigned};
use crate::edit::{next_snapshot, root_in_tuf, targets_in_tuf};
use crate::keys::PublicKey;
use crate::limits::Limits;
use crate::metadata::{FileMeta, Metadata, RoleKeys, Root, Snapshot, Targets, Version};
use crate::names::{Gun, KeyId, RoleName};
use crate::verify::{
    Expiration, Known, SigningKeys, TrustedRoot, TrustedSnapshot, Verified, VerifyError, repository_root, verify,
};

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

/// The TUF 1.0 form as it is published now.
struct Published {
    root: (Verified<Root>, Vec<u8>),
    snapshot: Verified<Snapshot>,
    targets: BTreeMap<RoleName, (Verified<Targets>, Vec<u8>)>,
}

impl Publisher {
    /// Makes the TUF 1.0 form of a collection say what Notary's says. Nothing if there is none, and none is begun.
    ///
    /// # Errors
    /// Why that could not be; Notary's form is as it was.
    pub async fn publish_in_tuf(&self, gun: &Gun, form: TufForm) -> Result<Option<TufPublication>, PublishError> {
        let mut attempt = 1;
        loop {
            let published = match self.published_in_tuf(gun).await {
                // A server of another kind, or something before it, may refuse to look at such a name.
                Err(PublishError::Transport(TransportError::Rejected { .. } | TransportError::Unauthorized { .. }))
                    if form == TufForm::Followed =>
                {
                    return Ok(None);
                }
                published => published?,
            };
            if published.is_none() && form == TufForm::Followed {
                return Ok(None);
            }
            let collection = self.client.update(gun, Offline::Never).await?;
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
        for (role, file) in &files_of {
            let before = published.and_then(|published| published.targets.get(*role));
            let is_there = |role: &RoleName| {
                here.contains(role) || published.is_some_and(|published| published.targets.contains_key(role))
            };
            let mut wanted = targets_in_tuf(file, speaks_for_all(role, &files_of), is_there);
            if file.delegations.roles.len() > wanted.delegations.roles.len() {
                let missing = file.delegations.roles.iter().map(|role| RoleName::Delegation(role.name.clone()));
                said.left.extend(missing.filter(|role| !is_there(role)));
            }
            wanted.version = before.map_or(Version::FIRST, |(before, _)| before.version);
            if before.is_some_and(|(before, _)| **before == wanted) {
                continue;
            }
            let is_begun = before.is_none() && **role == RoleName::Targets;
            if !here.contains(*role) && !is_begun {
                // A delegation that has no file yet is among those left already.
                said.left.extend(before.map(|_| (*role).clone()));
                continue;
            }
            wanted.version = before.map_or(Version::FIRST, |(before, _)| before.version.next());
            let listed = match role {
                RoleName::Delegation(name) => {
                    let parent = files_of.get(&name.parent()).map(|file| targets_in_tuf(file, false, |_| true));
                    parent.and_then(|parent| {
                        let found = parent.delegations.roles.iter().find(|role| role.name == *name)?;
                        Some((found.keys.clone(), parent.delegations.keys))
                    })
                }
                role => root.roles.get(role).map(|listed| (listed.clone(), root.keys.clone())),
            };
            let Some((listed, keys)) = listed else { continue };
            let previous = before.map(|(_, bytes)| bytes.as_slice());
            let bytes = self.signed_in_tuf(gun, role, &wanted, previous, &[(&listed, &keys)])?;
            files.push(((*role).clone(), bytes));
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
        root.version = before.map_or(Version::FIRST, |(before, _)| before.version);
        if before.is_some_and(|(before, _)| **before == root) {
            return Ok(root);
        }
        root.version = before.map_or(Version::FIRST, |(before, _)| before.version.next());
        let role = RoleName::Root;
        let listed = |root: &Root| Some((root.roles.get(&role)?.clone(), root.keys.clone()));
        let signers: Vec<_> = before.and_then(|(before, _)| listed(before)).into_iter().chain(listed(&root)).collect();
        let signers: Vec<_> = signers.iter().map(|(listed, keys)| (listed, keys)).collect();
        let previous = before.map(|(_, bytes)| bytes.as_slice());
        let bytes = self.signed_in_tuf(gun, &role, &root, previous, &signers)?;
        repository_root(&parse(&role, &bytes)?, before.map(|(before, _)| before)).map_err(PublishError::Unsound)?;
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
        let bytes = self.signed_in_tuf(gun, &role, &snapshot, None, &[(listed, &root.keys)])?;
        files.push((role, bytes));
        Ok(())
    }

    /// A file signed by all these keys, and verified before it leaves the house.
    fn signed_in_tuf<T: Spelled + Metadata>(
        &self,
        gun: &Gun,
        role: &RoleName,
        metadata: &T,
        previous: Option<&[u8]>,
        signers: &[(&RoleKeys, &BTreeMap<KeyId, PublicKey>)],
    ) -> Result<Vec<u8>, PublishError> {
        let unsigned = encode(role, metadata, previous)?;
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

    /// What is published now, expired or not: it is what the next one follows.
    async fn published_in_tuf(&self, gun: &Gun) -> Result<Option<Published>, PublishError> {
        let root_file = match self.fetch_in_tuf(gun, MetadataName::current(RoleName::Root)).await {
            Err(TransportError::NotFound { .. }) => return Ok(None),
            fetched => fetched?,
        };
        let root = repository_root(&parse(&RoleName::Root, &root_file)?, None).map_err(untrusted)?;
        let chain = TrustedRoot::new(root.clone(), Expiration::Ignored);
        let file = self.fetch_in_tuf(gun, MetadataName::current(RoleName::Timestamp)).await?;
        let chain = chain.timestamp(&parse(&RoleName::Timestamp, &file)?, Known::Nothing).map_err(untrusted)?;
        let name = MetadataName { role: RoleName::Snapshot, version: chain.timestamp().snapshot.version };
        let file = self.fetch_in_tuf(gun, name).await?;
        let chain = chain.snapshot(&parse(&RoleName::Snapshot, &file)?, Known::Nothing).map_err(untrusted)?;
        let targets = self.published_targets(gun, &chain).await?;
        Ok(Some(Published { root: (root, root_file), snapshot: chain.snapshot().clone(), targets }))
    }

    async fn published_targets(
        &self,
        gun: &Gun,
        chain: &TrustedSnapshot,
    ) -> Result<BTreeMap<RoleName, (Verified<Targets>, Vec<u8>)>, PublishError> {
        let named = |role: &RoleName| MetadataName {
            role: role.clone(),
            version: chain.snapshot().meta.get(role.as_str()).and_then(|file| file.version),
        };
        let file = self.fetch_in_tuf(gun, named(&RoleName::Targets)).await?;
        let top = chain.targets(&parse(&RoleName::Targets, &file)?, None).map_err(untrusted)?;
        let mut found = BTreeMap::new();
        let mut pending: Vec<Verified<Targets>> = Vec::new();
        if let Some(targets) = top.role(&RoleName::Targets) {
            pending.push(targets.clone());
            found.insert(RoleName::Targets, (targets.clone(), file));
        }
        while let Some(delegator) = pending.pop() {
            for delegation in &delegator.delegations.roles {
                let role = RoleName::Delegation(delegation.name.clone());
                if found.contains_key(&role) || !chain.snapshot().meta.contains_key(role.as_str()) {
                    continue;
                }
                let file = self.fetch_in_tuf(gun, named(&role)).await?;
                // One that its new keys have not signed yet is none: it is signed anew.
                let Ok(targets) = top.delegated(&delegator, &delegation.name, &parse(&role, &file)?) else { continue };
                pending.push(targets.clone());
                found.insert(role, (targets, file));
            }
        }
        Ok(found)
    }

    async fn fetch_in_tuf(&self, gun: &Gun, name: MetadataName) -> Result<Vec<u8>, TransportError> {
        self.client.transport().fetch_in_tuf(gun, &name, self.client.limits.file_bytes as u64).await
    }
}

/// Whether a role, and every role above it, may speak for every name.
fn speaks_for_all(role: &RoleName, files: &BTreeMap<&RoleName, &Verified<Targets>>) -> bool {
    let RoleName::Delegation(name) = role else { return *role == RoleName::Targets };
    let parent = name.parent();
    let found = files.get(&parent).and_then(|file| file.delegations.roles.iter().find(|role| role.name == *name));
    found.is_some_and(|found| found.paths.iter().any(String::is_empty)) && speaks_for_all(&parent, files)
}

fn encode<T: Spelled>(role: &RoleName, metadata: &T, previous: Option<&[u8]>) -> Result<Unsigned, PublishError> {
    let encoded = match previous {
        Some(previous) => Dialect::Tuf.encode_over(metadata, &parse(role, previous)?),
        None => Dialect::Tuf.encode(metadata),
    };
    encoded.map_err(|cause| PublishError::NotCanonical { role: role.clone(), cause })
}

fn parse<'b>(role: &RoleName, bytes: &'b [u8]) -> Result<Envelope<'b>, PublishError> {
    let malformed = |error: MalformedFile| PublishError::Update(error.into());
    Envelope::parse(Dialect::Tuf, role.clone(), bytes, &Limits::TUF).map_err(malformed)
}

fn untrusted(error: VerifyError) -> PublishError {
    PublishError::Update(UpdateError::Verify(error))
}

fn version_of(role: &RoleName, bytes: &[u8]) -> Result<Version, PublishError> {
    let envelope = parse(role, bytes)?;
    let version = u64::try_from(envelope.header().version).ok().and_then(|version| version.try_into().ok());
    Ok(version.unwrap_or(Version::FIRST))
}
