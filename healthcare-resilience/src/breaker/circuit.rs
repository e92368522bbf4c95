use super::{
    BreakerBuilder, BreakerEvent, BreakerEvents, BreakerPermit, BreakerSnapshot, BreakerState,
    OwnedBreakerPermit,
    build::Kind,
    machine::{Machine, Recorded, Ticket, Verdict},
    rules::Rules,
    word::Word,
};
use crate::{
    CallError, Causes, Class, Classify, Clock, Guarded, Moment, Rejection,
    admitted::{self, Admitted, End, Ledger, watch},
    listeners::Listeners,
    metrics::{Outcome, PolicyMetrics, Reading},
};
use futures_util::FutureExt as _;
use std::{
    error::Error,
    future::{Future, IntoFuture},
    sync::Arc,
};

/// Stops calling what keeps failing. Cheap to clone; every clone is the same circuit.
///
/// *Closed*, it lets calls through and watches how they end: a run of failures, or the part of the calls that failed or
/// were slow, in a window of calls or of time. When that reaches its limit it *opens* and refuses every call, so that the
/// callee can recover and the caller learns at once. When its time is over it is *half-open*: a few probes go through,
/// and their results close it or open it again, for longer.
///
/// * **Rates and limits are reached, not passed**: 5 failures of 10 open at 0.5, a call of exactly the slow time is slow,
///   and at the very end of the open time the first probe goes. A good call never opens a circuit.
/// * **A permit is of its time.** What a call says after the state it was let through in is over changes nothing, and is
///   counted as [`stale`](BreakerSnapshot::stale).
/// * **A call that is ignored or rejected further in is neutral**: nothing is recorded, however long it took. So is one that
///   is cancelled, but for its slowness: where slow calls are watched, one that is dropped after the slow time was slow.
/// * **Half-open ends.** A probe that has not come back within its lease loses its place to the next call that asks.
/// * **The clock is read only where it matters**: without a time window and without slow calls a call that goes well
///   reads none. When all is well, such a call writes nothing that others read.
///
/// One call passes a circuit once. Where the same circuit stands around a call and again further in, each half-open probe
/// needs two of its places: with a single one it refuses itself, and never closes.
///
/// Memory is fixed when it is built: under 1 KiB, and with a count window of over 1,000 calls a byte more for every four
/// calls. Listeners and the feature `metrics` come on top, where they are used.
///
/// ```
/// use healthcare_resilience::{CallError, CircuitBreaker};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let billing = CircuitBreaker::builder("billing")
///     .count_window(50)
///     .failure_rate(0.5)
///     .slow_calls(Duration::from_secs(2), 0.8)
///     .open_for(Duration::from_secs(10))
///     .build()?;
/// let invoice = billing.call(async { Ok::<_, std::io::Error>(17) }).await?;
/// assert_eq!(invoice, 17);
///
/// billing.force_open();
/// let refused = billing.call(async { Ok::<_, std::io::Error>(17) }).await;
/// assert!(matches!(refused, Err(CallError::Rejected(_))));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct CircuitBreaker {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    machine: Machine,
    name: &'static str,
    kind: Kind,
    clock: Clock,
    events: Listeners<BreakerEvent>,
    metrics: PolicyMetrics,
}

impl CircuitBreaker {
    /// Starts describing a breaker with a name for metrics, logs and health pages: a fixed text, nothing of a person.
    pub fn builder(name: &'static str) -> BreakerBuilder {
        BreakerBuilder::new(name)
    }

    pub(super) fn new(name: &'static str, kind: Kind, machine: Machine, clock: Clock) -> Self {
        let metrics = PolicyMetrics::new("breaker", name);
        Self { shared: Arc::new(Shared { machine, name, kind, clock, events: Listeners::new(), metrics }) }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The name it was built with.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// Permission for one call, or why there is none.
    ///
    /// # Errors
    /// [`Rejection`] when the circuit is open, was forced open, or is half-open with its probes under way.
    #[inline]
    pub fn try_acquire(&self) -> Result<BreakerPermit<'_>, Rejection> {
        Ok(BreakerPermit(Admitted::new(&self.shared, self.shared.admit()?)))
    }

    /// As [`try_acquire`](Self::try_acquire), for a permit that can be moved to another task.
    ///
    /// # Errors
    /// The same.
    pub fn try_acquire_owned(&self) -> Result<OwnedBreakerPermit, Rejection> {
        let ticket = self.shared.admit()?;
        Ok(OwnedBreakerPermit(Admitted::new(self.shared.clone(), ticket)))
    }

