use super::{
    Quota, RateConfigError, RateDecision,
    event::RateLimitEvent,
    gcra::{Bucket, Gcra},
    wait::Line,
};
use crate::{
    CallError, Clock, Deadline, Moment, RejectReason, Rejection,
    listeners::Listeners,
    metrics::{PolicyMetrics, Reading},
};
use std::{fmt, future::IntoFuture, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, broadcast};

/// A limit on how often something is done in this process. Cheap to clone; clones share one bucket.
///
/// ```
/// use healthcare_resilience::{CallError, Quota, RateLimit};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let reminders = RateLimit::builder("sms").quota(Quota::per_second(5).burst(2)).build()?;
/// reminders.try_acquire()?;
/// let sent: Result<(), CallError<std::io::Error>> = reminders.call(async { Ok(()) }).await;
/// sent?;
/// assert!(reminders.try_acquire().is_err());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct RateLimit {
    shared: Arc<Shared>,
}

struct Shared {
    bucket: Bucket,
    gcra: Gcra,
    clock: Clock,
    line: Line,
    turn: Semaphore,
    max_wait: Duration,
    name: &'static str,
    quota: Quota,
    metrics: PolicyMetrics,
    listeners: Listeners<RateLimitEvent>,
}

impl RateLimit {
    /// Starts describing a limit. The name appears in refusals, metrics and headers.
    pub const fn builder(name: &'static str) -> RateLimitBuilder {
        RateLimitBuilder { name, quota: None, max_waiting: 0, max_wait: Duration::ZERO, clock: None }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// The quota.
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.shared.quota
    }

    pub(crate) fn max_wait(&self) -> Duration {
        self.shared.max_wait
    }

    /// How many wait now.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.line.waiting()
    }

    /// How many permits could be had now, by who does not pass those who wait.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        let shared = &*self.shared;
        let now = shared.clock.now().as_nanos();
        let used = shared.gcra.settle(shared.bucket.full_at(), now).saturating_sub(now);
        let left = RateDecision::new(shared.gcra, used).remaining();
        left.saturating_sub(u32::try_from(shared.line.permits()).unwrap_or(u32::MAX))
    }

    /// Tells each refusal from now on. A listener that is more than 32 events behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<RateLimitEvent> {
        self.shared.listeners.listen()
    }

    /// Takes one permit if there is one. Passes nobody who waits in [`acquire`](Self::acquire).
    ///
    /// # Errors
    /// [`Rejection`] with [`RejectReason::RateLimited`] and the time to wait.
    #[inline]
    pub fn try_acquire(&self) -> Result<RateDecision, Rejection> {
        self.try_acquire_many(1)
    }

    /// Takes `permits` at once or none of them.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire); without a time to wait when `permits` is more than the burst, because so
    /// many will never be there.
    #[inline]
    pub fn try_acquire_many(&self, permits: u32) -> Result<RateDecision, Rejection> {
        let shared = &*self.shared;
        let now = shared.clock.now();
        shared.take(permits, now).map_err(|wait| shared.counted(shared.rejection(permits, wait)))
    }

    /// Takes one permit, waiting for it in the order of arrival if the builder allowed waiting.
    ///
    /// Dropping the wait gives the turn to the next and costs no permit. The wait is slept on tokio's clock, to the
    /// millisecond: a quota with more than one permit in a millisecond is used up by waiters only if its burst is that
    /// large.
    ///
    /// # Errors
    /// [`RejectReason::RateLimited`] at once when nobody may wait, when all places are taken or when the turn would come
    /// later than the maximum wait; [`RejectReason::DeadlineOver`] at once when it would come after the task's
    /// [`Deadline`]; [`RejectReason::WaitedTooLong`] when it should have come and did not, because the
    /// bucket's clock stood still.
    pub async fn acquire(&self) -> Result<RateDecision, Rejection> {
        self.acquire_many(1).await
    }

    /// [`acquire`](Self::acquire) for several at once.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire), and as [`try_acquire_many`](Self::try_acquire_many) for more than the burst.
    pub async fn acquire_many(&self, permits: u32) -> Result<RateDecision, Rejection> {
        match self.take_or_join(permits) {
            Ok(decision) => Ok(decision),
            Err(rejection) => self.shared.wait(permits, rejection).await,
        }
    }

    /// Runs `work` once a permit is there.
    ///
    /// # Errors
    /// [`CallError::Rejected`] as [`acquire`](Self::acquire), and then `work` was not polled; else its own error.
    pub async fn call<W, T, E>(&self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, E>>,
    {
        self.acquire().await?;
        work.await.map_err(CallError::Inner)
    }

    /// As [`call`](Self::call), for `work` that is guarded by a policy of its own: a refusal further in comes out as one.
    ///
    /// # Errors
    /// Those of `work`, and the refusal of [`acquire`](Self::acquire).
    pub async fn around<W, T, E>(&self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, CallError<E>>>,
    {
        self.call(work).await.map_err(CallError::flatten)
    }

    /// A permit now, or the refusal to be waited away; a wait is no refusal yet, so nothing is counted.
    pub(super) fn take_or_join(&self, permits: u32) -> Result<RateDecision, Rejection> {
        if !self.may_wait() {
            return self.try_acquire_many(permits);
        }
        let shared = &*self.shared;
        let now = shared.clock.now();
        shared.take(permits, now).map_err(|wait| shared.rejection(permits, wait))
    }

    pub(crate) fn may_wait(&self) -> bool {
        !self.shared.max_wait.is_zero()
    }
}

impl Shared {
    /// Permits, unless somebody waits for them; else how long until they could be had, in nanoseconds.
    #[inline]
    fn take(&self, permits: u32, now: Moment) -> Result<RateDecision, u64> {
        if !self.line.is_empty() {
            return Err(self.predict(permits, self.line.permits(), now));
        }
        let used = self.bucket.take(&self.gcra, now.as_nanos(), permits)?;
        Ok(RateDecision::new(self.gcra, used))
    }

    fn counted(&self, rejection: Rejection) -> Rejection {
        self.metrics.rejected(rejection.reason());
        self.listeners.refused(&rejection);
        rejection
    }

    /// The refusal of `permits` that are there after so many nanoseconds.
    fn rejection(&self, permits: u32, wait: u64) -> Rejection {
        let rejection = Rejection::new(self.name, RejectReason::RateLimited);
        if permits > self.gcra.burst() {
            return rejection;
        }
        rejection.retry_after_nanos(wait)
    }

    /// How long until `permits` behind so many others are there, in nanoseconds.
    fn predict(&self, permits: u32, ahead: u64, now: Moment) -> u64 {
        let wanted = ahead.saturating_add(u64::from(permits));
        self.gcra.wait(self.bucket.full_at(), now.as_nanos(), wanted)
    }

    async fn wait(&self, permits: u32, refused: Rejection) -> Result<RateDecision, Rejection> {
        if self.max_wait.is_zero() {
            return Err(refused);
        }
        let place = match self.line.join(permits) {
            Some(place) if permits <= self.gcra.burst() => place,
            _ => return Err(self.counted(refused)),
        };
        let predicted = Duration::from_nanos(self.predict(permits, place.ahead(), self.clock.now()));
        if predicted > self.max_wait {
            return Err(self.counted(refused.retry_after_wait(predicted)));
        }
        let left = Deadline::current().map_or(Duration::MAX, Deadline::left);
        if predicted > left {
            return Err(self.counted(Rejection::new(self.name, RejectReason::DeadlineOver)));
        }
        let _counted = Counted::new(&self.metrics);
        match tokio::time::timeout(self.max_wait.min(left), self.turn(permits)).await {
            Ok(Some(decision)) => Ok(decision),
            Ok(None) | Err(_) => {
                let late = if left < self.max_wait {
                    RejectReason::DeadlineOver
                } else {
                    RejectReason::WaitedTooLong
                };
                let late = Rejection::new(self.name, late);
                let wait = self.predict(permits, 0, self.clock.now());
                Err(self.counted(late.retry_after_nanos(wait)))
            }
        }
    }

    /// Waits for the turn, then for the permits. Nobody else takes any meanwhile.
    async fn turn(&self, permits: u32) -> Option<RateDecision> {
        // Never closed.
        let _turn = self.turn.acquire().await.ok()?;
        loop {
            match self.bucket.take(&self.gcra, self.clock.now().as_nanos(), permits) {
                Ok(used) => return Some(RateDecision::new(self.gcra, used)),
                Err(wait) => tokio::time::sleep(Duration::from_nanos(wait)).await,
            }
        }
    }
}

/// One who waits, in the metrics.
struct Counted<'a>(&'a PolicyMetrics);

