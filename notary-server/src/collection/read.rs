//! Answers to reads.

use std::sync::Arc;

use libtrust::metadata::Version;
use libtrust::names::{Gun, RoleName};

use super::cache::FileName;
use super::current::file_name;
use super::{Collections, ReadFailure, ServedFile};
use crate::storage::Sha256;

impl Collections {
    /// The current file of a role. An expired timestamp, and with it an expired snapshot of the server's, is renewed
    /// first; if that fails the stored one is answered and the client judges.
    ///
    /// # Errors
    /// If storage fails or the collection is torn.
    pub async fn current_file(
        self: &Arc<Self>,
        gun: &Gun,
        role: &RoleName,
    ) -> Result<Option<Arc<ServedFile>>, ReadFailure> {
        let Some(set) = self.current(gun).await? else { return Ok(None) };
        let set = if matches!(role, RoleName::Timestamp | RoleName::Snapshot) && self.is_expired(&set) {
            self.renewed_or_stored(gun, set).await
        } else {
            set
        };
        match role {
            RoleName::Timestamp => Ok(Some(set.timestamp.clone())),
            RoleName::Snapshot => Ok(Some(set.snapshot.clone())),
            RoleName::Root => Ok(Some(set.root.clone())),
            RoleName::Targets | RoleName::Delegation(_) => {
                match set.named(role).and_then(|named| file_name(self.dialect, named)) {
                    Some(name) => self.named_file(gun, role, name).await,
                    None => Ok(None),
                }
            }
        }
    }

    /// The file of a role with this digest.
    ///
    /// # Errors
    /// If storage fails.
    pub async fn by_checksum(
        &self,
        gun: &Gun,
        role: &RoleName,
        sha256: Sha256,
    ) -> Result<Option<Arc<ServedFile>>, ReadFailure> {
        self.file(gun, role, FileName::Checksum(sha256)).await
    }

    /// The file of a role with this version.
    ///
    /// # Errors
    /// If storage fails.
    pub async fn by_version(
        &self,
        gun: &Gun,
        role: &RoleName,
        version: Version,
    ) -> Result<Option<Arc<ServedFile>>, ReadFailure> {
        self.file(gun, role, FileName::Version(version)).await
    }

    /// A file that the current set names: a digest proves it, however long it has been in memory. A version does not:
    /// the collection may have been deleted elsewhere and begun anew.
    pub(super) async fn named_file(
        &self,
        gun: &Gun,
        role: &RoleName,
        name: FileName,
    ) -> Result<Option<Arc<ServedFile>>, ReadFailure> {
        match self.cache.file(gun, role, &name) {
            Some(kept) if kept.counts || matches!(name, FileName::Checksum(_)) => {
                self.metrics.cache.hits.inc();
                Ok(Some(kept.value))
            }
            _ => self.load_file(gun, role, name).await,
        }
    }

    /// An immutable file, from memory if it is there and was not deleted elsewhere.
    async fn file(&self, gun: &Gun, role: &RoleName, name: FileName) -> Result<Option<Arc<ServedFile>>, ReadFailure> {
        let Some(kept) = self.cache.file(gun, role, &name) else { return self.load_file(gun, role, name).await };
        if !kept.counts {
            let mark = self.cache.mark(gun);
            let current = self.current(gun).await?;
            if current.and_then(|current| current.sha256(role)) != Some(kept.value.sha256) {
                return self.load_file(gun, role, name).await;
            }
            self.cache.insert_file(gun, role, name, mark, kept.value.clone());
        }
        self.metrics.cache.hits.inc();
        Ok(Some(kept.value))
    }

    async fn load_file(
        &self,
        gun: &Gun,
        role: &RoleName,
        name: FileName,
    ) -> Result<Option<Arc<ServedFile>>, ReadFailure> {
        self.metrics.cache.misses.inc();
        let mark = self.cache.mark(gun);
        let stored = match &name {
            FileName::Checksum(sha256) => self.storage.by_checksum(gun, role, sha256).await?,
            FileName::Version(version) => self.storage.by_version(gun, role, *version).await?,
        };
        let Some(stored) = stored else { return Ok(None) };
        let file = Arc::new(ServedFile::from(stored));
        self.cache.insert_file(gun, role, name, mark, file.clone());
        Ok(Some(file))
    }
}
