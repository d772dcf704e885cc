//! What a publication or a renewal stands on.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtrust::metadata::{Root, Version};
use libtrust::names::{Gun, RoleName};
use libtrust::verify::Verified;

use super::{Collections, Current, PublishFailure, ReadFailure};
use crate::accept::{Upload, stored_root};
use crate::storage::Head;

/// What is stored, as far as a publication is worked out from it. Empty for a new collection.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// The newest timestamp; the publication counts only while that stands.
    pub(super) head: Option<Head>,
    /// The root that a new one must follow.
    pub(super) root: Option<Arc<Verified<Root>>>,
    /// The current files, if they fit together.
    pub(super) current: Option<Arc<Current>>,
}

impl From<Arc<Current>> for Ground {
    fn from(current: Arc<Current>) -> Self {
        let (version, sha256) = (current.timestamp.version, current.timestamp.sha256);
        Self { head: Some(Head { version, sha256 }), root: Some(current.root_says.clone()), current: Some(current) }
    }
}

/// Stored versions that were found in the way of files the server makes: left by another server that stored them without
/// a timestamp that names them.
#[derive(Debug, Default)]
pub(super) struct Floors(BTreeMap<RoleName, Version>);

impl Floors {
    /// Remembers a stored version.
    pub(super) fn raise(&mut self, role: RoleName, stored: Version) {
        let floor = self.0.entry(role).or_insert(stored);
        *floor = stored.max(*floor);
    }

    /// The version, or the first one above what is known to be stored.
    pub(super) fn above(&self, role: &RoleName, version: Version) -> Version {
        self.0.get(role).map_or(version, |stored| stored.next().max(version))
    }
}

impl Collections {
    /// What an upload is to be judged on; `anew` asks storage for it.
    ///
    /// A collection whose stored files do not fit together can be repaired by who holds its keys: an upload with targets
    /// may stand on the newest stored root alone. What it does not bring is no longer named.
    pub(super) async fn ground(&self, gun: &Gun, upload: &Upload, anew: bool) -> Result<Ground, PublishFailure> {
        let current = if anew { self.load_current(gun).await } else { self.current(gun).await };
        match current {
            Ok(current) => Ok(current.map(Ground::from).unwrap_or_default()),
            Err(ReadFailure::Torn { fault, .. }) if upload.part(&RoleName::Targets).is_some() => {
                Ok(self.ruins(gun, fault).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn ruins(&self, gun: &Gun, fault: String) -> Result<Ground, ReadFailure> {
        let head = self.storage.head(gun).await?;
        let stored = self.storage.newest(gun, &RoleName::Root).await?;
        let Some(root) = stored.and_then(|stored| stored_root(self.dialect, gun, &stored.bytes).ok()) else {
            return Err(ReadFailure::Torn { gun: gun.clone(), fault });
        };
        tracing::warn!(gun.name = %gun, %fault, root.version = %root.version, "repairing with an upload");
        Ok(Ground { head, root: Some(Arc::new(root)), current: None })
    }
}

#[cfg(test)]
mod tests {
    use libtrust::testing::version;

    use super::*;

    #[test]
    fn a_version_in_the_way_is_stepped_over() {
        let mut floors = Floors::default();
        let above = |floors: &Floors, number| floors.above(&RoleName::Snapshot, version(number)).get();
        assert_eq!(above(&floors, 3), 3);
        floors.raise(RoleName::Snapshot, version(7));
        floors.raise(RoleName::Snapshot, version(5));
        assert_eq!((above(&floors, 3), above(&floors, 9)), (8, 9));
        assert_eq!(floors.above(&RoleName::Timestamp, version(3)), version(3));
    }
}
