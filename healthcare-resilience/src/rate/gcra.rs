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

    /// How much of the bucket is in use. A moment further ahead than an empty bucket's can only come from a clock that
    /// stepped back: the bucket then counts as empty, and is not frozen until the clock has caught up.
    pub(crate) fn used(&self, full_at: u64, now: u64) -> u64 {
        full_at.saturating_sub(now).min(self.capacity)
    }

    /// Takes `permits`: how much of the bucket is in use then, or how long to wait until there are so many.
    ///
    /// More permits than the burst are never there; the wait says nothing then.
    pub(crate) fn take(&self, full_at: u64, now: u64, permits: u32) -> Result<u64, u64> {
        let used = self.used(full_at, now).saturating_add(self.cost(permits));
        if used > self.capacity { Err(used.saturating_sub(self.capacity)) } else { Ok(used) }
    }

    /// How long until `permits` are there, when nobody else takes any: also for more than the burst, one after the other.
    pub(crate) fn wait(&self, full_at: u64, now: u64, permits: u64) -> u64 {
        let cost = self.interval.saturating_mul(permits);
        self.used(full_at, now).saturating_add(cost).saturating_sub(self.capacity)
    }
}

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
            let used = gcra.take(full_at, now, permits)?;
            let next = now.saturating_add(used);
            match self.0.compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(used),
                Err(changed) => full_at = changed,
            }
        }
    }
}
