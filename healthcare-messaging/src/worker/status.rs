use super::settle::Settled;
use jiff::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

/// What a worker did, in all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerTally {
    /// Jobs that are done.
    pub completed: u64,
    /// Tries that failed and will be repeated.
    pub retried: u64,
    /// Jobs that are dead letters since they failed here.
    pub dead: u64,
    /// Jobs that were found without a try left after a start that came to no end, and are dead letters.
    pub buried: u64,
    /// Jobs given back without using a try: snoozed, or not done when the worker stopped.
    pub given_back: u64,
    /// Jobs given back because no handler knows their kind, or no key opens them.
    pub unknown: u64,
    /// Jobs whose lease another worker had taken.
    pub lost: u64,
    /// Jobs that could not be settled: they start again when the lease is over.
    pub unsettled: u64,
}

/// How a worker does: for health checks and metrics.
#[derive(Debug)]
pub struct WorkerStatus {
    /// Microseconds since 1970; [`NEVER`] before the first time.
    looked_at: AtomicI64,
    failures: AtomicU32,
    running: AtomicU32,
    completed: AtomicU64,
    retried: AtomicU64,
    dead: AtomicU64,
    buried: AtomicU64,
    given_back: AtomicU64,
    unknown: AtomicU64,
    lost: AtomicU64,
    unsettled: AtomicU64,
}

const NEVER: i64 = i64::MIN;

impl Default for WorkerStatus {
    fn default() -> Self {
        Self {
            looked_at: AtomicI64::new(NEVER),
            failures: AtomicU32::default(),
            running: AtomicU32::default(),
            completed: AtomicU64::default(),
            retried: AtomicU64::default(),
            dead: AtomicU64::default(),
            buried: AtomicU64::default(),
            given_back: AtomicU64::default(),
            unknown: AtomicU64::default(),
            lost: AtomicU64::default(),
            unsettled: AtomicU64::default(),
        }
    }
}

impl WorkerStatus {
    /// When jobs were last claimed, by the worker's clock; none before the first time. A worker that has room looks at every poll interval.
    #[must_use]
    pub fn looked_at(&self) -> Option<Timestamp> {
        Timestamp::from_microsecond(self.looked_at.load(Relaxed)).ok()
    }

    /// Claims in a row that failed; 0 when the last one went well.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures.load(Relaxed)
    }

    /// Jobs that run now.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.running.load(Relaxed)
    }

    /// What was done since the worker was built.
    #[must_use]
    pub fn tally(&self) -> WorkerTally {
        WorkerTally {
            completed: self.completed.load(Relaxed),
            retried: self.retried.load(Relaxed),
            dead: self.dead.load(Relaxed),
            buried: self.buried.load(Relaxed),
            given_back: self.given_back.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
            lost: self.lost.load(Relaxed),
            unsettled: self.unsettled.load(Relaxed),
        }
    }

    pub(super) fn looked(&self, now: Timestamp, buried: u64) {
        self.looked_at.store(now.as_microsecond(), Relaxed);
        self.failures.store(0, Relaxed);
        self.buried.fetch_add(buried, Relaxed);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    pub(super) fn entered(&self) {
        self.running.fetch_add(1, Relaxed);
    }

    pub(super) fn left(&self) {
        self.running.fetch_sub(1, Relaxed);
    }

    pub(super) fn settled(&self, settled: Settled) {
        let counter = match settled {
            Settled::Completed => &self.completed,
            Settled::Retried => &self.retried,
            Settled::Dead => &self.dead,
            Settled::GivenBack => &self.given_back,
            Settled::Unknown => &self.unknown,
            Settled::Lost => &self.lost,
            Settled::Unsettled => &self.unsettled,
        };
        counter.fetch_add(1, Relaxed);
    }
}
