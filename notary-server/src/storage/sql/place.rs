//! Where a follower stands in a feed whose entries may become visible out of order.
//!
//! Ids are drawn in ascending order, but a transaction that drew a low one may commit after one that drew a higher one.
//! So what is above `settled` is read again each time, and told once. `settled` moves up to what was seen at some time
//! only when every transaction that was writing at that time has ended and the feed was read after that.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::hash::Hash;

/// The transactions that were writing to the feed at some moment.
pub(crate) type Writers<W> = HashSet<W>;

/// More entries than this above what is settled are not followed.
pub(crate) const WINDOW: usize = 20_000;

/// See the module.
#[derive(Debug)]
pub(crate) struct Place<W> {
    settled: i64,
    told: BTreeSet<i64>,
    marks: VecDeque<Mark<W>>,
    /// Transactions that may still commit entries below `settled`.
    stragglers: Writers<W>,
}

/// The highest id some reading saw, and who was writing just after it; not known before the next reading.
#[derive(Debug)]
struct Mark<W> {
    highest: i64,
    writers: Option<Writers<W>>,
}

/// What a reading brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Entries that were not told before.
    New(Vec<i64>),
    /// Something below what is settled may have become visible.
    Lost,
}

impl<W: Eq + Hash + Clone> Place<W> {
    /// A place at the end of a feed. `writers` were read after `highest`, the highest id.
    pub(crate) fn at_end(highest: i64, writers: Writers<W>) -> Self {
        Self { settled: highest, told: BTreeSet::new(), marks: VecDeque::new(), stragglers: writers }
    }

    /// A place before the end of a feed: `ids` above `settled` were read, then who was writing.
    pub(crate) fn before_end(settled: i64, ids: impl IntoIterator<Item = i64>, writers: Writers<W>) -> Self {
        let told: BTreeSet<i64> = ids.into_iter().filter(|id| *id > settled).collect();
        let highest = told.last().copied().unwrap_or(settled);
        let marks = VecDeque::from([Mark { highest, writers: Some(writers) }]);
        Self { settled, told, marks, stragglers: Writers::new() }
    }

    /// Entries above this are to be read.
    pub(crate) const fn settled(&self) -> i64 {
        self.settled
    }

    /// The highest id seen.
    pub(crate) fn highest(&self) -> i64 {
        self.told.last().copied().unwrap_or(self.settled)
    }

    /// Takes in a reading: who was writing just before, and the ids above [`Place::settled`].
    pub(crate) fn read(&mut self, writers: &Writers<W>, ids: impl IntoIterator<Item = i64>) -> Reading {
        if let Some(mark) = self.marks.back_mut() {
            mark.writers.get_or_insert_with(|| writers.clone());
        }
        let stragglers = self.stragglers.len();
        self.stragglers.retain(|writer| writers.contains(writer));
        let has_one_ended = self.stragglers.len() < stragglers;
        let new: Vec<i64> = ids.into_iter().filter(|id| *id > self.settled && self.told.insert(*id)).collect();
        let is_over = |mark: &Mark<W>| mark.writers.as_ref().is_some_and(|then| then.is_disjoint(writers));
        while let Some(mark) = self.marks.pop_front_if(|mark| is_over(mark)) {
            self.settled = self.settled.max(mark.highest);
        }
        self.told = self.told.split_off(&self.settled.saturating_add(1));
        let highest = self.highest();
        if highest > self.marks.back().map_or(self.settled, |mark| mark.highest) {
            self.marks.push_back(Mark { highest, writers: None });
        }
        if has_one_ended { Reading::Lost } else { Reading::New(new) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writers(names: &[&str]) -> Writers<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn new(ids: &[i64]) -> Reading {
        Reading::New(ids.to_vec())
    }

    #[test]
    fn each_entry_is_told_once_and_settles_when_nobody_writes() {
        let mut place = Place::at_end(7, writers(&[]));
        assert_eq!(place.read(&Writers::new(), []), new(&[]));
        assert_eq!(place.read(&Writers::new(), [8, 9]), new(&[8, 9]));
        assert_eq!(place.settled(), 7, "who wrote just after the reading is not known yet");
        assert_eq!(place.read(&Writers::new(), [8, 9, 10]), new(&[10]));
        assert_eq!(place.settled(), 9);
        assert_eq!(place.read(&Writers::new(), [10]), new(&[]));
        assert_eq!((place.settled(), place.highest()), (10, 10));
    }

    #[test]
    fn a_late_entry_below_a_told_one_is_told() {
        let mut place = Place::at_end(0, Writers::new());
        // One writer drew 1 and is slow; others come and go all the while.
        assert_eq!(place.read(&writers(&["slow", "a"]), [2]), new(&[2]));
        for (other, id) in [("b", 3), ("c", 4), ("d", 5)] {
            assert_eq!(place.read(&writers(&["slow", other]), 2..=id), new(&[id]));
            assert_eq!(place.settled(), 0);
        }
        assert_eq!(place.read(&writers(&["e"]), 1..=5), new(&[1]));
        assert!(place.settled() >= 3, "only what was seen beside the last writers is open: {}", place.settled());
        assert_eq!(place.read(&Writers::new(), place.settled() + 1..=5), new(&[]));
        assert_eq!(place.settled(), 5);
    }

    #[test]
    fn what_commits_late_after_a_start_before_the_end_is_told() {
        let mut place = Place::before_end(0, [1, 2, 4], writers(&["second 0"]));
        assert_eq!(place.read(&writers(&["second 0", "second 1"]), [1, 2, 3, 4]), new(&[3]));
        assert_eq!(place.read(&writers(&["second 1"]), [1, 2, 3, 4, 5]), new(&[5]));
        assert!(place.settled() >= 4, "who wrote at the start has ended");
    }

    #[test]
    fn writers_from_before_the_start_are_not_missed() {
        let mut place = Place::at_end(9, writers(&["old"]));
        assert_eq!(place.read(&writers(&["old"]), [10]), new(&[10]));
        assert_eq!(place.read(&writers(&["old", "new"]), [10, 11]), new(&[11]));
        assert_eq!(place.read(&writers(&["new"]), [10, 11]), Reading::Lost, "it may have stored 8");
        assert_eq!(place.read(&Writers::new(), [10, 11, 12]), new(&[12]));
    }
}
