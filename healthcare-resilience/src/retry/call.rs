use super::{
    Causes, Effect, IdempotencyKey, Retry, When,
    plan::Plan,
    run::{Made, Run, Step},
    sent::Sent,
};
use crate::{CallError, Classify, Deadline};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

pin_project! {
    /// A call under a [`Retry`]: to be refined, then awaited. Made by [`Retryable`] and [`Retry::call`].
    ///
    /// Nothing is allocated for it.
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryCall<'p, O, F: Future, C, N> {
        #[pin]
        run: Run<&'p Retry, Made<O>, F, C, N, F::Output>,
    }
}

fn quiet<E>(_: &E, _: Duration) {}

impl<'p, O, F: Future, C, E> RetryCall<'p, O, F, C, fn(&E, Duration)> {
    pub(crate) fn new(policy: &'p Retry, effect: Effect, operation: O, classifier: C) -> Self {
        let plan = Plan::new(effect, None);
        let notify: fn(&E, Duration) = quiet;
        let (step, timer, sent) = (Step::Begin, None, Sent::nothing());
        Self { run: Run { policy, tries: Made(operation), classifier, notify, plan, step, timer, sent } }
    }
}

impl<'p, O, F: Future, C, N> RetryCall<'p, O, F, C, N> {
    /// Tries again only where `condition` holds. It is not asked about refusals of other policies: those are never
    /// tried again.
    pub fn when<G, T, E>(self, condition: G) -> RetryCall<'p, O, F, When<G>, N>
    where
        F: Future<Output = Result<T, E>>,
        G: Fn(&E) -> bool,
    {
        self.classify(When(condition))
    }

    /// Decides with `classifier` what a result means, successes too.
    pub fn classify<D>(self, classifier: D) -> RetryCall<'p, O, F, D, N> {
        let Run { policy, tries, classifier: _, notify, plan, step, timer, sent } = self.run;
        RetryCall { run: Run { policy, tries, classifier, notify, plan, step, timer, sent } }
    }

    /// Calls `notify` with the error and the wait before each wait. For results that are `Ok` and yet tried again, see
    /// [`Retry::events`].
    pub fn notify<M, T, E>(self, notify: M) -> RetryCall<'p, O, F, C, M>
    where
        F: Future<Output = Result<T, E>>,
        M: FnMut(&E, Duration),
    {
        let Run { policy, tries, classifier, notify: _, plan, step, timer, sent } = self.run;
        RetryCall { run: Run { policy, tries, classifier, notify, plan, step, timer, sent } }
    }

    /// Ends by `deadline` at the latest; the task's own and the policy's still hold.
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.run.plan.deadline = Some(deadline);
        self
    }
}

impl<O, F, C, N, T, E> Future for RetryCall<'_, O, F, C, N>
where
    O: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
    C: Classify<T, E>,
    N: FnMut(&E, Duration),
{
    type Output = Result<T, CallError<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx)
    }
}

impl<O, F: Future, C, N> fmt::Debug for RetryCall<'_, O, F, C, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryCall").field("policy", &self.run.policy).finish_non_exhaustive()
    }
}

/// Retries as a method of any closure that makes a future.
///
/// What a repetition would do is said by the method's name: there is none for a plain write, because it is not tried
/// again. Those that must go through the same policy use [`Retry::call`] with [`Effect::Write`].
///
/// ```
/// use healthcare_resilience::{IdempotencyKey, Retry, Retryable as _};
/// # async fn fetch(id: u64) -> Result<u64, std::io::Error> { Ok(id) }
/// # async fn send(key: &str) -> Result<(), std::io::Error> { Ok(()) }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let policy = Retry::builder("patients").build()?;
/// let patient = (|| fetch(7)).retry_read(&policy).await?;
///
/// let key = IdempotencyKey::new("0192f2a4-6d0a-7cc0-9f5e-1f8f4b6c9a10")?;
/// (|| send(key.as_str())).retry_write(&policy, &key).await?;
/// # Ok(()) }
/// ```
pub trait Retryable<F, T, E>: FnMut() -> F + Sized
where
    F: Future<Output = Result<T, E>>,
{
    /// Tries a call that changes nothing.
    fn retry_read(self, policy: &Retry) -> RetryCall<'_, Self, F, Causes, fn(&E, Duration)> {
        policy.call(Effect::Read, self)
    }

    /// Tries a write that carries `key`, which the callee must honour.
    fn retry_write<'p>(
        self,
        policy: &'p Retry,
        key: &IdempotencyKey,
    ) -> RetryCall<'p, Self, F, Causes, fn(&E, Duration)> {
        policy.call(Effect::from(key), self)
    }
}

impl<O, F, T, E> Retryable<F, T, E> for O
where
    O: FnMut() -> F,
    F: Future<Output = Result<T, E>>,
{
}
