use super::RelayError;
use jiff::Timestamp;
use std::{
    ops::AddAssign,
    sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering},
};

/// What became of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    Delivered,
    Retried,
    Lost,
    Unsettled,
}

/// What a relay did, in one pass or in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pass {
    /// Entries that were leased.
    pub leased: u64,
    /// Entries that were delivered and marked so.
    pub delivered: u64,
    /// Entries that failed and will be tried again.
    pub retried: u64,
    /// Entries whose lease another relay had taken meanwhile; it delivers them, perhaps once more.
    pub lost: u64,
    /// Entries whose lease could not be settled: they come again when it runs out.
    pub unsettled: u64,
}

impl Pass {
    pub(super) fn count(&mut self, settled: Settled) {
        *match settled {
            Settled::Delivered => &mut self.delivered,
            Settled::Retried => &mut self.retried,
            Settled::Lost => &mut self.lost,
            Settled::Unsettled => &mut self.unsettled,
        } += 1;
    }
}

impl AddAssign for Pass {
    fn add_assign(&mut self, other: Self) {
        self.leased += other.leased;
        self.delivered += other.delivered;
        self.retried += other.retried;
        self.lost += other.lost;
        self.unsettled += other.unsettled;
    }
}

/// How a relay does: for health checks and metrics.
#[derive(Debug)]
pub struct RelayStatus {
    /// Microseconds since 1970; [`NEVER`] before the first time.
    looked_at: AtomicI64,
    failures: AtomicU32,
    retried: AtomicU64,
    delivered: AtomicU64,
}

const NEVER: i64 = i64::MIN;

impl Default for RelayStatus {
    fn default() -> Self {
        Self {
            looked_at: AtomicI64::new(NEVER),
            failures: AtomicU32::default(),
            retried: AtomicU64::default(),
            delivered: AtomicU64::default(),
        }
    }
}

impl RelayStatus {
    /// When the outbox was last read, by the relay's clock; none before the first time. A relay that runs reads it at every poll interval, or
    /// at least every half lease while each place of its batch is taken by a delivery that hangs: if this is long ago, the relay has stalled or
    /// has ended.
    #[must_use]
    pub fn looked_at(&self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.looked_at.load(Ordering::Relaxed)).ok()
    }

    /// Passes in a row in which the outbox could not be read; 0 when the last one went well.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Entries delivered since the relay was built.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered.load(Ordering::Relaxed)
    }

    /// Failed deliveries since the relay was built.
    #[must_use]
    pub fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    pub(super) fn looked(&self, now: Timestamp) {
        self.looked_at.store(now.as_microsecond(), Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
    }

    pub(super) fn settled(&self, settled: Settled) {
        let counter = match settled {
            Settled::Delivered => &self.delivered,
            Settled::Retried => &self.retried,
            Settled::Lost | Settled::Unsettled => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: RelayError) -> RelayError {
        self.failures.fetch_add(1, Ordering::Relaxed);
        error
    }
}
