use super::{
    AdaptiveLimit, LimitPermit, OverloadConfigError, Prioritize, Priority, admit::Admit, cohort,
    error::Check, event::OverloadEvent, limit::Share, limit_build::AdaptiveLimitBuilder,
};
use crate::{
    CallError, Causes, Classify, Clock, RejectReason, Rejection, admitted, listeners::Listeners,
    metrics::PolicyMetrics,
};
use futures_util::FutureExt as _;
use std::{
    error::Error,
    future::{Future, IntoFuture},
    hash::Hash,
    sync::Arc,
};
use tokio::sync::broadcast;

/// Refuses what matters least when not everything can be served. Cheap to clone; every clone is the same shedder.
///
/// Each [`Priority`] has a share of the limit: it is let in as long as so much of the limit is not in use, by calls of any
/// priority. What lies above its share is kept for those that matter more. Emergencies have all of it, so they are
/// refused last, and only when the limit itself is reached.
///
/// The limit is fixed ([`max_calls`](ShedderBuilder::max_calls)) or adaptive ([`limit`](ShedderBuilder::limit)). An
/// adaptive one that guards other calls too is one limit for all of them.
///
/// ```
/// use healthcare_resilience::{Class, Priority, Shedder};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let shedder = Shedder::builder("api").max_calls(2).build()?;
/// let export = shedder.try_acquire(Priority::Background)?;
/// assert!(shedder.try_acquire(Priority::Background).is_err());
/// let alarm = shedder.try_acquire(Priority::Emergency)?;
/// alarm.record(Class::Success);
/// export.record(Class::Success);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Shedder {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    clock: Clock,
    limit: AdaptiveLimit,
    shares: Shares,
    metrics: PolicyMetrics,
    listeners: Listeners<OverloadEvent>,
}

#[derive(Debug, Clone, Copy)]
struct Shares {
    background: f64,
    normal: f64,
    clinical: f64,
}

impl Shares {
    const fn of(&self, priority: Priority) -> f64 {
        match priority {
            Priority::Background => self.background,
            Priority::Normal => self.normal,
            Priority::Clinical => self.clinical,
            Priority::Emergency => 1.0,
        }
    }

    /// Priorities that were given the same share are as one.
    fn share(&self, priority: Priority) -> Share {
        let steps = [self.background, self.normal, self.clinical, 1.0];
        let part = self.of(priority);
        let above = steps.array_windows().filter(|[lower, upper]| *lower >= part && lower < upper).count();
        Share { part, above }
    }

    /// Where the shedding of single keys begins: where that of the next lower priority ends.
    const fn below(&self, priority: Priority) -> f64 {
        match priority {
            Priority::Background => self.background / 2.0,
            Priority::Normal => self.background,
            Priority::Clinical => self.normal,
            Priority::Emergency => 1.0,
        }
    }
}

impl Shedder {
    /// Starts describing a shedder. `name` appears in refusals and metrics.
    pub const fn builder(name: &'static str) -> ShedderBuilder {
        let shares = Shares { background: 0.5, normal: 0.75, clinical: 0.9 };
        ShedderBuilder { name, max_calls: None, limit: None, shares, clock: None }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// How many calls are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.limit.in_flight()
    }

    /// Up to how many calls under way one of this priority is let in now.
    #[must_use]
    pub fn places(&self, priority: Priority) -> usize {
        self.shared.shares.share(priority).of(self.shared.limit.limit())
    }

