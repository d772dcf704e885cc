//! Walking collections in bounded steps, so that no statement takes long however many collections there are.

use std::future::Future;

use crate::storage::StorageError;

/// Names passed by one statement.
pub(crate) const STEP: u32 = 1_000;

/// Collects up to `limit` names that are marked, from pages of at most [`STEP`] names after a name.
pub(crate) async fn marked<F>(
    after: Option<&str>,
    limit: u32,
    mut page: impl FnMut(String) -> F,
) -> Result<Vec<String>, StorageError>
where
    F: Future<Output = Result<Vec<(String, bool)>, StorageError>>,
{
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut after = after.unwrap_or_default().to_owned();
    let mut found = Vec::new();
    while found.len() < limit {
        let names = page(after).await?;
        let is_last = names.len() < STEP as usize;
        after = names.last().map(|(name, _)| name.clone()).unwrap_or_default();
        found.extend(names.into_iter().filter_map(|(name, is_marked)| is_marked.then_some(name)));
        if is_last {
            break;
        }
    }
    found.truncate(limit);
    Ok(found)
}
