//! Policies in a row: the order checked when it is built, one call at run time.

mod build;
mod call;
mod counted;
mod ending;
mod error;
mod event;
mod explain;
mod held;
mod layer;
mod order;
mod permit;
mod presets;
mod row;
mod rule;
mod run;
mod step;
mod tries;
mod within;

pub use self::{
    build::StackBuilder,
    call::StackCall,
    error::StackConfigError,
    event::StackEvent,
    explain::Explanation,
    layer::{StackFuture, StackLayer, StackService},
    rule::{OrderRule, StepKind},
};

use self::step::Step;
use crate::{
    CallError, Causes, CircuitBreaker, IdempotencyKey, Priority, RejectReason, listeners::Listeners,
    metrics::PolicyMetrics,
};
use std::{
    error::Error,
    future::{Future, IntoFuture},
    sync::Arc,
    time::Duration,
};
use tokio::sync::broadcast;

/// Several policies as one, from the outside in. Cheap to clone; the policies are shared.
///
/// The order is checked when it is built: each [`OrderRule`] has a reason, and those that may be broken are broken by
/// name. [`explain`](Self::explain) prints the stack.
///
/// What a repetition would do is said by the call's name: [`read`](Self::read), [`idempotent`](Self::idempotent) or
/// [`write`](Self::write). Only the first two are made more than once.
///
/// A call, its waits and its further tries allocate nothing; only a hedge puts each further try that it sends on the heap,
/// and a line of a bulkhead grows with those who wait. A call has one timer at a time, made when it first waits.
///
/// Whenever a call is dropped, the work is dropped first, and then every permit is given back, innermost first; those of a
/// rate limit are not, as [`rate_limit`](StackBuilder::rate_limit) says. Nothing is recorded for a dropped call; a
/// panic counts as a failure and goes on. Three rules say who learns what of a call that a time limit dropped: for
/// steps outside of the limit it failed; steps inside of it learn nothing, since they did not set it; and when the time
/// was over before anything was called it is a refusal, from which nobody concludes anything.
///
/// A [`Fallback`](crate::Fallback) stands outside of every stack: `fallback.call(stack.read(..))`.
///
/// ```
/// use healthcare_resilience::{Bulkhead, CallError, CircuitBreaker, Retry, Stack};
/// use std::time::Duration;
/// # async fn fetch() -> Result<u8, std::io::Error> { Ok(12) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let patients = Stack::builder("patients")
///     .deadline(Duration::from_secs(10))
///     .retry(Retry::builder("patients").build()?)
///     .bulkhead(Bulkhead::builder("patients").max_calls(20).build()?)
///     .breaker(CircuitBreaker::database("patients").build()?)
///     .time_out(Duration::from_secs(2))
///     .build()?;
/// let beds = patients.read(|| fetch()).await?;
/// assert_eq!(beds, 12);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Stack {
    shared: Arc<Shared>,
}

/// What was built.
#[derive(Debug)]
struct Shared {
    name: &'static str,
    steps: Box<[Step]>,
    /// There is a retry or a hedge.
    repeats: bool,
    /// Rules that are broken knowingly.
    broken: Box<[OrderRule]>,
    events: Listeners<StackEvent>,
    metrics: PolicyMetrics,
}

impl Stack {
    /// Starts describing a stack. The name appears in refusals of its deadline.
    pub const fn builder(name: &'static str) -> StackBuilder {
        StackBuilder::new(name)
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.shared.name
    }

    /// The stack in words: `println!("{}", stack.explain())`.
    #[must_use]
    pub const fn explain(&self) -> Explanation<'_> {
        Explanation { stack: self }
    }

    /// Its circuit breakers from the outside in, for health checks.
    pub fn breakers(&self) -> impl Iterator<Item = &CircuitBreaker> {
        self.shared.steps.iter().filter_map(|step| match step {
            Step::Breaker(breaker) => Some(breaker),
            _ => None,
        })
    }

    /// What it does itself from now on: whose time was over. A receiver that lags behind loses the oldest events.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<StackEvent> {
        self.shared.events.listen()
    }

    /// Says with `classifier` what results mean: one answer for every policy of the stack. Without it that is
    /// [`Causes`].
    pub const fn with<C>(&self, classifier: C) -> StackCall<'_, C> {
        StackCall::new(self, classifier, Priority::Normal)
    }

    /// Says how much a call matters, for the shedder. Without it that is `Normal`.
    pub const fn priority(&self, priority: Priority) -> StackCall<'_, Causes> {
        StackCall::new(self, Causes, priority)
    }

    /// Makes a call that changes nothing, as often as the stack allows.
    ///
    /// # Errors
    /// [`CallError::Rejected`] when a policy refused it, [`CallError::Elapsed`] when a time limit dropped it, else the
    /// last try's own error.
    pub fn read<F, W, T, E>(&self, work: F) -> impl Future<Output = Result<T, CallError<E>>>
    where
        F: FnMut() -> W,
        W: IntoFuture<Output = Result<T, E>>,
        E: Error + 'static,
    {
        self.with(Causes).read(work)
    }

    /// Makes a write that carries `key`, which the callee honours, as often as the stack allows.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn idempotent<F, W, T, E>(
        &self,
        key: &IdempotencyKey,
        work: F,
    ) -> impl Future<Output = Result<T, CallError<E>>>
    where
        F: FnMut() -> W,
        W: IntoFuture<Output = Result<T, E>>,
        E: Error + 'static,
    {
        self.with(Causes).idempotent(key, work)
    }

    /// Makes any other write: once, without retry and hedge, through everything else.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn write<W, T, E>(&self, work: W) -> impl Future<Output = Result<T, CallError<E>>>
    where
        W: IntoFuture<Output = Result<T, E>>,
        E: Error + 'static,
    {
        self.with(Causes).write(work)
    }
}

impl Shared {
    /// The limit of the step at `level` dropped a try or the call.
    #[cold]
    fn elapsed(&self, level: usize, limit: Duration) {
        let Some(step) = level.checked_sub(1).and_then(|at| self.steps.get(at)).map(Step::kind) else {
            return;
        };
        self.metrics.event(match step {
            StepKind::TimeOut => "time_out",
            StepKind::Deadline => "deadline",
            _ => "total",
        });
        self.send(StackEvent::Elapsed { stack: self.name, step, limit });
    }

    #[cold]
    fn too_late(&self) {
        self.metrics.rejected(RejectReason::DeadlineOver);
        self.send(StackEvent::TooLate { stack: self.name });
    }

    fn send(&self, event: StackEvent) {
        self.events.tell(|| event);
    }
}
