//! Putting what is staged in front of readers.

use chrono::{DateTime, TimeDelta, Utc};

use super::draft::parse;
use super::error::at;
use super::layout::Layout;
use super::publication::Publication;
use super::published::Published;
use super::sign::{Listed, OpenKeys, sign_with};
use super::{OwnRepository, RepositoryError, parallel};
use crate::client::KeyStore;
use crate::client::tuf::MetadataName;
use crate::dialect::{Dialect, Spelled};
use crate::edit::{next_snapshot, next_timestamp};
use crate::keys::Signature;
use crate::metadata::{Digests, FileMeta, Metadata, Snapshot, Targets, Timestamp, Version};
use crate::names::RoleName;
use crate::verify::{Expiration, SigningKeys, repository_root, verify};

/// Up to this many files the snapshot lists with length and digest; of more, with the version alone, as every reader reads
/// the whole of it after each change.
const MOST_WITH_DIGEST: usize = 1024;

/// What was put in front of readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Every new file.
    pub roles: Vec<(RoleName, Version)>,
    /// Until when readers take it; then a new timestamp is needed.
    pub good_until: DateTime<Utc>,
}

/// A finished file.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) role: RoleName,
    pub(super) version: Version,
    pub(super) bytes: Vec<u8>,
}

impl Finished {
    fn meta(&self, with_digest: bool) -> FileMeta {
        let version = Some(self.version);
        if !with_digest {
            return FileMeta { version, ..FileMeta::default() };
        }
        let length = Some(self.bytes.len() as u64);
        FileMeta { version, length, digests: Digests::sha256_of(&self.bytes) }
    }
}

impl OwnRepository {
    /// Signs everything that changed with the keys of `store` and, if nothing is missing, makes the next snapshot and
    /// timestamp and puts all of it in place at once. With nothing staged only the timestamp is new, and the snapshot if it
    /// expires before long.
    ///
    /// # Errors
    /// If signatures or keys are missing: what is there is kept in the folder `staged`. Readers see the old state then.
    pub fn publish(&mut self, store: &dyn KeyStore, now: DateTime<Utc>) -> Result<Release, RepositoryError> {
        let mut keys = OpenKeys::new(store);
        let mut files = self.finish(&mut keys, now)?;
        if let Some(snapshot) = self.snapshot(&files, &mut keys, now)? {
            files.push(snapshot);
        }
        let (timestamp, good_until) = self.timestamp(&files, &mut keys, now)?;
        files.push(timestamp);
        self.put(&files)?;
        Ok(Release { roles: files.into_iter().map(|file| (file.role, file.version)).collect(), good_until })
    }

