use super::RelayError;
use std::{
    ops::AddAssign,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
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
#[derive(Debug, Default)]
pub struct RelayStatus {
    failures: AtomicU32,
    retried: AtomicU64,
    delivered: AtomicU64,
}

impl RelayStatus {
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

    pub(super) fn passed(&self, pass: Pass) {
        self.failures.store(0, Ordering::Relaxed);
        self.delivered.fetch_add(pass.delivered, Ordering::Relaxed);
        self.retried.fetch_add(pass.retried, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: RelayError) -> RelayError {
        self.failures.fetch_add(1, Ordering::Relaxed);
        error
    }
}
