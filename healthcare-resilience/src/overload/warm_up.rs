use super::{OverloadConfigError, OverloadEvent, admit::Admit, error::Check, in_flight::InFlight};
use crate::{
    AdmitPermit, CallError, Class, Clock, Moment, RejectReason, Rejection,
    admitted::{Admitted, End, Ledger},
    bulkhead::held::Held,
    listeners::Listeners,
    metrics::{PolicyMetrics, Reading},
    sync::atomic::{AtomicU64, Ordering},
};
use std::{future::IntoFuture, sync::Arc, time::Duration};
use tokio::sync::broadcast;

/// How a [`WarmUp`] grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WarmUpCurve {
    /// By the same number in the same time.
    Linear,
    /// By the same ratio in the same time: slowly first, which caches and compilers like.
    #[default]
    Exponential,
}

/// Lets a growing number of calls in after the start, so that empty caches and unopened connections are not met by
/// everybody at once; lets in all of them when the time is over. Cheap to clone; every clone is the same warm-up.
///
/// [`restart`](Self::restart) begins again: after a fail-over, a cleared cache, a circuit that closed.
///
/// ```
/// use healthcare_resilience::WarmUp;
/// use std::time::Duration;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let warm_up = WarmUp::builder("api").calls(10, 500).over(Duration::from_secs(60)).build()?;
/// assert_eq!(warm_up.limit(), Some(10));
/// let permit = warm_up.try_acquire()?;
/// # drop(permit); Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct WarmUp {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    clock: Clock,
    ramp: Ramp,
    /// Nanoseconds of the clock.
    began: AtomicU64,
    /// When that began which was told to be over.
    told: AtomicU64,
    in_flight: InFlight,
    metrics: PolicyMetrics,
    listeners: Listeners<OverloadEvent>,
}

/// The growth. Pure.
#[derive(Debug, Clone, Copy)]
struct Ramp {
    from: usize,
    to: usize,
    over: Duration,
    curve: WarmUpCurve,
}

impl Ramp {
    /// How many calls may be under way so long after the start; nothing when it is over.
    fn limit_after(&self, past: Duration) -> Option<usize> {
        if past >= self.over {
            return None;
        }
        let (from, to) = (self.from as f64, self.to as f64);
        let done = past.as_secs_f64() / self.over.as_secs_f64();
        let limit = match self.curve {
            WarmUpCurve::Linear => from + (to - from) * done,
            WarmUpCurve::Exponential => from * (to / from).powf(done),
        };
        Some((limit as usize).clamp(self.from, self.to))
    }
}

impl WarmUp {
    /// Starts describing a warm-up. `name` appears in refusals and metrics.
    pub fn builder(name: &'static str) -> WarmUpBuilder {
        let ramp = Ramp { from: 0, to: 0, over: Duration::ZERO, curve: WarmUpCurve::default() };
        WarmUpBuilder { name, clock: Clock::default(), ramp }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// How many calls may be under way now; nothing when it is warm and all are let in.
    #[must_use]
    pub fn limit(&self) -> Option<usize> {
        self.shared.limit(self.shared.clock.now()).1
    }

    /// Whether the time is over and all calls are let in.
    #[must_use]
    pub fn is_warm(&self) -> bool {
        self.limit().is_none()
    }

    pub(super) fn ramp(&self) -> (usize, usize, Duration, WarmUpCurve) {
        let Ramp { from, to, over, curve } = self.shared.ramp;
        (from, to, over, curve)
    }

    /// Begins again, now. Calls under way that were let in while it was warm are not counted.
    pub fn restart(&self) {
        let shared = &*self.shared;
        shared.began.store(shared.clock.now().as_nanos(), Ordering::Release);
        shared.metrics.event("restarted");
        shared.listeners.tell(|| OverloadEvent::Restarted { policy: shared.name });
    }

    /// Tells from now on each refusal, and when it is over or begins again. A listener that is more than 32 events behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<OverloadEvent> {
        self.shared.listeners.listen()
    }

