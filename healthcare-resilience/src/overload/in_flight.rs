use crate::sync::atomic::{AtomicUsize, Ordering};

/// How many calls are under way. Never more than the limit that each of them was let in under.
#[derive(Debug)]
pub(crate) struct InFlight {
    count: AtomicUsize,
}

impl InFlight {
    pub(crate) fn new() -> Self {
        Self { count: AtomicUsize::new(0) }
    }

    pub(crate) fn now(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Lets one more in if fewer than `limit` are. Returns how many there are then, or how many there were.
    pub(crate) fn try_take(&self, limit: usize) -> Result<usize, usize> {
        let more = |count: usize| (count < limit).then_some(count + 1);
        self.count.fetch_update(Ordering::AcqRel, Ordering::Relaxed, more).map(|before| before + 1)
    }

    /// One is out. Returns how many there were with it.
    pub(crate) fn give_back(&self) -> usize {
        self.count.fetch_sub(1, Ordering::AcqRel)
    }
}