    /// Every staged file, signed and verified.
    pub(super) fn finish(
        &mut self,
        keys: &mut OpenKeys<'_>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Finished>, RepositoryError> {
        self.encode(now)?;
        self.must_follow()?;
        let roles = self.drafts();
        let signed = self.sign_roles(&roles, keys)?;
        let lacking = signed.into_iter().find_map(|signed| Some((signed.role, signed.outstanding?)));
        if let Some((role, missing)) = lacking {
            self.write_staged(&roles)?;
            let (needed, found, wanted) = (missing.needed, missing.found, missing.wanted);
            return Err(RepositoryError::MissingSignatures { role, needed, found, wanted });
        }
        let delegators = self.delegators_of(&roles)?;
        let listed = self.listed_all(&roles, &delegators)?;
        let jobs = roles.iter().zip(listed).collect();
        let finished = parallel::map(jobs, |(role, listed): (&RoleName, Vec<Listed<'_>>)| self.finished(role, &listed));
        finished.into_iter().collect()
    }

    /// A staged file as it will be published. What was signed is verified before it leaves the house.
    fn finished(&self, role: &RoleName, listed: &[Listed<'_>]) -> Result<Finished, RepositoryError> {
        let lacks = || RepositoryError::NoSuchRole { role: role.clone() };
        let bytes = self.encoded(role).ok_or_else(lacks)?.file();
        let envelope = parse(role, &bytes)?;
        let version = if *role == RoleName::Root {
            repository_root(&envelope, self.published.as_ref().map(Published::root))?.version()
        } else {
            let listed = listed.last().ok_or_else(lacks)?;
            let keys = SigningKeys::listed(listed.keys, listed.known);
            verify::<Targets>(&envelope, &keys, Expiration::Ignored)?.version()
        };
        Ok(Finished { role: role.clone(), version, bytes })
    }

    /// The next snapshot; nothing if that which is there will do.
    pub(super) fn snapshot(
        &self,
        files: &[Finished],
        keys: &mut OpenKeys<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Finished>, RepositoryError> {
        let previous = self.published.as_ref().map(Published::snapshot);
        let soon = now + self.lifetimes.snapshot / 3;
        if files.is_empty() && previous.is_some_and(|snapshot| snapshot.expires > soon) {
            return Ok(None);
        }
        let listed = files.iter().filter(|file| file.role.lists_targets());
        let known = previous.map_or(0, |snapshot| snapshot.meta.len());
        let with_digest = known.max(files.len()) <= MOST_WITH_DIGEST;
        let metas: Vec<(&RoleName, FileMeta)> = listed.map(|file| (&file.role, file.meta(with_digest))).collect();
        let changed = metas.iter().map(|(role, meta)| (*role, meta));
        let mut snapshot = next_snapshot(previous.map(|snapshot| &**snapshot), changed, now);
        snapshot.expires = self.lifetimes.expiry(&RoleName::Snapshot, now);
        self.online::<Snapshot>(&RoleName::Snapshot, &snapshot, keys).map(Some)
    }

    pub(super) fn timestamp(
        &self,
        files: &[Finished],
        keys: &mut OpenKeys<'_>,
        now: DateTime<Utc>,
    ) -> Result<(Finished, DateTime<Utc>), RepositoryError> {
        let role = RoleName::Timestamp;
        let new = files.iter().find(|file| file.role == RoleName::Snapshot).map(|file| file.meta(true));
        let known = || self.published.as_ref().map(|published| published.timestamp().snapshot);
        let snapshot = new.or_else(known).unwrap_or_default();
        let previous = self.published.as_ref().map(|published| published.timestamp().version());
        let mut timestamp = next_timestamp(previous, snapshot, now);
        timestamp.expires = self.lifetimes.expiry(&role, now);
        Ok((self.online::<Timestamp>(&role, &timestamp, keys)?, timestamp.expires))
    }

    /// A file that is made with every publication.
    fn online<T: Spelled + Metadata>(
        &self,
        role: &RoleName,
        metadata: &T,
        keys: &mut OpenKeys<'_>,
    ) -> Result<Finished, RepositoryError> {
        let previous = self.published.as_ref().map(|published| published.bytes(role)).transpose()?.flatten();
        let unsigned = match &previous {
            Some(previous) => Dialect::Tuf.encode_over(metadata, &parse(role, previous)?),
            None => Dialect::Tuf.encode(metadata),
        };
        let unsigned = unsigned.map_err(|cause| RepositoryError::NotCanonical { role: role.clone(), cause })?;
        let listed = Listed::of_role(self.root()?, role);
        let listed = listed.ok_or_else(|| RepositoryError::NoSuchRole { role: role.clone() })?;
        let mut signatures: Vec<Signature> = Vec::new();
        sign_with(&keys.of(listed)?, &unsigned.canonical, &mut signatures)?;
        if let Some(missing) = listed.outstanding(&signatures) {
            let (needed, found, wanted) = (missing.needed, missing.found, missing.wanted);
            return Err(RepositoryError::MissingSignatures { role: role.clone(), needed, found, wanted });
        }
        let bytes = unsigned.with_signatures(Dialect::Tuf, &signatures);
        let keys = SigningKeys::listed(listed.keys, listed.known);
        let version = verify::<T>(&parse(role, &bytes)?, &keys, Expiration::Ignored)?.version();
        Ok(Finished { role: role.clone(), version, bytes })
    }

    /// Puts files in place, and starts from them.
    pub(super) fn put(&mut self, files: &[Finished]) -> Result<(), RepositoryError> {
        let in_dir = |error| at(self.layout.dir())(error);
        let mut publication = Publication::begin(&self.layout).map_err(in_dir)?;
        for file in files {
            let versioned = MetadataName::versioned(file.role.clone(), file.version);
            let current = MetadataName::current(file.role.clone());
            let names = match file.role {
                RoleName::Root => vec![versioned, current],
                RoleName::Timestamp => vec![current],
                _ => vec![versioned],
            };
            for name in names {
                let taken = || RepositoryError::RoleName { role: file.role.to_string() };
                publication.put(&Layout::metadata_path(&name).ok_or_else(taken)?, &file.bytes).map_err(in_dir)?;
            }
        }
        publication.commit().map_err(in_dir)?;
        self.root = None;
        self.targets.clear();
        self.published = Published::open(&self.layout)?;
        Ok(())
    }

    /// Stages what is published and expires within this time, root and roles that list targets alike.
    ///
    /// # Errors
    /// If a file does not hold.
    pub fn renew_within(&mut self, within: TimeDelta, now: DateTime<Utc>) -> Result<Vec<RoleName>, RepositoryError> {
        let due = now + within;
        let mut roles = Vec::new();
        if self.root()?.expires < due && self.root.is_none() {
            roles.push(RoleName::Root);
        }
        self.walk(|role, file| {
            if file.expires < due {
                roles.push(role.clone());
            }
            true
        })?;
        roles.retain(|role| !self.targets.contains_key(role));
        roles.iter().try_for_each(|role| self.renew(role))?;
        Ok(roles)
    }
}