    /// Lets a call in if so many may be under way already.
    ///
    /// # Errors
    /// `WarmingUp` otherwise, with the time after which one more may be under way.
    pub fn try_acquire(&self) -> Result<WarmUpPermit<'_>, Rejection> {
        let is_counted = self.shared.enter()?;
        Ok(WarmUpPermit { _place: Admitted::new(Held::Borrowed(&self.shared), is_counted) })
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that can move to another task or thread.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(&self) -> Result<WarmUpPermit<'static>, Rejection> {
        let is_counted = self.shared.enter()?;
        Ok(WarmUpPermit { _place: Admitted::new(Held::Shared(self.shared.clone()), is_counted) })
    }

    /// Runs `work` if it is let in.
    ///
    /// # Errors
    /// The work's own, or `WarmingUp`, in which case nothing was begun.
    pub async fn call<W, T, E>(&self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, E>>,
    {
        // Declared before the work, so dropped after it.
        let _permit = self.try_acquire()?;
        work.into_future().await.map_err(CallError::Inner)
    }

    /// As [`call`](Self::call), for `work` that is guarded by a policy of its own: a refusal further in comes out as one.
    ///
    /// # Errors
    /// Those of `work`, and `WarmingUp`, in which case nothing was begun.
    pub async fn around<W, T, E>(&self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, CallError<E>>>,
    {
        self.call(work).await.map_err(CallError::flatten)
    }
}

impl Shared {
    /// When it began, and how many calls may be under way.
    fn limit(&self, now: Moment) -> (Moment, Option<usize>) {
        let mut began = Moment::from_nanos(self.began.load(Ordering::Acquire));
        if began > now {
            // The clock was set back. It begins again: nobody knows how much of it is over.
            self.began.fetch_min(now.as_nanos(), Ordering::AcqRel);
            began = now;
        }
        (began, self.ramp.limit_after(now.since(began)))
    }

    /// Whether the call that was let in is counted.
    fn enter(&self) -> Result<bool, Rejection> {
        let (began, limit) = self.limit(self.clock.now());
        let Some(limit) = limit else {
            self.over(began.as_nanos());
            return Ok(false);
        };
        match self.in_flight.try_take(limit) {
            Ok(_) => {
                self.metrics.add(Reading::InFlight, 1.0);
                Ok(true)
            }
            Err(_) => {
                self.metrics.rejected(RejectReason::WarmingUp);
                let steps = u32::try_from(self.ramp.to - self.ramp.from).unwrap_or(u32::MAX).max(1);
                let rejection = Rejection::new(self.name, RejectReason::WarmingUp);
                let rejection = rejection.retry_after_wait(self.ramp.over / steps);
                self.listeners.refused(&rejection, None);
                Err(rejection)
            }
        }
    }

    /// What began then is over. Told once.
    #[inline]
    fn over(&self, began: u64) {
        if self.told.load(Ordering::Relaxed) != began && self.told.swap(began, Ordering::AcqRel) != began {
            self.metrics.event("warm");
            self.listeners.tell(|| OverloadEvent::WarmedUp { policy: self.name });
        }
    }
}

impl Ledger for Shared {
    /// Whether the call is counted.
    type Entry = bool;

    fn close(&self, is_counted: bool, _: End) {
        if is_counted {
            self.in_flight.give_back();
            self.metrics.add(Reading::InFlight, -1.0);
        }
    }
}

/// The permission for one call, from a [`WarmUp`]; its place is free when it is dropped.
#[derive(Debug)]
#[must_use = "the place is held only as long as its permit lives"]
pub struct WarmUpPermit<'a> {
    _place: Admitted<Held<'a, Shared>>,
}

impl AdmitPermit for WarmUpPermit<'_> {
    fn record(self, _class: Class) {}
}

impl<R> Admit<R> for WarmUp {
    type Permit = WarmUpPermit<'static>;

    fn admit(&self, _request: &R) -> Result<WarmUpPermit<'static>, Rejection> {
        self.try_acquire_owned()
    }
}

/// Describes a [`WarmUp`].
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct WarmUpBuilder {
    name: &'static str,
    clock: Clock,
    ramp: Ramp,
}

impl WarmUpBuilder {
    /// How many calls may be under way at the start, and at the end of the warm-up: at least 1 and at most 1,048,576. Must
    /// be said.
    pub const fn calls(mut self, from: usize, to: usize) -> Self {
        self.ramp.from = from;
        self.ramp.to = to;
        self
    }

    /// How long it takes, at most a day. Must be said.
    pub const fn over(mut self, over: Duration) -> Self {
        self.ramp.over = over;
        self
    }

    /// How it grows. Exponentially when never called.
    pub const fn curve(mut self, curve: WarmUpCurve) -> Self {
        self.ramp.curve = curve;
        self
    }

    /// The clock. The system's when never called.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The warm-up. It begins now.
    ///
    /// # Errors
    /// [`OverloadConfigError`] when a number is missing or lies outside of its range.
    pub fn build(self) -> Result<WarmUp, OverloadConfigError> {
        let (check, ramp) = (Check(self.name), self.ramp);
        check.that(
            ramp.from >= 1 && ramp.from <= ramp.to,
            "calls",
            "at least 1, and the first at most the second",
        )?;
        check.that(ramp.to <= 1 << 20, "calls", "at most 1,048,576")?;
        let is_in_range = !ramp.over.is_zero() && ramp.over <= Duration::from_secs(24 * 60 * 60);
        check.that(is_in_range, "over", "above zero and at most a day")?;
        let shared = Shared {
            name: self.name,
            ramp,
            began: AtomicU64::new(self.clock.now().as_nanos()),
            told: AtomicU64::new(u64::MAX),
            clock: self.clock,
            in_flight: InFlight::new(),
            metrics: PolicyMetrics::new("warm_up", self.name),
            listeners: Listeners::new(),
        };
        Ok(WarmUp { shared: Arc::new(shared) })
    }
}
