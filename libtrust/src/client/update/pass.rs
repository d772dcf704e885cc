//! From a trusted root to the targets.

use bytes::Bytes;
use chrono::{DateTime, Utc};

use super::{File, Offline, Update};
use crate::client::{Confirmation, RemoteFile, SetAside, TransportError, UpdateError};
use crate::dialect::Spelled;
use crate::metadata::{Digests, FileMeta, Metadata, Root, Snapshot, Targets, Timestamp, Version};
use crate::names::RoleName;
use crate::verify::{Expiration, SigningKeys, TrustedRoot, TrustedTargets, Verified, matches_file, verify};

/// Largest timestamp, in bytes: Notary's clients read no larger one.
const MAX_TIMESTAMP_BYTES: u64 = 1 << 20;

/// What a pass found.
pub(super) struct Pass {
    pub(super) chain: TrustedTargets,
    pub(super) set_aside: Vec<SetAside>,
    pub(super) confirmation: Confirmation,
    /// The files that were not in the cache.
    pub(super) files: Vec<File>,
}

/// The bytes of a role, and whether they are those the cache holds.
pub(super) struct Loaded {
    pub(super) bytes: Bytes,
    pub(super) is_cached: bool,
}

impl Loaded {
    pub(super) fn keep(self, role: RoleName, files: &mut Vec<File>) {
        if !self.is_cached {
            files.push(File { role, bytes: self.bytes });
        }
    }
}

