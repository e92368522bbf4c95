//! The numbers of what this node says.

use std::collections::BTreeSet;

/// Which of this node's notices are on their way, so that a beat can say up to where all are through.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    last: u64,
    open: BTreeSet<u64>,
}

impl Numbers {
    /// More purges than these are not on their way at once: the next ones wait in the queue.
    pub(crate) const OPEN_MAX: usize = 4_096;

    /// The next number; `None` when too many are on their way.
    pub(crate) fn begin(&mut self) -> Option<u64> {
        if self.open.len() >= Self::OPEN_MAX {
            return None;
        }
        self.last += 1;
        self.open.insert(self.last);
        Some(self.last)
    }

    /// It was said, or nobody knows: what may not have been said is never said again under its number, and whoever has not
    /// heard it will find it missing.
    pub(crate) fn end(&mut self, number: u64) {
        self.open.remove(&number);
    }

    /// The last of all; `None` while one is on its way.
    pub(crate) fn all(&self) -> Option<u64> {
        self.open.is_empty().then_some(self.last)
    }

    /// What has this number or a lower one is through.
    pub(crate) fn complete(&self) -> u64 {
        self.open.first().map_or(self.last, |first| first - 1)
    }
}