    /// Tells each refusal from now on. A listener that is more than 32 events behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<OverloadEvent> {
        self.shared.listeners.listen()
    }

    /// Lets a call in if its priority is served now.
    ///
    /// # Errors
    /// `Shed` when it is not, `Overloaded` for an emergency when the limit itself is reached.
    pub fn try_acquire(&self, priority: Priority) -> Result<LimitPermit<'_>, Rejection> {
        self.shared.limit.take(self.shared.shares.share(priority)).ok_or_else(|| self.refuse(priority))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that can move to another task or thread.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_owned(&self, priority: Priority) -> Result<LimitPermit<'static>, Rejection> {
        self.shared.limit.take_owned(self.shared.shares.share(priority)).ok_or_else(|| self.refuse(priority))
    }

    /// As [`try_acquire`](Self::try_acquire), but sheds a priority by degrees and by key: a clinic, a user. As the use
    /// grows from the share of the next lower priority to its own, more and more keys are refused, and within an hour
    /// always the same ones: some are served wholly instead of all in part. Emergencies are not shed by key.
    ///
    /// The hour is this process's own, so another instance sheds other keys. Take what the server knows for a key, an
    /// authenticated clinic: a caller that chooses its own can look for one that is served.
    ///
    /// # Errors
    /// As [`try_acquire`](Self::try_acquire).
    pub fn try_acquire_for<K: Hash + ?Sized>(
        &self,
        priority: Priority,
        key: &K,
    ) -> Result<LimitPermit<'_>, Rejection> {
        let (from, to) = (self.shared.shares.below(priority), self.shared.shares.of(priority));
        if to > from {
            let shed = (self.shared.limit.usage() - from) / (to - from);
            if shed > 0.0 && cohort::place(key, self.shared.clock.now()) < shed {
                return Err(self.refuse(priority));
            }
        }
        self.try_acquire(priority)
    }

    /// Runs `work` if its priority is served now. To an adaptive limit an error is a failure, unless it is the refusal of
    /// a policy further in: see [`Causes`], and [`call_with`](Self::call_with) for errors that are no `Error`.
    ///
    /// # Errors
    /// The work's own, or the refusal of [`try_acquire`](Self::try_acquire), in which case nothing was begun.
    pub fn call<W, T, E>(&self, priority: Priority, work: W) -> impl Future<Output = Result<T, CallError<E>>>
    where
        W: IntoFuture<Output = Result<T, E>>,
        E: Error + 'static,
    {
        self.call_with(Causes, priority, work)
    }

    /// As [`call`](Self::call), for `work` that is guarded by a policy of its own: a refusal further in comes out as one.
    ///
    /// # Errors
    /// Those of `work`, or the refusal of [`try_acquire`](Self::try_acquire), in which case nothing was begun.
    pub fn around<W, T, E>(
        &self,
        priority: Priority,
        work: W,
    ) -> impl Future<Output = Result<T, CallError<E>>>
    where
        W: IntoFuture<Output = Result<T, CallError<E>>>,
        E: Error + 'static,
    {
        self.call(priority, work).map(|result| result.map_err(CallError::flatten))
    }

    /// Runs `work` if its priority is served now; `classifier` says which results are failures to an adaptive limit.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn call_with<C, W, T, E>(
        &self,
        classifier: C,
        priority: Priority,
        work: W,
    ) -> impl Future<Output = Result<T, CallError<E>>>
    where
        C: Classify<T, E>,
        W: IntoFuture<Output = Result<T, E>>,
    {
        admitted::run(move || self.try_acquire(priority), classifier, work)
    }

    pub(super) fn limit(&self) -> &AdaptiveLimit {
        &self.shared.limit
    }

    pub(super) fn share(&self, priority: Priority) -> f64 {
        self.shared.shares.of(priority)
    }

    /// For [`AdmitLayer`](crate::AdmitLayer): `rule` tells the priority of a request.
    #[must_use]
    pub fn by<P>(&self, rule: P) -> ShedBy<P> {
        ShedBy { shedder: self.clone(), rule }
    }

    fn refuse(&self, priority: Priority) -> Rejection {
        let reason =
            if priority == Priority::Emergency { RejectReason::Overloaded } else { RejectReason::Shed };
        self.shared.metrics.rejected(reason);
        self.shared.metrics.event(priority.as_str());
        let rejection = Rejection::new(self.shared.name, reason);
        self.shared.listeners.refused(&rejection, Some(priority));
        rejection
    }
}

/// A [`Shedder`] with the rule that tells the priority of a request. Made by [`Shedder::by`].
#[derive(Debug, Clone)]
pub struct ShedBy<P> {
    shedder: Shedder,
    rule: P,
}

impl<R, P: Prioritize<R>> Admit<R> for ShedBy<P> {
    type Permit = LimitPermit<'static>;

    fn admit(&self, request: &R) -> Result<LimitPermit<'static>, Rejection> {
        self.shedder.try_acquire_owned(self.rule.priority(request))
    }
}

/// Describes a [`Shedder`].
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct ShedderBuilder {
    name: &'static str,
    max_calls: Option<usize>,
    limit: Option<AdaptiveLimit>,
    shares: Shares,
    clock: Option<Clock>,
}

impl ShedderBuilder {
    /// A fixed limit, 1 to 1,048,576. Either this or [`limit`](Self::limit) must be said.
    pub const fn max_calls(mut self, max_calls: usize) -> Self {
        self.max_calls = Some(max_calls);
        self
    }

    /// An adaptive limit.
    pub fn limit(mut self, limit: AdaptiveLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The shares of the limit, above 0 and at most 1, up to which each priority is served; none may be above that of what
    /// matters more. 0.5, 0.75 and 0.9 when never called. Rounded up to whole calls, but a place is kept for each
    /// greater share, and each priority has at least one: of two places only an emergency takes the second.
    pub const fn shares(mut self, background: f64, normal: f64, clinical: f64) -> Self {
        self.shares = Shares { background, normal, clinical };
        self
    }

    /// The clock that tells the hour for keys. The system's when never called.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The shedder.
    ///
    /// # Errors
    /// [`OverloadConfigError`] when there is no limit or there are two, or when a number lies outside of its range.
    pub fn build(self) -> Result<Shedder, OverloadConfigError> {
        let check = Check(self.name);
        let Shares { background, normal, clinical } = self.shares;
        check.share("shares", background)?;
        check.share("shares", normal)?;
        check.share("shares", clinical)?;
        check.that(background <= normal && normal <= clinical, "shares", "in ascending order")?;
        let one = "said once, or max_calls instead";
        check.that(self.max_calls.is_none() || self.limit.is_none(), "limit", one)?;
        let limit = match self.limit {
            Some(limit) => limit,
            None => AdaptiveLimitBuilder::fixed(self.name, self.max_calls.unwrap_or(0))?,
        };
        let shared = Shared {
            name: self.name,
            clock: self.clock.unwrap_or_default(),
            limit,
            shares: self.shares,
            metrics: PolicyMetrics::new("shedder", self.name),
            listeners: Listeners::new(),
        };
        Ok(Shedder { shared: Arc::new(shared) })
    }
}
