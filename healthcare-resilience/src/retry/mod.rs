//! Retry: classification, backoff with jitter, and a budget so that retries cannot multiply an outage.

mod backoff;
mod budget;
mod build;
mod call;
mod classify;
mod effect;
mod error;
mod event;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod http_date;
mod layer;
mod plan;
mod request;
mod run;
mod sent;
mod tokens;

#[cfg(feature = "http")]
pub use self::http::{CloneHttp, HttpStatus};
pub use self::{
    backoff::{Backoff, Jitter, Waits},
    budget::{RetryBudget, RetryBudgetBuilder, RetryToken},
    build::RetryBuilder,
    call::{RetryCall, Retryable},
    classify::{Causes, Guarded, When},
    effect::{Effect, IdempotencyKey, IdempotencyKeyError},
    error::RetryConfigError,
    event::RetryEvent,
    layer::{RetryLayer, RetryService},
    plan::GiveUp,
    request::{CloneAs, CloneRequest, RetryFuture},
};

pub(crate) use self::{
    plan::{Next, Plan},
    request::{Requests, ServiceTry, boxed},
    run::{Made, Tries},
    sent::Sent,
};

use crate::{
    Class,
    listeners::Listeners,
    metrics::{Outcome, PolicyMetrics},
};
use std::{fmt, future::Future, sync::Arc, time::Duration};
use tokio::sync::broadcast;

/// Tries a call again when it failed in a way that may pass. Cheap to clone; clones share the budget.
///
/// - **Effects.** Reads, and writes that the callee applies once ([`Effect::Idempotent`]), are tried again; a plain
///   write is tried once.
/// - **Classes.** [`Class::Transient`] and [`Class::Busy`] are tried again, the latter not before it allows. What a
///   policy further in refused is never tried again, and costs no budget.
/// - **Budget.** Further tries are a share of the calls, see [`RetryBudget`]; one of its own unless it is given one.
/// - **Deadline.** Tries, waits and whatever queue a try stands in end with the deadline, the earlier of the task's
///   ([`Deadline::current`](crate::Deadline::current)), the call's and the policy's `total`. A wait that would reach it
///   is not begun: the last error is handed out at once. A try that reaches it is dropped.
/// - **Nesting.** Inside the tries of another retry there is one try only, unless said otherwise: three tries at each of
///   five layers are 243.
///
/// What comes back when it gives up is the last try's own result, or, where that one was refused further in, that of the
/// last one that was not: the caller can tell that something was sent. Until the call ends it keeps that result, and so
/// does a response whose body still holds a connection. Why it gave up is told by [`events`](Self::events), and by the
/// metrics.
///
/// Waits and deadlines need tokio's timer. Dropping the call drops the try that is under way, and gives back a token
/// that was taken for a try not yet made.
///
/// ```
/// use healthcare_resilience::{Backoff, Retry, Retryable as _};
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let patients = Retry::builder("patients")
///     .max_tries(4)
///     .backoff(Backoff::exponential(Duration::from_millis(50)).cap(Duration::from_secs(2)))
///     .total(Duration::from_secs(10))
///     .build()?;
///
/// let mut tries = 0;
/// let answer = (|| {
///     tries += 1;
///     let answer = if tries < 3 { Err(std::io::Error::other("reset")) } else { Ok(7) };
///     async move { answer }
/// })
/// .retry_read(&patients)
/// .when(|error| error.kind() == std::io::ErrorKind::Other)
/// .notify(|error, wait| println!("{error}, again in {wait:?}"))
/// .await?;
/// assert_eq!((answer, tries), (7, 3));
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Retry {
    settings: Arc<Settings>,
}

/// What was built.
pub(crate) struct Settings {
    name: &'static str,
    max_tries: u32,
    backoff: Backoff,
    budget: Option<RetryBudget>,
    total: Option<Duration>,
    retry_after_max: Duration,
    retries_nested: bool,
    seed: Option<u64>,
    events: Listeners<RetryEvent>,
    metrics: PolicyMetrics,
}

impl Retry {
    /// Three tries, waits of 100 ms doubled up to 20 s with full jitter, a budget of its own.
    pub fn builder(name: &'static str) -> RetryBuilder {
        RetryBuilder::new(name)
    }

    /// The name it was built with.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.settings.name
    }

    /// Tries of a call at most, the first among them.
    #[must_use]
    pub fn max_tries(&self) -> u32 {
        self.settings.max_tries
    }

    /// The waits.
    #[must_use]
    pub fn backoff(&self) -> &Backoff {
        &self.settings.backoff
    }

    /// The longest time for a whole call, if it was given one.
    #[must_use]
    pub fn total(&self) -> Option<Duration> {
        self.settings.total
    }

    /// The budget, unless it was built without.
    #[must_use]
    pub fn budget(&self) -> Option<&RetryBudget> {
        self.settings.budget.as_ref()
    }

    /// What it does from now on. A receiver that lags behind loses the oldest events.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<RetryEvent> {
        self.settings.events.listen()
    }

    /// Calls `operation` until it works, or there is a reason to stop. Errors are classified by [`Causes`].
    ///
    /// `operation` makes the future of each try. Nothing happens before the answer is polled.
    ///
    /// # Errors
    /// [`CallError::Inner`](crate::CallError::Inner) with the error of the last try that was not refused;
    /// [`CallError::Rejected`](crate::CallError::Rejected) when the deadline was over before the first try;
    /// [`CallError::Elapsed`](crate::CallError::Elapsed) when it passed during one.
    pub fn call<O, F, T, E>(
        &self,
        effect: Effect,
        operation: O,
    ) -> RetryCall<'_, O, F, Causes, fn(&E, Duration)>
    where
        O: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
    {
        self.call_with(Causes, effect, operation)
    }

    /// The same with a classifier of one's own. It decides alone: around another policy, let it know a refusal when it
    /// sees one, with [`Guarded`].
    ///
    /// # Errors
    /// As [`call`](Self::call). A result that is `Ok` but not a success comes back as it is when it gives up.
    pub fn call_with<C, O, F, T, E>(
        &self,
        classifier: C,
        effect: Effect,
        operation: O,
    ) -> RetryCall<'_, O, F, C, fn(&E, Duration)>
    where
        O: FnMut() -> F,
        F: Future<Output = Result<T, E>>,
    {
        RetryCall::new(self, effect, operation, classifier)
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Settings {
    pub(crate) fn waits(&self, tries: u32, wait: Duration) {
        self.metrics.event("retry");
        self.send(RetryEvent::Waiting { policy: self.name, tries, wait });
    }

    /// The call's time was over during a try.
    pub(crate) fn late(&self) {
        self.metrics.call(Outcome::Elapsed);
    }

    pub(crate) fn ended(&self, tries: u32, class: Class, why: Option<GiveUp>) {
        self.metrics.call(Outcome::from(class));
        if let Some(why) = why {
            self.metrics.event(why.as_str());
            self.send(RetryEvent::GaveUp { policy: self.name, tries, why });
        } else if class == Class::Success && tries > 1 {
            self.metrics.event("recovered");
            self.send(RetryEvent::Recovered { policy: self.name, tries });
        }
    }

    fn send(&self, event: RetryEvent) {
        self.events.tell(|| event);
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("name", &self.settings.name)
            .field("max_tries", &self.settings.max_tries)
            .field("backoff", &format_args!("{}", self.settings.backoff))
            .field("budget", &self.settings.budget)
            .finish_non_exhaustive()
    }
}
