//! How many bytes of uploads may be in memory at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit permits are counted in, in bytes: a semaphore holds at most 2^32 of them.
const UNIT: u64 = 4096;

/// A budget of bytes that uploads in flight share.
pub struct UploadBudget(Arc<Semaphore>);

/// The part of the budget that one upload holds. It grows with what has arrived, not with what was announced, so that
/// silence costs nothing; it goes back when this is dropped.
pub struct Reservation {
    budget: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    units: u64,
}

impl UploadBudget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let units = usize::try_from(bytes / UNIT).unwrap_or(usize::MAX).clamp(1, Semaphore::MAX_PERMITS);
        Self(Arc::new(Semaphore::new(units)))
    }

    /// A reservation of nothing yet.
    #[must_use]
    pub fn reserve(&self) -> Reservation {
        Reservation { budget: self.0.clone(), held: None, units: 0 }
    }
}

impl Reservation {
    /// Holds room for `bytes` in all; false if there is none left. Never waits: two uploads that wait for each other's
    /// part would wait for ever.
    pub fn grow_to(&mut self, bytes: u64) -> bool {
        let units = bytes.div_ceil(UNIT);
        let Ok(more) = u32::try_from(units.saturating_sub(self.units)) else { return false };
        if more == 0 {
            return true;
        }
        let Ok(permit) = self.budget.clone().try_acquire_many_owned(more) else { return false };
        match &mut self.held {
            Some(held) => held.merge(permit),
            None => self.held = Some(permit),
        }
        self.units = units;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_full_is_refused_and_comes_back() {
        let budget = UploadBudget::new(10 * UNIT);
        let (mut first, mut second) = (budget.reserve(), budget.reserve());
        assert!(first.grow_to(1) && first.grow_to(UNIT) && first.grow_to(6 * UNIT));
        assert!(second.grow_to(4 * UNIT) && !second.grow_to(4 * UNIT + 1));
        drop(first);
        assert!(second.grow_to(10 * UNIT));
    }
}
