//! Where trust begins.

use super::update::parse;
use super::{RepositoryLimits, Store, StoreError, TufError};
use crate::names::RoleName;
use crate::verify::repository_root;

/// Begins to trust a repository by a root that came over a channel that is trusted. It must be sound by itself; that it is
/// old or expired does not matter, as newer ones are found from it. The very root that is trusted already changes nothing.
///
/// # Errors
/// If it is no root that its own keys signed, it cannot be stored, or another one is trusted already: beginning anew would
/// give up all that was learned since, protection against rollbacks included.
pub fn begin(store: &dyn Store, root: &[u8], limits: &RepositoryLimits) -> Result<(), TufError> {
    if root.len() as u64 > limits.root_bytes {
        return Err(StoreError::TooLarge { path: "root.json".to_owned(), limit: limits.root_bytes }.into());
    }
    let trusted = repository_root(&parse(&RoleName::Root, root)?, None)?;
    let stored = store.load(&RoleName::Root, limits.root_bytes)?;
    if stored.as_deref() == Some(root) {
        return Ok(());
    }
    let known = stored.and_then(|stored| repository_root(&parse(&RoleName::Root, &stored).ok()?, None).ok());
    if let Some(known) = known {
        return Err(TufError::AlreadyTrusted { store: store.name().to_owned(), version: known.version });
    }
    // One that is damaged is no beginning, and what was trusted under it may be of anybody.
    for role in [RoleName::Timestamp, RoleName::Snapshot, RoleName::Targets] {
        store.remove(&role)?;
    }
    store.save_root(trusted.version, root)?;
    Ok(())
}
