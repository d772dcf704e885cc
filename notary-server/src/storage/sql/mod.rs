//! What the stores on database servers share: judging groups of publications, and what rows mean. Statements are each
//! database's own.

pub(crate) mod follow;
pub(crate) mod group;
pub(crate) mod judged;
#[cfg(test)]
pub(crate) mod notary;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod row;
pub mod schema;
pub(crate) mod undone;
pub(crate) mod walk;

use std::future::Future;

use self::undone::Undone;
use super::{NewFile, StorageError};

/// The largest version Notary's tables hold.
const NOTARY_VERSION_MAX: u64 = i32::MAX.unsigned_abs() as u64;

/// Runs a transaction to its end, also if the caller goes away.
pub(crate) async fn to_its_end<T: Send + 'static>(
    action: &'static str,
    transaction: impl Future<Output = Result<T, Undone>> + Send + 'static,
) -> Result<T, StorageError> {
    let gone = |error: tokio::task::JoinError| StorageError::Backend { action, cause: error.to_string() };
    tokio::spawn(transaction).await.map_err(gone)?.map_err(Undone::into_error)
}

/// Refuses what does not fit Notary's column before the database is asked.
pub(crate) fn refuse_large_versions(files: &[NewFile]) -> Result<(), StorageError> {
    match files.iter().find(|file| file.version.get() > NOTARY_VERSION_MAX) {
        None => Ok(()),
        Some(file) => Err(StorageError::VersionTooLarge {
            role: file.role.clone(),
            version: file.version,
            most: NOTARY_VERSION_MAX,
        }),
    }
}
