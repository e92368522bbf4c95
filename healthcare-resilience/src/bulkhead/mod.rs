//! Bulkhead: at most so many calls at once, and a bounded queue in order of arrival.

mod build;
mod event;
pub(crate) mod held;
mod layer;
mod permit;
mod places;
mod turn;
mod work;

pub use self::{
    build::{BulkheadBuilder, BulkheadConfigError},
    event::BulkheadEvent,
    layer::{BulkheadFuture, BulkheadLayer, BulkheadService},
    permit::BulkheadPermit,
};

use self::{held::Held, places::Places, turn::Turn, work::Guarded};
use crate::{
    CallError, Deadline, RejectReason, Rejection, deadline::Context, listeners::Listeners,
    metrics::PolicyMetrics,
};
use std::{
    future::{Future, IntoFuture},
    panic::resume_unwind,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::broadcast,
    task::{AbortHandle, JoinHandle},
};

/// Lets so many calls be under way at once, so that one slow callee cannot take every task, thread and connection.
/// Cheap to clone; every clone is the same bulkhead.
///
/// Whoever finds no place may wait for one: in order of arrival, not more than `max_waiting` of them, not longer than
/// `max_wait` and not beyond the current [`Deadline`](crate::Deadline). A waiter that is dropped leaves the line at
/// once, and a place that was just handed to it goes to the next one.
///
/// The permit lives inside the work. A time-out around [`call`](Self::call) drops the work and the place together;
/// one around [`run_blocking`](Self::run_blocking) or around the handle of [`spawn`](Self::spawn) drops only the
/// waiting, while the work goes on and keeps its place until it ends. The number of pieces of work that run is
/// therefore never above `max_calls`.
///
/// ```
/// use healthcare_resilience::{Bulkhead, CallError};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let laboratory = Bulkhead::builder("laboratory")
///     .max_calls(20)
///     .max_waiting(50)
///     .max_wait(Duration::from_secs(2))
///     .build()?;
/// let report: Result<&str, CallError<std::io::Error>> =
///     laboratory.call(async { Ok("negative") }).await;
/// assert_eq!(report?, "negative");
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Bulkhead {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    name: &'static str,
    places: Places,
    max_wait: Duration,
    metrics: PolicyMetrics,
    listeners: Listeners<BulkheadEvent>,
}

impl Bulkhead {
    /// Starts describing a bulkhead. `name` appears in refusals and metrics.
    pub fn builder(name: &'static str) -> BulkheadBuilder {
        BulkheadBuilder::new(name)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// How many calls may be under way at once.
    #[must_use]
    pub fn max_calls(&self) -> usize {
        self.shared.places.max_calls()
    }

    pub(crate) fn may_wait(&self) -> bool {
        !self.max_wait().is_zero()
    }

    /// How many may wait for a place.
    #[must_use]
    pub fn max_waiting(&self) -> usize {
        self.shared.places.max_waiting()
    }

    /// How long one may wait.
    #[must_use]
    pub fn max_wait(&self) -> Duration {
        self.shared.max_wait
    }

    /// How many are under way.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.shared.places.in_flight()
    }

