use std::sync::atomic::{AtomicU64, Ordering};

/// How the tries of a hedge ended, each exactly once.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) first: AtomicU64,
    pub(crate) extra: AtomicU64,
    pub(crate) won_first: AtomicU64,
    pub(crate) won_extra: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) cancelled: AtomicU64,
    pub(crate) unpaid: AtomicU64,
}

/// What a [`Hedge`](crate::Hedge) did since it was built.
///
/// When no call is under way, `first + extra` is `won_first + won_extra + failed + lost + cancelled`: every try has one
/// outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HedgeCounts {
    /// First tries: the calls.
    pub first: u64,
    /// Further tries.
    pub extra: u64,
    /// Calls whose first try gave the answer.
    pub won_first: u64,
    /// Calls whose answer came from a further try.
    pub won_extra: u64,
    /// Tries that failed, were refused by a policy further in, or panicked.
    pub failed: u64,
    /// Tries that were dropped because another gave the answer.
    pub lost: u64,
    /// Tries that were dropped with their call.
    pub cancelled: u64,
    /// Further tries that the budget did not grant. They were not made.
    pub unpaid: u64,
}

pub(crate) fn count(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

impl Tally {
    pub(crate) fn read(&self) -> HedgeCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HedgeCounts {
            first: read(&self.first),
            extra: read(&self.extra),
            won_first: read(&self.won_first),
            won_extra: read(&self.won_extra),
            failed: read(&self.failed),
            lost: read(&self.lost),
            cancelled: read(&self.cancelled),
            unpaid: read(&self.unpaid),
        }
    }
}
