//! Thousands of files at once.

use std::num::NonZeroUsize;
use std::thread;

/// Fewer than this many are not worth a thread.
const FEW: usize = 256;

/// Does the same with each item, on all processors if there are many, and gives the results in order.
pub(super) fn map<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    if items.len() < FEW || threads == 1 {
        return items.into_iter().map(work).collect();
    }
    let share = items.len().div_ceil(threads);
    let mut left = items.into_iter();
    thread::scope(|scope| {
        let mut running = Vec::with_capacity(threads);
        loop {
            let share: Vec<T> = left.by_ref().take(share).collect();
            if share.is_empty() {
                break;
            }
            let work = &work;
            running.push(scope.spawn(move || share.into_iter().map(work).collect::<Vec<R>>()));
        }
        let results = running.into_iter().map(|thread| match thread.join() {
            Ok(results) => results,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.flatten().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order() {
        for count in [0, 1, FEW - 1, FEW, 1001] {
            let expected: Vec<usize> = (0..count).map(|n| n * 2).collect();
            assert_eq!(map((0..count).collect(), |n| n * 2), expected);
        }
    }
}