    /// How many wait for a place.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared.places.waiting()
    }

    /// Tells each refusal from now on. A listener that is more than 32 events behind loses the oldest.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<BulkheadEvent> {
        self.shared.listeners.listen()
    }

    /// Takes a place, if one is free and nobody waits for it.
    ///
    /// # Errors
    /// `BulkheadFull` otherwise.
    pub fn try_acquire(&self) -> Result<BulkheadPermit<'_>, Rejection> {
        if self.shared.places.try_take() {
            Ok(BulkheadPermit::of(Held::Borrowed(&self.shared)))
        } else {
            Err(self.shared.reject(RejectReason::BulkheadFull))
        }
    }

    /// As [`try_acquire`](Self::try_acquire), with a permit that can move to another task or thread.
    ///
    /// # Errors
    /// `BulkheadFull` when no place is free, or when somebody waits for it.
    pub fn try_acquire_owned(&self) -> Result<BulkheadPermit<'static>, Rejection> {
        self.take_owned().ok_or_else(|| self.shared.reject(RejectReason::BulkheadFull))
    }

    /// Takes a place, and waits in line for it if none is free. Stands in line from the first poll on; dropping it
    /// leaves the line.
    ///
    /// # Errors
    /// `BulkheadFull` at once when as many wait as may, `WaitedTooLong` after `max_wait`, `DeadlineOver` when the
    /// current deadline was over sooner.
    pub fn acquire(&self) -> impl Future<Output = Result<BulkheadPermit<'_>, Rejection>> + Send {
        Turn::new(Held::Borrowed(&*self.shared))
    }

    /// As [`acquire`](Self::acquire), with a permit that can move to another task or thread.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub fn acquire_owned(
        &self,
    ) -> impl Future<Output = Result<BulkheadPermit<'static>, Rejection>> + Send + use<> {
        self.turn_owned()
    }

    /// Runs `work` in a place. Dropping this drops the work, then frees the place.
    ///
    /// # Errors
    /// The work's own, or the [`Rejection`] of [`acquire`](Self::acquire), in which case nothing was begun.
    pub async fn call<W, T, E>(&self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, E>>,
    {
        let permit = self.acquire().await?;
        Guarded::new(work.into_future(), permit).await.map_err(CallError::Inner)
    }

    /// As [`call`](Self::call), for `work` that is guarded by a policy of its own: a refusal further in comes out as one.
    ///
    /// # Errors
    /// Those of `work`, or the [`Rejection`] of [`acquire`](Self::acquire), in which case nothing was begun.
    pub async fn around<W, T, E>(&self, work: W) -> Result<T, CallError<E>>
    where
        W: IntoFuture<Output = Result<T, CallError<E>>>,
    {
        self.call(work).await.map_err(CallError::flatten)
    }

    /// Waits for a place, then runs `work` in it as a task of its own. Dropping the handle does not stop the task,
    /// and the place is taken until the task ends. It stands under no deadline and under no retry of its caller: spawn
    /// `deadline.scope(work)` where it is to end with one. Needs a tokio runtime.
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire); nothing was spawned then.
    pub async fn spawn<W>(&self, work: W) -> Result<JoinHandle<W::Output>, Rejection>
    where
        W: Future + Send + 'static,
        W::Output: Send,
    {
        let permit = self.acquire_owned().await?;
        Ok(tokio::spawn(Guarded::new(work, permit)))
    }

    /// Waits for a place, then runs `work` in it on one of the runtime's blocking threads. Dropping this keeps
    /// work from beginning, but does not stop what has begun: that keeps its place until it ends. Needs a tokio runtime.
    ///
    /// A panic of `work` goes on here. `work` sees the caller's [`Deadline`](crate::Deadline), and a retry inside of it
    /// knows of one around it.
    ///
    /// # Errors
    /// The work's own, the [`Rejection`] of [`acquire`](Self::acquire), or one with the reason `Stopping` when the
    /// runtime ended before the work began; nothing was begun then.
    pub async fn run_blocking<F, T, E>(&self, work: F) -> Result<T, CallError<E>>
    where
        F: FnOnce() -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let permit = self.acquire_owned().await?;
        let context = Context::current();
        let thread = tokio::task::spawn_blocking(move || {
            // Bound here so that it is dropped after the work, in a panic too.
            let _permit = permit;
            context.enter(work)
        });
        // Work that has not begun when its caller leaves is not begun.
        let _abandoned = AbortOnDrop(thread.abort_handle());
        match thread.await {
            Ok(result) => result.map_err(CallError::Inner),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(_) => Err(CallError::Rejected(self.shared.reject(RejectReason::Stopping))),
            },
        }
    }

    fn take_owned(&self) -> Option<BulkheadPermit<'static>> {
        self.shared.places.try_take().then(|| BulkheadPermit::of(Held::Shared(self.shared.clone())))
    }

    fn turn_owned(&self) -> Turn<'static> {
        Turn::new(Held::Shared(self.shared.clone()))
    }
}

/// Ends a task that nobody waits for, if it has not begun: a blocking one cannot be ended later.
struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shared {
    fn reject(&self, reason: RejectReason) -> Rejection {
        self.metrics.rejected(reason);
        self.listeners.tell(|| BulkheadEvent::Refused { policy: self.name, reason });
        Rejection::new(self.name, reason)
    }

    /// How long a waiter waits, and what it is told then.
    fn patience(&self) -> (Duration, RejectReason) {
        match Deadline::current().map(Deadline::left) {
            Some(left) if left < self.max_wait => (left, RejectReason::DeadlineOver),
            _ => (self.max_wait, RejectReason::WaitedTooLong),
        }
    }
}
