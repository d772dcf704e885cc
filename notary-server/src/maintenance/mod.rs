//! What an operator runs beside the server: removing what nobody needs any more, and looking for faults.
//!
//! Both walk all collections page by page, hold one collection in memory at a time, and may run while servers serve.

pub mod check;
pub mod gc;

use crate::storage::{Storage, StorageError};

/// How many names one look into storage brings.
const PAGE: u32 = 256;

/// Tells `each` the name of every collection, until it fails.
///
/// # Errors
/// When the store fails; inside, when `each` did.
pub async fn names<E>(
    storage: &dyn Storage,
    mut each: impl FnMut(&str) -> Result<(), E>,
) -> Result<Result<(), E>, StorageError> {
    let mut walk = Walk::new(storage);
    loop {
        let page = walk.page().await?;
        if page.is_empty() {
            return Ok(Ok(()));
        }
        for name in page {
            if let Err(failure) = each(&name) {
                return Ok(Err(failure));
            }
        }
    }
}

/// The names of all collections, a page at a time.
struct Walk<'a> {
    storage: &'a dyn Storage,
    after: Option<String>,
}

impl<'a> Walk<'a> {
    const fn new(storage: &'a dyn Storage) -> Self {
        Self { storage, after: None }
    }

    /// The next names; empty at the end.
    async fn page(&mut self) -> Result<Vec<String>, StorageError> {
        let page = self.storage.collections(self.after.as_deref(), PAGE).await?;
        if let Some(last) = page.last() {
            self.after = Some(last.clone());
        }
        Ok(page)
    }
}
