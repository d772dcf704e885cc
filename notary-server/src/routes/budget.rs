//! How many bytes of uploads may be in memory at once.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The unit permits are counted in, in bytes: a semaphore holds at most 2^32 of them.
const UNIT: u64 = 4096;

/// A budget of bytes that uploads in flight share. One that does not fit waits for others to finish.
pub struct UploadBudget {
    units: u32,
    semaphore: Semaphore,
}

impl UploadBudget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let units = u32::try_from(bytes / UNIT).unwrap_or(u32::MAX).max(1);
        Self { units, semaphore: Semaphore::new(units as usize) }
    }

    /// Waits for room for `bytes`, at most for the whole budget: a single upload always fits.
    pub async fn reserve(&self, bytes: u64) -> Option<SemaphorePermit<'_>> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX).min(self.units);
        self.semaphore.acquire_many(units).await.ok()
    }
}
