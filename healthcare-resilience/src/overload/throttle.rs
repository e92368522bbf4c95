use super::{
    admit::Admit,
    attempts::Attempts,
    event::OverloadEvent,
    throttle_build::{Rule, ThrottleBuilder},
};
use crate::{
    AdmitPermit, CallError, Causes, Class, Classify, Clock, RejectReason, Rejection,
    admitted::{self, Admitted, End, Ledger},
    bulkhead::held::Held,
    listeners::Listeners,
    metrics::PolicyMetrics,
    sync::Mutex,
};
use futures_util::FutureExt as _;
use std::{
    error::Error,
    future::{Future, IntoFuture},
    sync::Arc,
    time::Duration,
};
use tokio::sync::broadcast;

/// Sends fewer calls to a callee that refuses them, by a chance that grows with the refusals: refusing costs a callee too,
/// and one that spends its time on it never recovers. Cheap to clone; every clone is the same throttle.
///
/// A call is left out with the probability `max(0, (wanted - k * accepted) / (wanted + 1))`, with the counts of the last
/// minutes. It needs no state such as open or closed, and follows a callee that can do a part of its work. A call counts as
/// wanted when it is sent, not when it ends, so a callee that hangs is seen as long as its callers wait; and when it is left
/// out, so the chance keeps up with the demand. At least `min_pass` of the calls go through, so that a recovery is seen.
///
/// Ignored results are accepted ones: the callee did its work. A call that another policy rejected, or that was dropped
/// before it ended, is not counted at all: where callers leave before the callee answers, it needs a time-out further in,
/// shorter than their patience, to be seen.
///
/// Source: Google, *Site Reliability Engineering*, chapter 21, "Client-Side Throttling".
///
/// ```
/// use healthcare_resilience::{CallError, Throttle};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let throttle = Throttle::builder("laboratory").build()?;
/// let report: Result<&str, CallError<std::io::Error>> = throttle.call(async { Ok("negative") }).await;
/// assert_eq!(report?, "negative");
/// assert_eq!(throttle.chance(), 0.0);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Throttle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: &'static str,
    clock: Clock,
    rule: Rule,
    window: Duration,
    state: Mutex<State>,
    metrics: PolicyMetrics,
    listeners: Listeners<OverloadEvent>,
}

#[derive(Debug)]
struct State {
    attempts: Attempts,
    random: fastrand::Rng,
}

impl Throttle {
    /// Starts describing a throttle. `name` appears in refusals and metrics.
    pub fn builder(name: &'static str) -> ThrottleBuilder {
        ThrottleBuilder::new(name)
    }

    pub(super) fn new(name: &'static str, clock: Clock, window: Duration, rule: Rule, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let state = Mutex::new(State { attempts: Attempts::new(window), random });
        let metrics = PolicyMetrics::new("throttle", name);
        let listeners = Listeners::new();
        Self { shared: Arc::new(Shared { name, clock, rule, window, state, metrics, listeners }) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// The chance, 0 to 1, that a call is left out now.
    #[must_use]
    pub fn chance(&self) -> f64 {
        let now = self.shared.clock.now();
        let seen = self.shared.state.lock().attempts.total(now);
        self.shared.rule.chance(seen)
    }

    /// Tells each call that is left out from now on. A listener that is more than 32 events behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<OverloadEvent> {
        self.shared.listeners.listen()
    }

    pub(super) fn rule(&self) -> (Rule, Duration) {
        (self.shared.rule, self.shared.window)
    }

    /// Lets a call go or leaves it out.
    ///
    /// # Errors
    /// `Throttled` when it is left out.
    pub fn try_acquire(&self) -> Result<ThrottlePermit<'_>, Rejection> {
        let counted = self.shared.draw()?;
        Ok(ThrottlePermit(Admitted::new(Held::Borrowed(&self.shared), counted)))
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that can move to another task or thread.
    ///
    /// # Errors
    /// `Throttled` when the call is left out.
    pub fn try_acquire_owned(&self) -> Result<ThrottlePermit<'static>, Rejection> {
        let counted = self.shared.draw()?;
        Ok(ThrottlePermit(Admitted::new(Held::Shared(self.shared.clone()), counted)))
    }

    /// Runs `work` or leaves it out. An error means that the callee refused, unless it is the refusal of a policy further
    /// in: see [`Causes`], and [`call_with`](Self::call_with) for errors that are no `Error`.
    ///
    /// # Errors
    /// The work's own, or `Throttled`, in which case nothing was begun.
    pub fn call<W, T, E>(&self, work: W) -> impl Future<Output = Result<T, CallError<E>>>
    where
        W: IntoFuture<Output = Result<T, E>>,
        E: Error + 'static,
    {
        self.call_with(Causes, work)
    }

    /// As [`call`](Self::call), for `work` that is guarded by a policy of its own: a refusal further in comes out as one.
    ///
    /// # Errors
    /// Those of `work`, and `Throttled`, in which case nothing was begun.
    pub fn around<W, T, E>(&self, work: W) -> impl Future<Output = Result<T, CallError<E>>>
    where
        W: IntoFuture<Output = Result<T, CallError<E>>>,
        E: Error + 'static,
    {
        self.call(work).map(|result| result.map_err(CallError::flatten))
    }

    /// Runs `work` or leaves it out; `classifier` says which results mean that the callee refused.
    ///
    /// # Errors
    /// As [`call`](Self::call).
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
}

impl Shared {
    fn draw(&self) -> Result<u64, Rejection> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let seen = state.attempts.total(now);
        let counted = state.attempts.want(now);
        let chance = self.rule.chance(seen);
        let is_left_out = chance > 0.0 && state.random.f64() < chance;
        drop(state);
        if is_left_out {
            let rejection = Rejection::new(self.name, RejectReason::Throttled);
            self.metrics.rejected(rejection.reason());
            self.listeners.refused(&rejection, None);
            return Err(rejection);
        }
        Ok(counted)
    }
}

impl Ledger for Shared {
    /// The slice of the window that the call was counted in.
    type Entry = u64;

    fn close(&self, counted: u64, end: End) {
        let now = self.clock.now();
        let mut state = self.state.lock();
        match end {
            End::Class(Class::Success | Class::Ignored) => state.attempts.end(now, true),
            End::Class(Class::Rejected) | End::Cancelled => state.attempts.forget(now, counted),
            End::Class(_) | End::Panicked => state.attempts.end(now, false),
        }
        drop(state);
        self.metrics.call(end.into());
    }
}

/// The permission for one call, from [`Throttle::try_acquire`].
///
/// Tell it how the call ended with [`record`](Self::record). Dropped without that, the call was cancelled and is not
/// counted. A panic counts as a failure where the permit [watches](AdmitPermit::watch) it, as plain calls and layers do.
#[derive(Debug)]
#[must_use = "a call whose permit is dropped without record() is not counted"]
pub struct ThrottlePermit<'a>(Admitted<Held<'a, Shared>>);

impl ThrottlePermit<'_> {
    /// The call ended like this.
    pub fn record(mut self, class: Class) {
        self.0.close(class.into());
    }
}

impl AdmitPermit for ThrottlePermit<'_> {
    fn record(self, class: Class) {
        ThrottlePermit::record(self, class);
    }

    fn panicked(&mut self) {
        self.0.close(End::Panicked);
    }
}

impl<R> Admit<R> for Throttle {
    type Permit = ThrottlePermit<'static>;

    fn admit(&self, _request: &R) -> Result<ThrottlePermit<'static>, Rejection> {
        self.try_acquire_owned()
    }
}
