//! Removing versions that were superseded long ago.
//!
//! Kept are: every root; what the current timestamp, and through it the current snapshot, name; the newest version of
//! each role, so that versions never restart; whatever was replaced within the age, for readers on their way and for
//! copies in caches. A collection whose current files cannot be read is left as it is.

use std::collections::{BTreeMap, HashSet};
use std::ops::AddAssign;

use chrono::{DateTime, TimeDelta, Utc};
use libtrust::dialect::Dialect;
use libtrust::metadata::{Snapshot, Timestamp, Version};
use libtrust::names::{Gun, RoleName};

use super::Walk;
use crate::collection::{FileName, decode, file_name};
use crate::names::role_name;
use crate::storage::{Base, Head, Storage, StorageError, StoredVersion};

/// How many versions one transaction removes.
const AT_ONCE: usize = 500;

/// What to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Versions that were replaced longer ago than this.
    pub older_than: TimeDelta,
    /// Whether to count only.
    pub is_dry_run: bool,
}

/// What became of one collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Collected {
    /// So many versions were removed, or would have been, by role; perhaps none.
    Removed(BTreeMap<RoleName, u64>),
    /// It was published to meanwhile: its turn is the next time.
    Moved,
    /// It is left as it is, for this reason.
    Left(String),
}

/// What became of all collections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Collections looked at.
    pub collections: u64,
    /// Versions removed, or that would have been.
    pub versions: u64,
    /// Collections that were published to meanwhile.
    pub moved: u64,
    /// Collections left as they are because of a fault.
    pub left: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.collections += other.collections;
        self.versions += other.versions;
        self.moved += other.moved;
        self.left += other.left;
    }
}

/// Walks all collections of a dialect. `report` is told of each by name.
///
/// # Errors
/// When the store fails; what was removed before stays removed.
pub async fn collect_garbage(
    dialect: Dialect,
    storage: &dyn Storage,
    retention: Retention,
    now: DateTime<Utc>,
    mut report: impl FnMut(&str, &Collected),
) -> Result<Totals, StorageError> {
    let (mut walk, mut totals) = (Walk::new(storage), Totals::default());
    loop {
        let page = walk.page().await?;
        if page.is_empty() {
            return Ok(totals);
        }
        for name in page {
            let collected = match name.parse::<Gun>() {
                Ok(gun) => collect(dialect, storage, &gun, retention, now).await?,
                Err(error) => Collected::Left(error.to_string()),
            };
            totals.collections += 1;
            match &collected {
                Collected::Removed(versions) => totals.versions += versions.values().sum::<u64>(),
                Collected::Moved => totals.moved += 1,
                Collected::Left(_) => totals.left += 1,
            }
            report(&name, &collected);
        }
    }
}

async fn collect(
    dialect: Dialect,
    storage: &dyn Storage,
    gun: &Gun,
    retention: Retention,
    now: DateTime<Utc>,
) -> Result<Collected, StorageError> {
    let Some(head) = storage.head(gun).await? else {
        return Ok(Collected::Left("it has no timestamp".to_owned()));
    };
    let stored = storage.versions(gun).await?;
    let needed = match needed(dialect, storage, gun, head).await {
        Ok(Some(needed)) => needed,
        Ok(None) => return Ok(Collected::Moved),
        Err(Unreadable::Store(error @ StorageError::Backend { .. })) => return Err(error),
        Err(Unreadable::Store(error)) => return Ok(Collected::Left(error.to_string())),
        Err(Unreadable::Torn(fault)) => return Ok(Collected::Left(fault)),
    };
    // A row that cannot be understood is not removed either.
    let rows = stored.into_iter().flatten().collect();
    let superseded = superseded(rows, &needed, now - retention.older_than);
    let base = Base::Timestamp(Some(head.sha256));
    if !retention.is_dry_run {
        for versions in superseded.chunks(AT_ONCE) {
            if !storage.remove_versions(gun, base, versions).await? {
                return Ok(Collected::Moved);
            }
        }
    }
    let mut counts = BTreeMap::new();
    for (role, _) in superseded {
        *counts.entry(role).or_default() += 1;
    }
    Ok(Collected::Removed(counts))
}

/// Why the current files are not known.
enum Unreadable {
    Store(StorageError),
    Torn(String),
}

impl From<StorageError> for Unreadable {
    fn from(error: StorageError) -> Self {
        Self::Store(error)
    }
}

/// Files by how readers are led to them.
type Needed = HashSet<(RoleName, FileName)>;

/// The files that readers are led to; nothing if the collection moved on.
async fn needed(dialect: Dialect, storage: &dyn Storage, gun: &Gun, head: Head) -> Result<Option<Needed>, Unreadable> {
    let torn = |role: &RoleName, fault: &str| Unreadable::Torn(format!("{role}: {fault}; see: notary-server check"));
    let timestamp = storage.newest(gun, &RoleName::Timestamp).await?;
    let Some(timestamp) = timestamp.filter(|timestamp| timestamp.sha256 == head.sha256) else { return Ok(None) };
    let says: Timestamp =
        decode(dialect, &RoleName::Timestamp, &timestamp.bytes).map_err(|fault| torn(&RoleName::Timestamp, &fault))?;
    let named =
        file_name(dialect, &says.snapshot).ok_or_else(|| torn(&RoleName::Snapshot, "named without a digest"))?;
    let snapshot = match &named {
        FileName::Checksum(sha256) => storage.by_checksum(gun, &RoleName::Snapshot, sha256).await?,
        FileName::Version(version) => storage.by_version(gun, &RoleName::Snapshot, *version).await?,
    };
    let snapshot = snapshot.ok_or_else(|| torn(&RoleName::Snapshot, "the current one is not stored"))?;
    let says: Snapshot =
        decode(dialect, &RoleName::Snapshot, &snapshot.bytes).map_err(|fault| torn(&RoleName::Snapshot, &fault))?;
    let files = says.meta.iter();
    let files = files.filter_map(|(name, file)| Some((role_name(dialect, name).ok()?, file_name(dialect, file)?)));
    let top = [(RoleName::Timestamp, FileName::Checksum(head.sha256)), (RoleName::Snapshot, named)];
    Ok(Some(files.chain(top).collect()))
}

/// What may go: replaced before `cutoff`, needed by nobody.
fn superseded(rows: Vec<StoredVersion>, needed: &Needed, cutoff: DateTime<Utc>) -> Vec<(RoleName, Version)> {
    let mut roles: BTreeMap<RoleName, Vec<StoredVersion>> = BTreeMap::new();
    for row in rows.into_iter().filter(|row| row.role != RoleName::Root) {
        roles.entry(row.role.clone()).or_default().push(row);
    }
    let mut superseded = Vec::new();
    for (role, mut versions) in roles {
        versions.sort_by_key(|row| row.version);
        for (row, next) in versions.iter().zip(versions.iter().skip(1)) {
            let names = [FileName::Checksum(row.sha256), FileName::Version(row.version)];
            let is_needed = names.into_iter().any(|name| needed.contains(&(role.clone(), name)));
            if !is_needed && row.version < next.version && row.stored_at.max(next.stored_at) < cutoff {
                superseded.push((role.clone(), row.version));
            }
        }
    }
    superseded
}
