use super::{CircuitBreaker, OwnedBreakerPermit};
use crate::{BoxError, Classify, ErrorChain, Rejection, admitted::AdmitPermit as _};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower_service::Service;

/// A service behind a [`CircuitBreaker`]. Made by [`BreakerLayer`](crate::BreakerLayer).
///
/// Readiness is the inner service's own: `poll_ready` passes through, takes no permit, and an error of it is not
/// recorded, since nothing was called. The circuit is asked in `call`. A refused call leaves the inner service ready, for
/// the next call.
#[derive(Debug, Clone)]
pub struct BreakerService<S, C = ErrorChain> {
    inner: S,
    breaker: CircuitBreaker,
    classifier: C,
}

impl<S, C> BreakerService<S, C> {
    pub(super) const fn new(inner: S, breaker: CircuitBreaker, classifier: C) -> Self {
        Self { inner, breaker, classifier }
    }
}

impl<S, R, C> Service<R> for BreakerService<S, C>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    C: Classify<S::Response, BoxError> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BreakerFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let (call, permit) = match self.breaker.try_acquire_owned() {
            Ok(mut permit) => (Some(permit.watch(|| self.inner.call(request))), Ok(permit)),
            Err(rejection) => (None, Err(rejection)),
        };
        BreakerFuture { call, permit: Some(permit), classifier: self.classifier.clone() }
    }
}

pin_project! {
    /// The answer of a [`BreakerService`].
    ///
    /// Dropped before it resolves, it drops the call, which is neutral then.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct BreakerFuture<F, C = ErrorChain> {
        #[pin]
        call: Option<F>,
        permit: Option<Result<OwnedBreakerPermit, Rejection>>,
        classifier: C,
    }
}

impl<F, T, E, C> Future for BreakerFuture<F, C>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
    C: Classify<T, BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Out of the future while the call runs: should that panic, whoever catches it cannot poll the call again.
        let mut permit = match this.permit.take() {
            Some(Ok(permit)) => permit,
            Some(Err(rejection)) => return Poll::Ready(Err(rejection.into())),
            // Polled again after it resolved: stays pending, as a fused future does.
            None => return Poll::Pending,
        };
        let Some(call) = this.call.as_mut().as_pin_mut() else { return Poll::Pending };
        let Poll::Ready(result) = permit.watch(|| call.poll(cx)) else {
            *this.permit = Some(Ok(permit));
            return Poll::Pending;
        };
        // The holder may keep this future for long; the call must not live on inside it.
        this.call.set(None);
        let result = result.map_err(Into::into);
        let class = permit.watch(|| this.classifier.classify(result.as_ref()));
        permit.record(class);
        Poll::Ready(result)
    }
}
