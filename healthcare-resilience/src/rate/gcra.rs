//! The generic cell rate algorithm, as arithmetic on nanoseconds and one atomic number.
//!
//! A bucket is remembered as the moment at which it will be full again. Taking `n` permits moves that moment `n`
//! intervals on; the bucket is empty when it lies a whole capacity ahead. Nothing ever has to be refilled.

use crate::sync::atomic::{AtomicU64, Ordering};

/// A rate and a burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gcra {
    interval: u64,
    burst: u32,
    capacity: u64,
}

impl Gcra {
    /// One permit every `interval` (at least 1), and at most `burst` at once. The caller has seen to it that the product
    /// is far from the end of the range.
    pub(crate) const fn new(interval: u64, burst: u32) -> Self {
        Self { interval, burst, capacity: interval.saturating_mul(burst as u64) }
    }

    pub(crate) const fn interval(&self) -> u64 {
        self.interval
    }

    pub(crate) const fn burst(&self) -> u32 {
        self.burst
    }

    /// The time in which an empty bucket becomes full.
    pub(crate) const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// What `permits` cost, as time.
    pub(crate) const fn cost(&self, permits: u32) -> u64 {
        self.interval.saturating_mul(permits as u64)
    }

    /// The moment at which the bucket will be full, as `now` can believe it.
    ///
    /// It lies at most a whole capacity ahead. If it lies further, the clock stepped back: the bucket then counts as empty
    /// and is not frozen until the clock has caught up. A little further is another thread, which read the clock a moment
    /// later; that is left as it is, or its permits would be given out twice.
    pub(crate) const fn settle(&self, full_at: u64, now: u64) -> u64 {
        if full_at.saturating_sub(now) > self.capacity.saturating_add(STEP) {
            now.saturating_add(self.capacity)
        } else {
            full_at
        }
    }

    /// Takes `permits` from a settled bucket: how much of it is in use then, or how long to wait until there are so many.
    ///
    /// More permits than the burst are never there; the wait says nothing then.
    pub(crate) fn take(&self, full_at: u64, now: u64, permits: u32) -> Result<u64, u64> {
        let used = full_at.saturating_sub(now).saturating_add(self.cost(permits));
        if used > self.capacity { Err(used.saturating_sub(self.capacity)) } else { Ok(used) }
    }

    /// How long until `permits` are there, when nobody else takes any: also for more than the burst, one after the other.
    pub(crate) fn wait(&self, full_at: u64, now: u64, permits: u64) -> u64 {
        let used = self.settle(full_at, now).saturating_sub(now);
        used.saturating_add(self.interval.saturating_mul(permits)).saturating_sub(self.capacity)
    }
}

/// A clock that steps back by less is waited for.
const STEP: u64 = 1_000_000_000;

/// One bucket that threads share.
#[derive(Debug)]
pub(crate) struct Bucket(AtomicU64);

impl Bucket {
    /// A full one.
    pub(crate) fn full() -> Self {
        Self(AtomicU64::new(0))
    }

    /// When it will be full.
    pub(crate) fn full_at(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// [`Gcra::take`], by one thread at a time. The number guards no other memory, so its order alone matters.
    #[inline]
    pub(crate) fn take(&self, gcra: &Gcra, now: u64, permits: u32) -> Result<u64, u64> {
        let mut full_at = self.0.load(Ordering::Relaxed);
        loop {
            let settled = gcra.settle(full_at, now);
            let taken = gcra.take(settled, now, permits);
            let next = match taken {
                Ok(used) => now.saturating_add(used),
                Err(_) if settled == full_at => return taken,
                // The step back is written down, or the bucket would be settled anew, and empty, each time.
                Err(_) => settled,
            };
            match self.0.compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return taken,
                Err(changed) => full_at = changed,
            }
        }
    }
}
