//! The current files of a collection: what its newest timestamp commits to.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use libtrust::dialect::{Dialect, Envelope, LinkRule, Spelled};
use libtrust::limits::Limits;
use libtrust::metadata::{FileMeta, Root, Snapshot, Timestamp};
use libtrust::names::{Gun, RoleName};
use libtrust::verify::Verified;

use super::cache::FileName;
use super::{Collections, ReadFailure, ServedFile};
use crate::accept::stored_root;
use crate::storage::Sha256;

/// The current root, snapshot and timestamp of a collection. Targets roles are found through the snapshot.
#[derive(Debug, Clone)]
pub struct Current {
    /// When the newest timestamp was stored.
    pub stored_at: DateTime<Utc>,
    /// The newest timestamp.
    pub timestamp: Arc<ServedFile>,
    /// What it says.
    pub timestamp_says: Timestamp,
    /// The snapshot it names.
    pub snapshot: Arc<ServedFile>,
    /// What that says.
    pub snapshot_says: Snapshot,
    /// The root the snapshot names; in TUF 1.0, where nothing names roots, the newest.
    pub root: Arc<ServedFile>,
    /// What that says, verified by its own keys.
    pub root_says: Arc<Verified<Root>>,
}

/// What an entry of a snapshot takes in memory, in bytes.
const ENTRY_BYTES: u32 = 256;

impl Current {
    /// How the snapshot names the current file of a role.
    #[must_use]
    pub fn named(&self, role: &RoleName) -> Option<&FileMeta> {
        self.snapshot_says.meta.get(role.as_str())
    }

    /// Digest of the current file of a role, as far as it is known without reading it.
    pub(super) fn sha256(&self, role: &RoleName) -> Option<Sha256> {
        match role {
            RoleName::Timestamp => Some(self.timestamp.sha256),
            RoleName::Snapshot => Some(self.snapshot.sha256),
            RoleName::Root => Some(self.root.sha256),
            RoleName::Targets | RoleName::Delegation(_) => self.named(role)?.digests.sha256,
        }
    }

    /// Rough size in memory, in bytes: files, and about as much again for what was read out of them.
    pub(super) fn weight(&self) -> u32 {
        let files = [&self.timestamp, &self.snapshot, &self.root];
        let files = files.iter().fold(0, |sum: u32, file| sum.saturating_add(file.weight().saturating_mul(2)));
        // An entry may be short in the file, and is not in memory.
        let entries = u32::try_from(self.snapshot_says.meta.len()).unwrap_or(u32::MAX).saturating_mul(ENTRY_BYTES);
        files.saturating_add(entries)
    }
}

impl Collections {
    /// The current files of a collection: from memory if they are there and count, else as the store says.
    pub(super) async fn current(&self, gun: &Gun) -> Result<Option<Arc<Current>>, ReadFailure> {
        match self.cache.current(gun) {
            Some(kept) if kept.counts => {
                self.metrics.cache.hits.inc();
                Ok(Some(kept.value))
            }
            Some(kept) => self.confirm(gun, kept.value).await,
            None => {
                self.metrics.cache.misses.inc();
                self.load_current(gun).await
            }
        }
    }

    /// The current files of a collection as they are in the store now, whoever wrote them.
    pub(super) async fn fresh(&self, gun: &Gun) -> Result<Option<Arc<Current>>, ReadFailure> {
        match self.cache.current(gun) {
            Some(kept) if self.cache.coherence().is_shared() => self.confirm(gun, kept.value).await,
            _ => self.current(gun).await,
        }
    }

    /// The current files of a collection, from storage.
    pub(super) async fn load_current(&self, gun: &Gun) -> Result<Option<Arc<Current>>, ReadFailure> {
        let mark = self.cache.mark(gun);
        // A deletion and a new first publication between two of these reads can make them look torn once.
        let mut set = self.read_current(gun).await;
        if matches!(set, Err(ReadFailure::Torn { .. })) {
            set = self.read_current(gun).await;
        }
        let Some(set) = set? else { return Ok(None) };
        let set = Arc::new(set);
        self.cache.insert_current(gun, mark, set.clone());
        Ok(Some(set))
    }

