use super::{Relay, RelayStatus, Wake};
use crate::{EventBus, backoff::Backoff};
use healthcare_core::{AuditSink, Clock, Outbox, SystemClock};
use std::{sync::Arc, time::Duration};

const BATCH_MAX: u32 = 1_000;
const LEASE_MAX: Duration = Duration::from_secs(3_600);
const POLL_MIN: Duration = Duration::from_millis(10);

/// The relay cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayConfigError {
    /// A batch of nothing, or more than should be in flight at once.
    #[error("a batch must be 1 to {max} entries")]
    Batch {
        /// The most.
        max: u32,
    },
    /// A lease too short to deliver in, or so long that a dead relay holds everything up.
    #[error("the lease must be 1 second to {max:?}")]
    Lease {
        /// The longest.
        max: Duration,
    },
    /// Looking without pause would keep the database busy.
    #[error("the poll interval must be at least {min:?}: use a wake signal to be faster")]
    Poll {
        /// The shortest.
        min: Duration,
    },
    /// A backoff that does not grow, or does not wait.
    #[error("the first backoff must be above zero and not above the last")]
    Backoff,
}

/// Describes a [`Relay`].
#[derive(Debug)]
#[must_use = "call build()"]
pub struct RelayBuilder {
    outbox: Arc<dyn Outbox>,
    bus: Arc<dyn EventBus>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    wake: Wake,
    batch: u32,
    lease: Duration,
    poll: Duration,
    backoff: Backoff,
}

impl RelayBuilder {
    pub(super) fn new(outbox: Arc<dyn Outbox>, bus: Arc<dyn EventBus>, audit: Arc<dyn AuditSink>) -> Self {
        Self {
            outbox,
            bus,
            audit,
            clock: Arc::new(SystemClock::default()),
            wake: Wake::new(),
            batch: 64,
            lease: Duration::from_secs(60),
            poll: Duration::from_secs(1),
            backoff: Backoff { first: Duration::from_millis(500), last: Duration::from_secs(60) },
        }
    }

    /// The clock by which leases end and retries are due; the system's when never called. Relays of one outbox need
    /// clocks that agree to within a fraction of the lease.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What wakes the relay before its poll interval is over.
    pub fn wake(mut self, wake: &Wake) -> Self {
        self.wake = wake.clone();
        self
    }

    /// The most entries leased at once, all in flight together; 64 when never called.
    pub const fn batch(mut self, entries: u32) -> Self {
        self.batch = entries;
        self
    }

    /// How long an entry is held; a delivery may take half of it. A minute when never called. After a crash what was
    /// held is delivered when this has passed.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How often to look when nobody wakes the relay; a second when never called.
    pub const fn poll(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    /// How long to wait after the first failed delivery of an entry, doubling up to `last`; half a second to a minute
    /// when never called.
    pub const fn backoff(mut self, first: Duration, last: Duration) -> Self {
        self.backoff = Backoff { first, last };
        self
    }

    /// The relay.
    ///
    /// # Errors
    /// [`RelayConfigError`] when a number is out of range.
    pub fn build(self) -> Result<Relay, RelayConfigError> {
        if !(1..=BATCH_MAX).contains(&self.batch) {
            return Err(RelayConfigError::Batch { max: BATCH_MAX });
        }
        if !(Duration::from_secs(1)..=LEASE_MAX).contains(&self.lease) {
            return Err(RelayConfigError::Lease { max: LEASE_MAX });
        }
        if self.poll < POLL_MIN {
            return Err(RelayConfigError::Poll { min: POLL_MIN });
        }
        if self.backoff.first.is_zero() || self.backoff.first > self.backoff.last {
            return Err(RelayConfigError::Backoff);
        }
        Ok(Relay {
            outbox: self.outbox,
            bus: self.bus,
            audit: self.audit,
            clock: self.clock,
            wake: self.wake,
            status: Arc::new(RelayStatus::default()),
            batch: self.batch,
            lease: self.lease,
            poll: self.poll,
            backoff: self.backoff,
        })
    }
}