impl Update<'_> {
    /// Verifies everything below `root`. Versions are held against what the cache holds, as far as that was signed by the
    /// keys of `known`, the root it was trusted under.
    pub(super) async fn pass(&self, root: Verified<Root>, known: Option<&Verified<Root>>) -> Result<Pass, UpdateError> {
        let mut files = Vec::new();
        let chain = TrustedRoot::new(root.clone(), Expiration::Enforced(self.now));

        let (timestamp, confirmation) = self.timestamp().await?;
        let newest = self.newest_online::<Timestamp>(&RoleName::Timestamp, &timestamp, known, &root)?;
        let chain = chain.timestamp(&self.parse(&RoleName::Timestamp, &timestamp.bytes)?, newest)?;
        timestamp.keep(RoleName::Timestamp, &mut files);

        let snapshot = self.named(&RoleName::Snapshot, &chain.timestamp().snapshot, &RoleName::Timestamp).await?;
        let newest = self.newest_online::<Snapshot>(&RoleName::Snapshot, &snapshot, known, &root)?;
        let chain = chain.snapshot(&self.parse(&RoleName::Snapshot, &snapshot.bytes)?, newest)?;
        snapshot.keep(RoleName::Snapshot, &mut files);

        let named = chain.snapshot().meta.get(RoleName::Targets.as_str()).copied().unwrap_or_default();
        let targets = self.named(&RoleName::Targets, &named, &RoleName::Snapshot).await?;
        let newest = self.newest_known::<Targets>(&RoleName::Targets, &targets, known)?;
        let mut chain = chain.targets(&self.parse(&RoleName::Targets, &targets.bytes)?, newest)?;
        targets.keep(RoleName::Targets, &mut files);

        let set_aside = self.delegations(&mut chain, known, &mut files).await?;
        Ok(Pass { chain, set_aside, confirmation, files })
    }

    async fn timestamp(&self) -> Result<(Loaded, Confirmation), UpdateError> {
        let role = RoleName::Timestamp;
        let cached = self.cached(&role)?;
        let cause = if self.offline == Offline::Always {
            None
        } else {
            match self.transport.fetch(self.gun, &RemoteFile::Current(role.clone()), MAX_TIMESTAMP_BYTES).await {
                Ok(bytes) => {
                    let bytes = Bytes::from(bytes);
                    let is_cached = cached.as_ref() == Some(&bytes);
                    let server = self.transport.name().to_owned();
                    if self.transport.is_authority() {
                        return Ok((Loaded { bytes, is_cached }, Confirmation::Server { server }));
                    }
                    let confirmed = self.recently_confirmed(None)?;
                    return Ok((Loaded { bytes, is_cached }, Confirmation::Copy { copy: server, confirmed }));
                }
                Err(error) if self.offline == Offline::WhenUnreachable && is_away(&error) && cached.is_some() => {
                    Some(error)
                }
                Err(error) => return Err(error.into()),
            }
        };
        let confirmed = self.recently_confirmed(cause.clone())?;
        let bytes = cached.ok_or_else(|| UpdateError::NotCached { gun: self.gun.clone(), role })?;
        Ok((Loaded { bytes, is_cached: true }, Confirmation::Cache { confirmed, cause }))
    }

    /// When the server last confirmed what is cached, if that is as recent as the policy wants it.
    fn recently_confirmed(&self, cause: Option<TransportError>) -> Result<Option<DateTime<Utc>>, UpdateError> {
        let confirmed = self.cache.confirmed(self.gun)?.filter(|time| *time > DateTime::UNIX_EPOCH);
        if let Some(allowed) = self.rules.fresh {
            let age = confirmed.map(|confirmed| (self.now - confirmed).to_std().unwrap_or_default());
            if age.is_none_or(|age| age > allowed) {
                return Err(UpdateError::Stale { gun: self.gun.clone(), confirmed, allowed, cause });
            }
        }
        Ok(confirmed)
    }

    /// The file that `named_by` names: from the cache if that holds those bytes, else from the server.
    pub(super) async fn named(
        &self,
        role: &RoleName,
        named: &FileMeta,
        named_by: &RoleName,
    ) -> Result<Loaded, UpdateError> {
        if let Some(bytes) = self.cached(role)?
            && matches_file(role, &at_first_sight(&bytes, named), named, named_by).is_ok()
        {
            return Ok(Loaded { bytes, is_cached: true });
        }
        if self.offline == Offline::Always {
            return Err(UpdateError::NotCached { gun: self.gun.clone(), role: role.clone() });
        }
        let file = match named.digests.sha256 {
            Some(digest) => RemoteFile::ByDigest(role.clone(), digest),
            None => RemoteFile::Current(role.clone()),
        };
        let limit = named.length.unwrap_or(u64::MAX).min(self.limits.file_bytes as u64);
        let bytes = self.transport.fetch(self.gun, &file, limit).await?;
        // Before anything is read of it: what is not the file that was named says nothing about the role.
        matches_file(role, &at_first_sight(&bytes, named), named, named_by)?;
        Ok(Loaded { bytes: bytes.into(), is_cached: false })
    }

    /// As [`Update::newest_known`], for the roles that servers sign. Once the root has replaced their keys versions may
    /// begin anew: whoever had the old keys could have signed the highest version there is (TUF 5.3.11), and another server
    /// counts from one.
    fn newest_online<T: Spelled + Metadata>(
        &self,
        role: &RoleName,
        loaded: &Loaded,
        known: Option<&Verified<Root>>,
        root: &Verified<Root>,
    ) -> Result<Option<Version>, UpdateError> {
        let Some(version) = self.newest_known::<T>(role, loaded, known)? else { return Ok(None) };
        let keys = SigningKeys::of_role(root, role);
        let is_still_signed = match keys {
            Some(keys) => self.cached_version::<T>(role, &keys)?.is_some(),
            None => false,
        };
        Ok(is_still_signed.then_some(version))
    }

    /// The version of a role that the cache holds, unless `loaded` is that file itself.
    fn newest_known<T: Spelled + Metadata>(
        &self,
        role: &RoleName,
        loaded: &Loaded,
        known: Option<&Verified<Root>>,
    ) -> Result<Option<Version>, UpdateError> {
        let keys = known.and_then(|root| SigningKeys::of_role(root, role));
        match keys.filter(|_| !loaded.is_cached) {
            Some(keys) => self.cached_version::<T>(role, &keys),
            None => Ok(None),
        }
    }

    /// The version of the cached file of a role, if these keys signed it.
    pub(super) fn cached_version<T: Spelled + Metadata>(
        &self,
        role: &RoleName,
        keys: &SigningKeys<'_>,
    ) -> Result<Option<Version>, UpdateError> {
        let Some(bytes) = self.cached(role)? else { return Ok(None) };
        let Ok(envelope) = self.parse(role, &bytes) else { return Ok(None) };
        Ok(verify::<T>(&envelope, keys, Expiration::Ignored).ok().map(|file| file.version()))
    }
}

/// What tells whether bytes are the file that is named. One digest is enough: the chain asks for all that are there.
fn at_first_sight(bytes: &[u8], named: &FileMeta) -> FileMeta {
    if named.digests.sha256.is_none() {
        return FileMeta::of(bytes);
    }
    FileMeta { version: None, length: Some(bytes.len() as u64), digests: Digests::sha256_of(bytes) }
}

/// Whether the server is away, as opposed to having answered.
const fn is_away(error: &TransportError) -> bool {
    matches!(
        error,
        TransportError::Unreachable { .. } | TransportError::Unavailable { .. } | TransportError::Tls { .. }
    )
}
