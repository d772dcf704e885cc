//! A repository at a trust server: sent there, and read back from there.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::draft::parse;
use super::layout::Layout;
use super::publish::{Finished, Release};
use super::sign::{Listed, OpenKeys};
use super::{OwnRepository, RepositoryError};
use crate::client::tuf::{MetadataName, RepositoryLimits};
use crate::client::{KeyStore, Transport, TransportError};
use crate::metadata::{Metadata as _, Root, Version};
use crate::names::{Gun, RoleName};
use crate::verify::{Expiration, Known, TrustedRoot, Verified, repository_root};

/// The most roots that are read after the one that is known.
const MOST_ROOTS: u64 = 1024;

impl OwnRepository {
    /// Signs what is staged and sends it to a trust server, which stores all of it or nothing. Snapshot and timestamp are sent
    /// if their keys are here, else the server makes them. Then takes over what the server has, also what others sent.
    ///
    /// # Errors
    /// If signatures are missing, the server refuses, or what it has does not hold. What was signed is kept in the folder
    /// `staged`.
    pub async fn publish_to(
        &mut self,
        server: &dyn Transport,
        gun: &Gun,
        store: &dyn KeyStore,
        now: DateTime<Utc>,
    ) -> Result<Release, RepositoryError> {
        let mut keys = OpenKeys::new(store);
        let mut files = self.finish(&mut keys, now)?;
        let staged = self.drafts();
        if is_new(server, gun).await? {
            self.add_published(&mut files)?;
        }
        let is_here = |repository: &Self, role: &RoleName, keys: &mut OpenKeys<'_>| {
            let listed = Listed::of_role(repository.root()?, role);
            listed.map_or(Ok(false), |listed| keys.of(listed).map(|keys| !keys.is_empty()))
        };
        if is_here(self, &RoleName::Snapshot, &mut keys)?
            && let Some(snapshot) = self.snapshot(&files, &mut keys, now)?
        {
            files.push(snapshot);
        }
        if is_here(self, &RoleName::Timestamp, &mut keys)? {
            files.push(self.timestamp(&files, &mut keys, now)?.0);
        }
        if !staged.is_empty() {
            self.write_staged(&staged)?;
        }
        if !files.is_empty() {
            let sent: Vec<(RoleName, Vec<u8>)> =
                files.iter().map(|file| (file.role.clone(), file.bytes.clone())).collect();
            server.publish_in_tuf(gun, &sent).await?;
        }
        self.take_over(server, gun, files).await
    }

    /// Takes over what a trust server has: newer roots, timestamp, snapshot, and the files it names.
    ///
    /// # Errors
    /// If something is staged, the server cannot be asked, or what it has does not follow what is here.
    pub async fn pull(&mut self, server: &dyn Transport, gun: &Gun) -> Result<Release, RepositoryError> {
        if !self.drafts().is_empty() {
            return Err(RepositoryError::Staged { dir: self.layout.dir().display().to_string() });
        }
        self.take_over(server, gun, Vec::new()).await
    }

    /// Files a server that knows nothing of the repository needs besides those that are staged.
    fn add_published(&self, files: &mut Vec<Finished>) -> Result<(), RepositoryError> {
        let Some(published) = &self.published else { return Ok(()) };
        let listed = published.snapshot().meta.keys().filter_map(|name| RoleName::in_tuf(name).ok());
        for role in listed.chain([RoleName::Root]) {
            if files.iter().any(|file| file.role == role) {
                continue;
            }
            if let (Some(version), Some(bytes)) = (published.version_of(&role), published.bytes(&role)?) {
                files.push(Finished { role, version, bytes });
            }
        }
        Ok(())
    }

    async fn take_over(
        &mut self,
        server: &dyn Transport,
        gun: &Gun,
        sent: Vec<Finished>,
    ) -> Result<Release, RepositoryError> {
        let mut have: BTreeMap<(RoleName, Version), Vec<u8>> =
            sent.into_iter().map(|file| ((file.role, file.version), file.bytes)).collect();
        let mut files = Vec::new();
        let root = self.newer_roots(server, gun, &mut have, &mut files).await?;
        let limits = RepositoryLimits::default();
        let fetch = async |name: &MetadataName, limit| -> Result<Vec<u8>, RepositoryError> {
            Ok(server.fetch_in_tuf(gun, name, limit).await?)
        };

        let trusted = TrustedRoot::new(root, Expiration::Ignored);
        let bytes = fetch(&MetadataName::current(RoleName::Timestamp), limits.timestamp_bytes).await?;
        let known = self.published.as_ref().map(|published| Known::File(published.timestamp()));
        let trusted = trusted.timestamp(&parse(&RoleName::Timestamp, &bytes)?, known.unwrap_or(Known::Nothing))?;
        let (good_until, version) = (trusted.timestamp().expires(), trusted.timestamp().version());
        files.push(Finished { role: RoleName::Timestamp, version, bytes });

        let version = trusted.timestamp().snapshot.version.unwrap_or(Version::FIRST);
        let bytes = match have.remove(&(RoleName::Snapshot, version)) {
            Some(bytes) => bytes,
            None => fetch(&MetadataName::versioned(RoleName::Snapshot, version), limits.named_bytes).await?,
        };
        let known = self.published.as_ref().map(|published| Known::File(published.snapshot()));
        let trusted = trusted.snapshot(&parse(&RoleName::Snapshot, &bytes)?, known.unwrap_or(Known::Nothing))?;
        files.push(Finished { role: RoleName::Snapshot, version, bytes });

        for (name, meta) in &trusted.snapshot().meta {
            let (Ok(role), Some(version)) = (RoleName::in_tuf(name), meta.version) else { continue };
            let file = MetadataName::versioned(role.clone(), version);
            let is_here = Layout::metadata_path(&file).is_some_and(|path| self.layout.dir().join(path).exists());
            let bytes = match have.remove(&(role.clone(), version)) {
                Some(bytes) => bytes,
                None if is_here => continue,
                None => fetch(&file, meta.length.unwrap_or(limits.targets_bytes).min(limits.named_bytes)).await?,
            };
            if role == RoleName::Targets {
                trusted.targets(&parse(&role, &bytes)?, None)?;
            }
            files.push(Finished { role, version, bytes });
        }
        self.put(&files)?;
        Ok(Release { roles: files.into_iter().map(|file| (file.role, file.version)).collect(), good_until })
    }

    /// The newest root, and those on the way to it.
    async fn newer_roots(
        &self,
        server: &dyn Transport,
        gun: &Gun,
        have: &mut BTreeMap<(RoleName, Version), Vec<u8>>,
        files: &mut Vec<Finished>,
    ) -> Result<Verified<Root>, RepositoryError> {
        let mut root = self.published.as_ref().map(|published| published.root().clone());
        let sent = have.keys().find(|(role, _)| *role == RoleName::Root).map(|(_, version)| *version);
        for _ in 0..MOST_ROOTS {
            let version = root.as_ref().map(|root| root.version().next()).or(sent).unwrap_or(Version::FIRST);
            let bytes = match have.remove(&(RoleName::Root, version)) {
                Some(bytes) => bytes,
                None => {
                    let name = MetadataName::versioned(RoleName::Root, version);
                    match server.fetch_in_tuf(gun, &name, RepositoryLimits::default().root_bytes).await {
                        Ok(bytes) => bytes,
                        Err(TransportError::NotFound { .. }) => break,
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            root = Some(repository_root(&parse(&RoleName::Root, &bytes)?, root.as_ref())?);
            files.push(Finished { role: RoleName::Root, version, bytes });
        }
        root.ok_or_else(|| RepositoryError::Nothing { dir: server.name().to_owned() })
    }
}

async fn is_new(server: &dyn Transport, gun: &Gun) -> Result<bool, RepositoryError> {
    let name = MetadataName::current(RoleName::Timestamp);
    match server.fetch_in_tuf(gun, &name, RepositoryLimits::default().timestamp_bytes).await {
        Ok(_) => Ok(false),
        Err(TransportError::NotFound { .. }) => Ok(true),
        Err(error) => Err(error.into()),
    }
}
