//! The numbers of what this node says.

use std::collections::BTreeSet;

/// Which of this node's notices are on their way, so that a beat can say up to where all are through.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    last: u64,
    open: BTreeSet<u64>,
}

impl Numbers {
    /// More purges than these are not on their way at once: the next ones wait in the queue.
    pub(super) const OPEN_MAX: usize = 4_096;

    /// The next number; `None` when too many are on their way.
    pub(super) fn begin(&mut self) -> Option<u64> {
        if self.open.len() >= Self::OPEN_MAX {
            return None;
        }
        self.last += 1;
        self.open.insert(self.last);
        Some(self.last)
    }

    /// It was said, or nobody knows: what may not have been said is never said again under its number, and whoever has not
    /// heard it will find it missing.
    pub(super) fn end(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// What has this number or a lower one is through.
    pub(super) fn complete(&self) -> u64 {
        self.open.first().map_or(self.last, |first| first - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beat_says_no_more_than_is_through() {
        let mut numbers = Numbers::default();
        assert_eq!(numbers.complete(), 0);
        let [one, two, three] = [(); 3].map(|()| numbers.begin().unwrap());
        assert_eq!((one, two, three, numbers.complete()), (1, 2, 3, 0));
        numbers.end(two);
        assert_eq!(numbers.complete(), 0);
        numbers.end(one);
        assert_eq!(numbers.complete(), 2);
        numbers.end(one);
        numbers.end(three);
        assert_eq!((numbers.complete(), numbers.begin()), (3, Some(4)));
    }

    #[test]
    fn not_more_are_on_their_way_than_there_is_room_for() {
        let mut numbers = Numbers::default();
        for _ in 0..Numbers::OPEN_MAX {
            numbers.begin().unwrap();
        }
        assert_eq!(numbers.begin(), None);
        numbers.end(2_000);
        assert!(numbers.begin().is_some());
        assert_eq!(numbers.complete(), 0);
    }
}
