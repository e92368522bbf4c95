use super::{
    admit::Admit,
    controller::{Controller, Settings},
    event::OverloadEvent,
    in_flight::InFlight,
    limit_build::AdaptiveLimitBuilder,
    moving::Moving,
    samples::Sample,
};
use crate::{
    AdmitPermit, CallError, Causes, Class, Classify, Clock, Moment, RejectReason, Rejection,
    admitted::{self, Admitted, End, Ledger},
    bulkhead::held::Held,
    listeners::Listeners,
    metrics::{PolicyMetrics, Reading},
    sync::Mutex,
};
use futures_util::FutureExt as _;
use std::{
    error::Error,
    future::{Future, IntoFuture},
    sync::Arc,
};
use tokio::sync::broadcast;

/// Finds out how many calls a callee can take at once, and lets in no more. Cheap to clone; clones are one limit.
///
/// It moves by [`Aimd`](crate::Aimd), [`Vegas`](crate::Vegas) or [`Gradient`](crate::Gradient). What counts as a sign:
///
/// - A success or its latency, but only while at least half of the limit is in use: otherwise it was not the limit that
///   held, and it would grow without bound.
/// - A failure shrinks the limit. Its latency is not looked at, because a refusal is fast.
/// - Nothing else: an ignored or rejected call, and one that was dropped before it ended, is neutral. Put the time-out
///   inside of the limit, so that time-outs are seen as the failures they are.
///
/// Vegas and Gradient compare with the latency without load. It is learned downwards at any time; upwards only while
/// less than half of the limit is in use, while the limit is at its minimum, or by a *probe*: every 30 to 60 loaded windows
/// the limit is halved for two windows, in the first of which the queue runs empty and in the second the latency is
/// measured. So it neither creeps up under a load that lasts nor stays down after the callee became slower for good.
///
/// ```
/// use healthcare_resilience::{AdaptiveLimit, CallError, Gradient};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let limit = AdaptiveLimit::builder("laboratory").algorithm(Gradient::default()).max(200).build()?;
/// let report: Result<&str, CallError<std::io::Error>> = limit.call(async { Ok("negative") }).await;
/// assert_eq!(report?, "negative");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AdaptiveLimit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    name: &'static str,
    clock: Clock,
    in_flight: InFlight,
    limit: Moving,
    is_fixed: bool,
    controller: Mutex<Controller>,
    metrics: PolicyMetrics,
    listeners: Listeners<OverloadEvent>,
}

impl AdaptiveLimit {
    /// Starts describing a limit. `name` appears in refusals and metrics.
    pub fn builder(name: &'static str) -> AdaptiveLimitBuilder {
        AdaptiveLimitBuilder::new(name)
    }

    pub(super) fn new(name: &'static str, clock: Clock, settings: Settings) -> Self {
        let shared = Shared {
            name,
            clock,
            in_flight: InFlight::new(),
            limit: Moving::new(settings.initial as u64),
            is_fixed: settings.algorithm.is_none(),
            controller: Mutex::new(Controller::new(settings)),
            metrics: PolicyMetrics::new("limit", name),
            listeners: Listeners::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// How many calls may be under way now.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.shared.limit()
    }

    /// How many are under way. More than the limit for a while after it shrank.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.in_flight.now()
    }

    /// Tells each refusal and each move of the limit from now on. A listener that is more than 32 events behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<OverloadEvent> {
        self.shared.listeners.listen()
    }

    /// Lets a call in, if the limit allows one more.
    ///
    /// # Errors
    /// `Overloaded` otherwise.
    pub fn try_acquire(&self) -> Result<LimitPermit<'_>, Rejection> {
        self.take(Share::ALL).ok_or_else(|| self.overloaded())
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that can move to another task or thread.
    ///
    /// # Errors
    /// `Overloaded` when the limit is reached.
    pub fn try_acquire_owned(&self) -> Result<LimitPermit<'static>, Rejection> {
        self.take_owned(Share::ALL).ok_or_else(|| self.overloaded())
    }

    /// Runs `work` under the limit. An error shrinks it, unless it is the refusal of a policy further in: see [`Causes`], and
    /// [`call_with`](Self::call_with) for errors that are no `Error`.
    ///
    /// # Errors
    /// The work's own, or `Overloaded`, in which case nothing was begun.
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
    /// Those of `work`, and `Overloaded`, in which case nothing was begun.
    pub fn around<W, T, E>(&self, work: W) -> impl Future<Output = Result<T, CallError<E>>>
    where
        W: IntoFuture<Output = Result<T, CallError<E>>>,
        E: Error + 'static,
    {
        self.call(work).map(|result| result.map_err(CallError::flatten))
    }

    /// Runs `work` under the limit; `classifier` says which results are failures.
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

    /// Lets a call in if it fits into a share of the limit.
    pub(super) fn take(&self, share: Share) -> Option<LimitPermit<'_>> {
        let entered = self.shared.enter(share)?;
        Some(LimitPermit(Admitted::new(Held::Borrowed(&self.shared), entered)))
    }

    pub(super) fn take_owned(&self, share: Share) -> Option<LimitPermit<'static>> {
        let entered = self.shared.enter(share)?;
        Some(LimitPermit(Admitted::new(Held::Shared(self.shared.clone()), entered)))
    }

    pub(super) fn settings(&self) -> Settings {
        self.shared.controller.lock().settings
    }

    /// How much of the limit is in use: 1 is all of it.
    pub(super) fn usage(&self) -> f64 {
        self.in_flight() as f64 / self.limit() as f64
    }

    fn overloaded(&self) -> Rejection {
        let rejection = Rejection::new(self.shared.name, RejectReason::Overloaded);
        self.shared.metrics.rejected(rejection.reason());
        self.shared.listeners.refused(&rejection, None);
        rejection
    }
}

