//! Where trust begins.

use super::update::parse;
use super::{RepositoryLimits, Store, StoreError, TufError};
use crate::names::RoleName;
use crate::verify::repository_root;

/// Begins to trust a repository by a root that came over a channel that is trusted. It must be sound by itself; that it is
/// old or expired does not matter, as newer ones are found from it. What was stored before is forgotten.
///
/// # Errors
/// If it is no root that its own keys signed, or it cannot be stored.
pub fn begin(store: &dyn Store, root: &[u8], limits: &RepositoryLimits) -> Result<(), TufError> {
    if root.len() as u64 > limits.root_bytes {
        return Err(StoreError::TooLarge { path: "root.json".to_owned(), limit: limits.root_bytes }.into());
    }
    let trusted = repository_root(&parse(&RoleName::Root, root)?, None)?;
    for role in [RoleName::Timestamp, RoleName::Snapshot, RoleName::Targets] {
        store.remove(&role)?;
    }
    store.save_root(trusted.version, root)?;
    Ok(())
}