impl<'a> Counted<'a> {
    fn new(metrics: &'a PolicyMetrics) -> Self {
        metrics.add(Reading::Waiting, 1.0);
        Self(metrics)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.add(Reading::Waiting, -1.0);
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("name", &self.shared.name)
            .field("quota", &self.shared.quota)
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

/// More than this may not wait.
const WAITING_MAX: usize = 1_000_000;

/// Describes a [`RateLimit`].
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct RateLimitBuilder {
    name: &'static str,
    quota: Option<Quota>,
    max_waiting: usize,
    max_wait: Duration,
    clock: Option<Clock>,
}

impl RateLimitBuilder {
    /// How much is allowed. Needed.
    pub const fn quota(mut self, quota: Quota) -> Self {
        self.quota = Some(quota);
        self
    }

    /// How many may wait for a permit at a time. Nobody, when never called.
    pub const fn max_waiting(mut self, waiting: usize) -> Self {
        self.max_waiting = waiting;
        self
    }

    /// How long each of them may wait.
    pub const fn max_wait(mut self, wait: Duration) -> Self {
        self.max_wait = wait;
        self
    }

    /// Where the time comes from; tokio's clock when never called. Waiting needs tokio's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The limit, with a full bucket.
    ///
    /// # Errors
    /// [`RateConfigError`] when the quota is missing or impossible, or when only one bound of the waiting was given.
    pub fn build(self) -> Result<RateLimit, RateConfigError> {
        let quota = self.quota.ok_or(RateConfigError::NoQuota)?;
        if (self.max_waiting == 0) != self.max_wait.is_zero() {
            return Err(RateConfigError::WaitingUnbounded);
        }
        if self.max_waiting > WAITING_MAX {
            return Err(RateConfigError::TooManyWaiting { max: WAITING_MAX });
        }
        Ok(RateLimit {
            shared: Arc::new(Shared {
                bucket: Bucket::full(),
                gcra: quota.gcra(1)?,
                clock: self.clock.unwrap_or_default(),
                line: Line::new(self.max_waiting),
                turn: Semaphore::new(1),
                max_wait: self.max_wait,
                name: self.name,
                quota,
                metrics: PolicyMetrics::new("rate_limit", self.name),
                listeners: Listeners::new(),
            }),
        })
    }
}
