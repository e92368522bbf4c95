use super::{Context as Facts, Deadline, NAME, Scoped};
use crate::{BoxError, Elapsed, RejectReason, Rejection};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::time::Timeout;
use tower_layer::Layer;
use tower_service::Service;

/// Tells a [`DeadlineLayer`] how long a request may take: a [`Duration`] for all, or by the request.
pub trait TimeAllowed<R> {
    /// The time, counted from the call.
    fn time_allowed(&self, request: &R) -> Duration;
}

impl<R> TimeAllowed<R> for Duration {
    fn time_allowed(&self, _: &R) -> Duration {
        *self
    }
}

/// Puts every call of a service under a deadline: the policies further in see it, and the call is dropped when it is
/// over. A deadline that the task is under already holds when it is earlier.
///
/// ```
/// use healthcare_resilience::{DeadlineLayer, DeadlineService};
/// use std::time::Duration;
/// use tower_layer::Layer as _;
/// struct Laboratory;
/// let bounded: DeadlineService<Laboratory> = DeadlineLayer::new(Duration::from_secs(5)).layer(Laboratory);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct DeadlineLayer<A = Duration> {
    allowed: A,
}

impl<A> DeadlineLayer<A> {
    /// A layer that allows a call this long. With feature `http` it can be `ClientTime`, which reads it from the
    /// request.
    #[must_use]
    pub const fn new(allowed: A) -> Self {
        Self { allowed }
    }
}

impl<S, A: Clone> Layer<S> for DeadlineLayer<A> {
    type Service = DeadlineService<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, allowed: self.allowed.clone() }
    }
}

/// A service whose calls have a deadline. Made by [`DeadlineLayer`].
///
/// The time runs from `call`, not from `poll_ready`. Its own errors are [`Elapsed`], and a [`Rejection`] when the task's
/// deadline is over already.
#[derive(Debug, Clone)]
pub struct DeadlineService<S, A = Duration> {
    inner: S,
    allowed: A,
}

impl<S, R, A> Service<R> for DeadlineService<S, A>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    A: TimeAllowed<R>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let own = Deadline::within(self.allowed.time_allowed(&request));
        let deadline = Deadline::current().map_or(own, |current| current.earlier(own));
        let limit = deadline.left();
        // When nothing is left there is no call: what the inner service made ready stays for the next one.
        let work = (!limit.is_zero()).then(|| {
            let call = Facts::current().until(Some(deadline)).enter(|| self.inner.call(request));
            tokio::time::timeout(limit, deadline.scope(call))
        });
        DeadlineFuture { work, deadline, limit, is_refused: limit.is_zero() }
    }
}

pin_project! {
    /// The answer of a [`DeadlineService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct DeadlineFuture<F> {
        #[pin]
        work: Option<Timeout<Scoped<F>>>,
        deadline: Deadline,
        limit: Duration,
        is_refused: bool,
    }
}

impl<F, T, E> Future for DeadlineFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if std::mem::take(this.is_refused) {
            return Poll::Ready(Err(Rejection::new(NAME, RejectReason::DeadlineOver).into()));
        }
        // Polled again after it resolved: stays pending, as a fused future does.
        let Some(work) = this.work.as_mut().as_pin_mut() else { return Poll::Pending };
        let done = ready!(work.poll(cx));
        this.work.set(None);
        Poll::Ready(match done {
            Ok(answer) => answer.map_err(Into::into),
            Err(_) => Err(Elapsed::at(*this.deadline, *this.limit).into()),
        })
    }
}
