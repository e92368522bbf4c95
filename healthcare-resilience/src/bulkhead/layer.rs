use super::{Bulkhead, BulkheadPermit, turn::Turn, work::Guarded};
use crate::BoxError;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Guards a service with a [`Bulkhead`].
///
/// ```
/// use healthcare_resilience::{Bulkhead, BulkheadLayer};
/// use tower_layer::Layer;
/// #[derive(Clone)]
/// struct Laboratory;
/// # fn main() -> Result<(), healthcare_resilience::BulkheadConfigError> {
/// let bulkhead = Bulkhead::builder("laboratory").max_calls(20).build()?;
/// let guarded = BulkheadLayer::new(bulkhead.clone()).layer(Laboratory);
/// # let _ = guarded; Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct BulkheadLayer {
    bulkhead: Bulkhead,
}

impl BulkheadLayer {
    /// A layer over `bulkhead`, which may guard other calls and services too.
    #[must_use]
    pub const fn new(bulkhead: Bulkhead) -> Self {
        Self { bulkhead }
    }
}

impl<S> Layer<S> for BulkheadLayer {
    type Service = BulkheadService<S>;

    fn layer(&self, inner: S) -> BulkheadService<S> {
        BulkheadService { inner, bulkhead: self.bulkhead.clone() }
    }
}

/// A service whose calls take a place in a bulkhead. Made by [`BulkheadLayer`].
///
/// The place is taken by `call` or, when none is free, by the future that it returns; `poll_ready` is the inner
/// service's own. A place taken in `poll_ready` would be held by a caller that got ready and never called, and every
/// idle clone of the service would keep one from those who need it. The price: no back-pressure by readiness; who
/// comes too much is refused by an answer, at once. The place stays inside the answer's future until it resolves or is
/// dropped.
#[derive(Debug, Clone)]
pub struct BulkheadService<S> {
    inner: S,
    bulkhead: Bulkhead,
}

impl<S, R> Service<R> for BulkheadService<S>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BulkheadFuture<S, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> BulkheadFuture<S, R> {
        let state = match self.bulkhead.take_owned() {
            Some(permit) => State::Running { work: Guarded::new(self.inner.call(request), permit) },
            None => {
                // The service that was ready waits for the place; its clone takes the next call.
                let fresh = self.inner.clone();
                let ready = mem::replace(&mut self.inner, fresh);
                State::Waiting { turn: self.bulkhead.turn_owned(), call: Some((ready, request)) }
            }
        };
        BulkheadFuture { state }
    }
}

pin_project! {
    /// The answer of a [`BulkheadService`], or a [`Rejection`](crate::Rejection) as its error.
    #[must_use = "futures do nothing unless polled"]
    pub struct BulkheadFuture<S: Service<R>, R> {
        #[pin]
        state: State<S, R, S::Future>,
    }
}

pin_project! {
    #[project = Step]
    enum State<S, R, F> {
        Waiting { #[pin] turn: Turn<'static>, call: Option<(S, R)> },
        Running { #[pin] work: Guarded<F, BulkheadPermit<'static>> },
        Refused,
    }
}

impl<S, R> Future for BulkheadFuture<S, R>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                Step::Running { work } => return work.poll(cx).map_err(Into::into),
                // Polled again after it resolved: stays pending, as a fused future does.
                Step::Refused => return Poll::Pending,
                Step::Waiting { turn, call } => {
                    let permit = match ready!(turn.poll(cx)) {
                        Ok(permit) => permit,
                        Err(rejection) => {
                            // The holder may keep this future for long; service and request must not live on inside it.
                            state.set(State::Refused);
                            return Poll::Ready(Err(Box::new(rejection)));
                        }
                    };
                    let Some((mut service, request)) = call.take() else { return Poll::Pending };
                    let work = Guarded::new(service.call(request), permit);
                    state.set(State::Running { work });
                }
            }
        }
    }
}

impl<S: Service<R>, R> fmt::Debug for BulkheadFuture<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BulkheadFuture").finish_non_exhaustive()
    }
}