    /// Runs `work` if the circuit lets it through. An error counts as a failure, unless it is the refusal of a policy
    /// further in: see [`Causes`], and [`call_with`](Self::call_with) for errors that are no `Error`.
    ///
    /// Dropping the future drops `work`, and the call is neutral unless it was slow already.
    ///
    /// # Errors
    /// [`CallError::Rejected`] when it was not run, [`CallError::Inner`] when it failed.
    pub fn call<W, T, E>(&self, work: W) -> impl Future<Output = Result<T, CallError<E>>>
    where
        W: IntoFuture<Output = Result<T, E>>,
        E: Error + 'static,
    {
        self.call_with(Causes, work)
    }

    /// Runs `work` if the circuit lets it through; `classifier` says what its result means.
    ///
    /// # Errors
    /// [`CallError::Rejected`] when it was not run, [`CallError::Inner`] when it failed.
    pub fn call_with<C, W, T, E>(
        &self,
        classifier: C,
        work: W,
    ) -> impl Future<Output = Result<T, CallError<E>>>
    where
        C: Classify<T, E>,
        W: IntoFuture<Output = Result<T, E>>,
    {
        admitted::run(move || self.try_acquire(), classifier, work)
    }

    /// As [`call`](Self::call), for `work` that is guarded by a policy of its own: a refusal further in comes out as one.
    ///
    /// ```
    /// # use healthcare_resilience::{CallError, CircuitBreaker};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let outer = CircuitBreaker::external_api("gateway").build()?;
    /// # let inner = CircuitBreaker::external_api("laboratory").build()?;
    /// inner.force_open();
    /// let answer = outer.around(inner.call(async { Ok::<_, std::io::Error>(()) })).await;
    /// assert!(matches!(answer, Err(CallError::Rejected(rejection)) if rejection.policy() == "laboratory"));
    /// assert_eq!(outer.snapshot().calls, 0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of `work`, and [`CallError::Rejected`] when it was not run.
    pub fn around<W, T, E>(&self, work: W) -> impl Future<Output = Result<T, CallError<E>>>
    where
        W: IntoFuture<Output = Result<T, CallError<E>>>,
        E: Error + 'static,
    {
        self.around_with(Causes, work)
    }

    /// As [`around`](Self::around); `classifier` says what an answer or an error of the callee itself means.
    ///
    /// # Errors
    /// Those of `work`, and [`CallError::Rejected`] when it was not run.
    pub fn around_with<C, W, T, E>(
        &self,
        classifier: C,
        work: W,
    ) -> impl Future<Output = Result<T, CallError<E>>>
    where
        C: Classify<T, E>,
        W: IntoFuture<Output = Result<T, CallError<E>>>,
    {
        self.call_with(Guarded(classifier), work).map(|result| result.map_err(CallError::flatten))
    }

    /// What it does with calls. An open circuit whose time is over stays open until a call asks.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.shared.machine.state()
    }

    /// What it knows now.
    #[must_use]
    pub fn snapshot(&self) -> BreakerSnapshot {
        BreakerSnapshot::of(self.shared.name, self.shared.machine.view(self.shared.clock.now()))
    }

    /// What happens to it from now on. Listeners run in their own tasks and can neither block a call nor change what
    /// happens.
    #[must_use]
    pub fn events(&self) -> BreakerEvents {
        BreakerEvents::new(self.shared.events.listen())
    }

    /// Refuses every call from now on, until [`reset`](Self::reset) or another of these is called.
    pub fn force_open(&self) {
        self.set(BreakerState::ForcedOpen);
    }

    /// Lets every call through from now on and watches nothing.
    pub fn disable(&self) {
        self.set(BreakerState::Disabled);
    }

    /// Lets every call through from now on, counts, and sends an event when it would have opened: to find the right
    /// numbers before they refuse anything.
    pub fn metrics_only(&self) {
        self.set(BreakerState::MetricsOnly);
    }

    /// Closes it with nothing remembered, whatever state it is in. The totals of the snapshot go on.
    pub fn reset(&self) {
        self.set(BreakerState::Closed);
    }

    /// Opens it as if calls had failed: something else has told that the callee is down. It is half-open when its open
    /// time is over. Nothing happens while it is open anyway, and what a hand has set stays: disabled, in metrics only or
    /// forced open.
    pub fn trip(&self) {
        self.shared.machine.trip(self.shared.clock.now());
        self.shared.tell();
    }

    fn set(&self, state: BreakerState) {
        self.shared.machine.set(state, self.shared.clock.now());
        self.shared.tell();
    }
}

impl Shared {
    pub(super) fn numbers(&self) -> (Kind, &Rules) {
        (self.kind, self.machine.rules())
    }

    #[inline]
    fn admit(&self) -> Result<Ticket, Rejection> {
        match self.machine.glance() {
            Ok(word) => {
                let is_timed = self.machine.rules().slow.is_some();
                Ok(Ticket { word, begun: if is_timed { self.clock.now() } else { Moment::START } })
            }
            Err(seen) => self.ask(seen),
        }
    }