impl Shared {
    fn limit(&self) -> usize {
        self.limit.get() as usize
    }

    fn enter(&self, share: Share) -> Option<Entered> {
        let in_flight = self.in_flight.try_take(share.of(self.limit())).ok()?;
        self.metrics.add(Reading::InFlight, 1.0);
        let began = if self.is_fixed { Moment::START } else { self.clock.now() };
        Some(Entered { began, in_flight })
    }

    fn learn(&self, entered: Entered, in_flight_at_end: usize, is_dropped: bool) {
        // The first call of a burst began alone and was slowed by the others: both ends count.
        let in_flight = entered.in_flight.max(in_flight_at_end);
        let sample = Sample { began: entered.began, ended: self.clock.now(), in_flight, is_dropped };
        let mut controller = self.controller.lock();
        let limit = controller.limit_after(sample) as u64;
        // Under the lock, or an older limit could overwrite a newer one.
        let former = self.limit.swap(limit);
        drop(controller);
        if limit != former {
            self.limit.tell(|from, to| self.moved(from as usize, to as usize));
        }
    }

    fn moved(&self, from: usize, to: usize) {
        self.metrics.set(Reading::Limit, to as f64);
        if from != to {
            self.listeners.tell(|| OverloadEvent::LimitMoved { policy: self.name, from, to });
        }
    }
}

/// How much of a limit somebody may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    pub(super) part: f64,
    /// How many others have a greater part. A place is kept for each.
    pub(super) above: usize,
}

impl Share {
    pub(super) const ALL: Self = Self { part: 1.0, above: 0 };

    /// The part, rounded up, without what is kept for others; never nothing.
    pub(super) fn of(self, limit: usize) -> usize {
        let places = if self.part < 1.0 { (limit as f64 * self.part).ceil() as usize } else { limit };
        places.min(limit.saturating_sub(self.above)).max(1)
    }
}

impl Ledger for Shared {
    type Entry = Entered;

    fn close(&self, entered: Entered, end: End) {
        let in_flight_at_end = self.in_flight.give_back();
        self.metrics.add(Reading::InFlight, -1.0);
        self.metrics.call(end.into());
        let is_dropped = match end {
            End::Class(Class::Success) => false,
            End::Class(class) if !class.is_failure() => return,
            End::Class(_) | End::Panicked => true,
            End::Cancelled => return,
        };
        if !self.is_fixed {
            self.learn(entered, in_flight_at_end, is_dropped);
        }
    }
}

/// What is known of a call when it begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entered {
    began: Moment,
    in_flight: usize,
}

/// The permission for one call, from an [`AdaptiveLimit`] or a [`Shedder`](crate::Shedder).
///
/// Tell it how the call ended with [`record`](Self::record). Dropped without that, the call was cancelled and says
/// nothing. A panic counts as a failure where the permit [watches](AdmitPermit::watch) it, as plain calls and layers do.
#[derive(Debug)]
#[must_use = "the call is permitted while this is held, and neutral when it is dropped without record()"]
pub struct LimitPermit<'a>(Admitted<Held<'a, Shared>>);

impl LimitPermit<'_> {
    /// The call ended like this.
    pub fn record(mut self, class: Class) {
        self.0.close(class.into());
    }
}

impl AdmitPermit for LimitPermit<'_> {
    fn record(self, class: Class) {
        LimitPermit::record(self, class);
    }

    fn panicked(&mut self) {
        self.0.close(End::Panicked);
    }
}

impl<R> Admit<R> for AdaptiveLimit {
    type Permit = LimitPermit<'static>;

    fn admit(&self, _request: &R) -> Result<LimitPermit<'static>, Rejection> {
        self.try_acquire_owned()
    }
}
