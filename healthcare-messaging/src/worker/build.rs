use super::{AnyHandler, JobHandler, Worker, WorkerStatus, handler::Typed};
use crate::{JobKind, JobStore, Wake, backoff::Backoff, jobs::is_name};
use healthcare_core::{Clock, SystemClock};
use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

const CONCURRENCY_MAX: u32 = 1_000;
const QUEUES_MAX: usize = 64;
const LEASE_MAX: Duration = Duration::from_secs(3_600);
const POLL_MIN: Duration = Duration::from_millis(10);

/// The worker cannot be built as described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerConfigError {
    /// No queue, too many, one twice, or one whose name is none.
    #[error("a worker serves 1 to {max} queues, each once and with a plain name")]
    Queues {
        /// The most.
        max: usize,
    },
    /// A queue that never runs anything, or too much at a time.
    #[error("the queue {queue} must run 1 to {max} jobs at a time")]
    Concurrency {
        /// The queue.
        queue: &'static str,
        /// The most.
        max: u32,
    },
    /// Two handlers of one kind, or one whose kind is no name.
    #[error("the kind {kind} must have one handler and a plain name")]
    Kind {
        /// The kind.
        kind: &'static str,
    },
    /// A lease too short to renew, or so long that a dead worker holds everything up.
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
    #[error("the first backoff must be above zero and not above the last, and that at most a day")]
    Backoff,
    /// A job that is never given the time to do anything.
    #[error("the time limit must be above zero")]
    TimeLimit,
}

/// Describes a [`Worker`].
#[must_use = "call build()"]
pub struct WorkerBuilder {
    store: Arc<dyn JobStore>,
    clock: Arc<dyn Clock>,
    handlers: Vec<(&'static str, Arc<dyn AnyHandler>)>,
    queues: Vec<(&'static str, u32)>,
    wake: Wake,
    lease: Duration,
    poll: Duration,
    drain: Duration,
    time_limit: Duration,
    backoff: Backoff,
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerBuilder").field("queues", &self.queues).finish_non_exhaustive()
    }
}

impl WorkerBuilder {
    pub(super) fn new(store: Arc<dyn JobStore>) -> Self {
        Self {
            store,
            clock: Arc::new(SystemClock::default()),
            handlers: Vec::new(),
            queues: Vec::new(),
            wake: Wake::new(),
            lease: Duration::from_secs(20),
            poll: Duration::from_secs(1),
            drain: Duration::from_secs(10),
            time_limit: Duration::from_secs(600),
            backoff: Backoff { first: Duration::from_secs(1), last: Duration::from_secs(3_600) },
        }
    }

    /// Serves this queue, so many jobs at a time, 1 to 1,000.
    pub fn queue(mut self, queue: &'static str, concurrency: u32) -> Self {
        self.queues.push((queue, concurrency));
        self
    }

    /// Serves these queues, each with its concurrency.
    pub fn queues(mut self, queues: impl IntoIterator<Item = (&'static str, u32)>) -> Self {
        self.queues.extend(queues);
        self
    }

    /// Has jobs of the handler's kind done by it, whatever their queue.
    pub fn handler<H: JobHandler>(mut self, handler: H) -> Self {
        self.handlers.push((H::Job::KIND, Arc::new(Typed(handler))));
        self
    }

    /// The clock of the status; the system's when never called. Leases and waits are the store's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What wakes the worker before its poll interval is over.
    pub fn wake(mut self, wake: &Wake) -> Self {
        self.wake = wake.clone();
        self
    }

    /// How long a job is held, renewed at each third of it; 20 seconds when never called. After a crash what was held starts again when this has
    /// passed.
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// How often to look when nobody wakes the worker; a second when never called.
    pub const fn poll(mut self, interval: Duration) -> Self {
        self.poll = interval;
        self
    }

    /// How long what runs may go on after the stop; 10 seconds when never called.
    pub const fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// How long one start of a job may take; 10 minutes when never called.
    pub const fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// How long to wait after the first failed try of a job, doubling up to `last`; a second to an hour when never called.
    pub const fn backoff(mut self, first: Duration, last: Duration) -> Self {
        self.backoff = Backoff { first, last };
        self
    }

    /// The worker.
    ///
    /// # Errors
    /// [`WorkerConfigError`] when a name or a number is out of range.
    pub fn build(self) -> Result<Worker, WorkerConfigError> {
        check_queues(&self.queues)?;
        if !(Duration::from_secs(1)..=LEASE_MAX).contains(&self.lease) {
            return Err(WorkerConfigError::Lease { max: LEASE_MAX });
        }
        if self.poll < POLL_MIN {
            return Err(WorkerConfigError::Poll { min: POLL_MIN });
        }
        let Backoff { first, last } = self.backoff;
        if first.is_zero() || first > last || last > Duration::from_secs(86_400) {
            return Err(WorkerConfigError::Backoff);
        }
        if self.time_limit.is_zero() {
            return Err(WorkerConfigError::TimeLimit);
        }
        let mut handlers = HashMap::new();
        for (kind, handler) in self.handlers {
            if !is_name(kind) || handlers.insert(kind, handler).is_some() {
                return Err(WorkerConfigError::Kind { kind });
            }
        }
        Ok(Worker {
            store: self.store,
            clock: self.clock,
            handlers,
            queues: self.queues,
            wake: self.wake,
            status: Arc::new(WorkerStatus::default()),
            lease: self.lease,
            poll: self.poll,
            drain: self.drain,
            time_limit: self.time_limit,
            backoff: self.backoff,
        })
    }
}

fn check_queues(queues: &[(&'static str, u32)]) -> Result<(), WorkerConfigError> {
    let twice = queues
        .iter()
        .enumerate()
        .any(|(at, (queue, _))| queues.iter().skip(at + 1).any(|(other, _)| other == queue));
    if queues.is_empty()
        || queues.len() > QUEUES_MAX
        || twice
        || !queues.iter().all(|(queue, _)| is_name(queue))
    {
        return Err(WorkerConfigError::Queues { max: QUEUES_MAX });
    }
    match queues.iter().find(|(_, most)| !(1..=CONCURRENCY_MAX).contains(most)) {
        Some((queue, _)) => Err(WorkerConfigError::Concurrency { queue, max: CONCURRENCY_MAX }),
        None => Ok(()),
    }
}
