//! What an operator runs beside the server: removing what nobody needs any more, and looking for faults.
//!
//! Both walk all collections page by page, hold one collection in memory at a time, and may run while servers serve.

pub mod check;
pub mod gc;

use std::collections::HashSet;

use crate::storage::{Storage, StorageError};

/// How many names one look into storage brings.
const PAGE: u32 = 256;

/// Tells `each` the name of every collection of these stores once, until it fails. The names are held in memory: which of
/// the stores has one may change meanwhile, and none may be left out.
///
/// # Errors
/// When a store fails; inside, when `each` did.
pub async fn each_name<E>(
    stores: &[&dyn Storage],
    mut each: impl FnMut(&str) -> Result<(), E>,
) -> Result<Result<(), E>, StorageError> {
    let mut told = HashSet::new();
    for storage in stores {
        let mut walk = Walk::new(*storage);
        loop {
            let page = walk.page().await?;
            if page.is_empty() {
                break;
            }
            for name in page {
                if told.contains(&name) {
                    continue;
                }
                if let Err(failure) = each(&name) {
                    return Ok(Err(failure));
                }
                told.insert(name);
            }
        }
    }
    Ok(Ok(()))
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