    /// Asks the store whether `set` is still current; loads what is, if not.
    async fn confirm(&self, gun: &Gun, set: Arc<Current>) -> Result<Option<Arc<Current>>, ReadFailure> {
        self.metrics.cache.head_checks.inc();
        let mark = self.cache.mark(gun);
        let head = self.storage.head(gun).await?.map(|head| head.sha256);
        if head == Some(set.timestamp.sha256) {
            self.metrics.cache.hits.inc();
            self.cache.insert_current(gun, mark, set.clone());
            return Ok(Some(set));
        }
        self.metrics.cache.misses.inc();
        match self.cache.current(gun) {
            // Another reader was faster.
            Some(kept) if head == Some(kept.value.timestamp.sha256) => Ok(Some(kept.value)),
            _ => {
                // It may have been deleted and published again, and files of old versions with it.
                self.cache.deleted(gun);
                self.load_current(gun).await
            }
        }
    }

    async fn read_current(&self, gun: &Gun) -> Result<Option<Current>, ReadFailure> {
        let torn = |fault: String| ReadFailure::Torn { gun: gun.clone(), fault };
        let Some(timestamp) = self.storage.newest(gun, &RoleName::Timestamp).await? else { return Ok(None) };
        let dialect = self.dialect;
        let timestamp_says: Timestamp = decode(dialect, &RoleName::Timestamp, &timestamp.bytes).map_err(torn)?;
        let snapshot = self.named(gun, &RoleName::Snapshot, &timestamp_says.snapshot).await?;
        let snapshot_says: Snapshot = decode(dialect, &RoleName::Snapshot, &snapshot.bytes).map_err(torn)?;
        let root = match dialect.rules().links {
            LinkRule::Digest => {
                let named = snapshot_says.meta.get("root");
                let named = named.ok_or_else(|| torn("the snapshot names no root".to_owned()))?;
                self.named(gun, &RoleName::Root, named).await?
            }
            LinkRule::Version => {
                let newest = self.storage.newest(gun, &RoleName::Root).await?;
                Arc::new(newest.ok_or_else(|| torn("there is no root".to_owned()))?.into())
            }
        };
        let root_says = stored_root(dialect, gun, &root.bytes).map_err(|e| torn(e.to_string()))?;
        Ok(Some(Current {
            stored_at: timestamp.stored_at,
            timestamp: Arc::new(timestamp.into()),
            timestamp_says,
            snapshot,
            snapshot_says,
            root,
            root_says: Arc::new(root_says),
        }))
    }

    /// A file that another one names; it must be stored.
    async fn named(&self, gun: &Gun, role: &RoleName, named: &FileMeta) -> Result<Arc<ServedFile>, ReadFailure> {
        let torn = |fault: &str| ReadFailure::Torn { gun: gun.clone(), fault: format!("{role}: {fault}") };
        let name = file_name(self.dialect, named).ok_or_else(|| torn("named without a digest"))?;
        let file = self.named_file(gun, role, name).await?;
        let file = file.ok_or_else(|| torn(&format!("no stored file has the {name}")))?;
        match named.digests.sha256 {
            Some(sha256) if sha256 != file.sha256 => Err(torn("the stored file is not the one that is named")),
            _ => Ok(file),
        }
    }
}

/// How a file that another one names is found in storage.
pub(crate) fn file_name(dialect: Dialect, named: &FileMeta) -> Option<FileName> {
    match dialect.rules().links {
        LinkRule::Digest => named.digests.sha256.map(FileName::Checksum),
        LinkRule::Version => named.version.map(FileName::Version),
    }
}

/// Reads a stored file. Its signatures were checked before it was stored.
pub(crate) fn decode<T: Spelled>(dialect: Dialect, role: &RoleName, bytes: &[u8]) -> Result<T, String> {
    let envelope = Envelope::parse(dialect, role.clone(), bytes, &Limits::STORED).map_err(|e| e.to_string())?;
    T::decode(&envelope).map_err(|e| e.to_string())
}