    fn ask(&self, seen: Word) -> Result<Ticket, Rejection> {
        let now = self.clock.now();
        match self.machine.ask(seen, now) {
            Ok(word) => {
                self.tell();
                Ok(Ticket { word, begun: now })
            }
            Err(refusal) => {
                self.metrics.rejected(refusal.reason);
                let rejection = Rejection::new(self.name, refusal.reason);
                Err(match refusal.wait {
                    Some(wait) => rejection.retry_after_wait(wait),
                    None => rejection,
                })
            }
        }
    }

    #[inline]
    fn settle(&self, ticket: Ticket, class: Class, outcome: Outcome) {
        let verdict = match class {
            Class::Success => Verdict::Good,
            Class::Transient | Class::Busy { .. } | Class::Permanent => Verdict::Failed(class),
            Class::Ignored | Class::Cancelled | Class::Rejected => Verdict::Neutral,
        };
        let needs_time = self.machine.needs_time(&ticket, verdict);
        let now = if needs_time { self.clock.now() } else { Moment::START };
        self.ended(self.machine.record(ticket, verdict, now), outcome);
    }

    #[inline]
    fn ended(&self, recorded: Recorded, outcome: Outcome) {
        if recorded.has_changed {
            self.tell();
        }
        self.metrics.call(if recorded.is_stale { Outcome::Stale } else { outcome });
    }

    /// Tells of what has changed, in order, with no lock held. Wakes listeners, runs nothing of theirs.
    #[cold]
    fn tell(&self) {
        if !self.machine.begin_telling() {
            return;
        }
        // A recorder of metrics and the waker of a listener are others' code. Should they panic, the next change is told.
        watch(|| self.tell_all(), || self.machine.stop_telling());
    }

    fn tell_all(&self) {
        while let Some(change) = self.machine.next_change() {
            self.metrics.set(Reading::State, gauge(change.to));
            self.metrics.event(if change.from == change.to {
                change.cause.as_str()
            } else {
                change.to.as_str()
            });
            self.events.tell(|| BreakerEvent::of(self.name, change));
        }
    }
}

impl Ledger for Shared {
    type Entry = Ticket;

    #[inline]
    fn close(&self, ticket: Ticket, end: End) {
        match end {
            End::Class(class) => self.settle(ticket, class, end.into()),
            // What panics would do so again.
            End::Panicked => self.settle(ticket, Class::Permanent, end.into()),
            End::Cancelled => {
                let is_timed = self.machine.rules().slow.is_some();
                let now = if is_timed { self.clock.now() } else { Moment::START };
                self.ended(self.machine.cancel(ticket, now), end.into());
            }
        }
    }
}

/// For the gauge `resilience_state`: zero is normal, more is worse, and what a hand did is below zero.
const fn gauge(state: BreakerState) -> f64 {
    match state {
        BreakerState::Closed => 0.0,
        BreakerState::HalfOpen => 1.0,
        BreakerState::Open => 2.0,
        BreakerState::ForcedOpen => 3.0,
        BreakerState::Disabled => -1.0,
        BreakerState::MetricsOnly => -2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::{CountWindow, TimeWindow};

    /// What the counts of an `Arc` take.
    const COUNTS: usize = 2 * size_of::<usize>();

    #[test]
    fn a_breaker_with_its_window_takes_less_than_a_kibibyte() {
        // What the facade of the metrics keeps for a handle is its own.
        let facade = size_of::<PolicyMetrics>().next_multiple_of(align_of::<Shared>());
        // The counts stand before the value, which begins on a line of its own.
        let counts = COUNTS.next_multiple_of(align_of::<Shared>());
        let shared = size_of::<Shared>() - facade + counts;
        assert!(shared + size_of::<TimeWindow>() <= 1024, "{shared} and {}", size_of::<TimeWindow>());
        // Two bits for each of the last thousand calls.
        assert!(shared + 1000_usize.div_ceil(32) * 8 <= 1024, "{shared}");
        assert!(size_of::<CountWindow>() <= 64);
    }

    /// The clock is read at the end of a call only where something depends on it.
    #[test]
    fn a_good_call_asks_for_the_time_only_where_it_matters() {
        let second = std::time::Duration::from_secs(1);
        let new = || CircuitBreaker::builder("time");
        for (builder, expected) in [
            (new().consecutive(3), false),
            (new().count_window(10), false),
            (new().time_window(second), true),
            (new().count_window(10).slow_calls(second, 0.5), true),
            (new().consecutive(3).slow_as_failure(second), true),
        ] {
            let breaker = builder.build().unwrap();
            let ticket = breaker.shared.admit().unwrap();
            assert_eq!(breaker.shared.machine.needs_time(&ticket, Verdict::Good), expected);
            assert_eq!(breaker.shared.machine.needs_time(&ticket, Verdict::Neutral), expected);
            assert!(breaker.shared.machine.needs_time(&ticket, Verdict::Failed(Class::Transient)));
        }
    }
}
