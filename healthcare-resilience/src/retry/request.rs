use super::{
    Effect, Retry,
    run::{Run, Tries},
};
use crate::{BoxError, CallError, Classify};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tower_service::Service;

/// Tells a [`RetryLayer`](crate::RetryLayer) what a request would do when it is repeated, and how to copy it.
pub trait CloneRequest<R> {
    /// What repeating `request` would do.
    fn effect(&self, request: &R) -> Effect;

    /// Another `request`, or none when it has a part that can be sent once only: it is then tried once.
    fn clone_request(&self, request: &R) -> Option<R>;
}

/// Clones every request with `Clone`; all of them have this effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CloneAs(pub Effect);

impl<R: Clone> CloneRequest<R> for CloneAs {
    fn effect(&self, _: &R) -> Effect {
        self.0
    }

    fn clone_request(&self, request: &R) -> Option<R> {
        Some(request.clone())
    }
}

/// The service and what is to be sent with each further try.
#[derive(Debug)]
pub(crate) struct Requests<S, R, K> {
    pub(crate) service: S,
    pub(crate) spare: Option<R>,
    pub(crate) strategy: K,
}

impl<S, R, K> Tries<ServiceTry<S, R, S::Future>> for Requests<S, R, K>
where
    S: Service<R> + Clone,
    K: CloneRequest<R>,
{
    fn next_try(&mut self, is_last: bool) -> ServiceTry<S, R, S::Future> {
        let mut request = None;
        if !is_last {
            request = self.spare.as_ref().and_then(|spare| self.strategy.clone_request(spare));
        }
        // The last one is sent itself, and so is one that cannot be copied again.
        ServiceTry::Waiting { service: self.service.clone(), request: request.or_else(|| self.spare.take()) }
    }

    fn has_next(&self) -> bool {
        self.spare.is_some()
    }
}

pin_project! {
    /// One try: waits until the service is ready, then calls it.
    #[project = TryOf]
    pub(crate) enum ServiceTry<S, R, F> {
        Waiting { service: S, request: Option<R> },
        Called { #[pin] answer: F },
    }
}

impl<S, R> Future for ServiceTry<S, R, S::Future>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.as_mut().project() {
                TryOf::Called { answer } => return answer.poll(cx).map_err(Into::into),
                TryOf::Waiting { service, request } => {
                    ready!(service.poll_ready(cx)).map_err(Into::into)?;
                    // A try is made with a request, and polled to its end once.
                    let Some(request) = request.take() else { return Poll::Pending };
                    let answer = service.call(request);
                    self.set(Self::Called { answer });
                }
            }
        }
    }
}

/// A call of a service, as the loop sees it.
pub(crate) type Served<S, R, K, C> = Run<
    Retry,
    Requests<S, R, K>,
    ServiceTry<S, R, <S as Service<R>>::Future>,
    C,
    fn(&BoxError, Duration),
    Result<<S as Service<R>>::Response, BoxError>,
>;

pin_project! {
    /// The answer of a [`RetryService`](crate::RetryService).
    #[must_use = "futures do nothing unless polled"]
    pub struct RetryFuture<S: Service<R>, R, K, C> {
        #[pin]
        run: Served<S, R, K, C>,
    }
}

impl<S: Service<R>, R, K, C> RetryFuture<S, R, K, C> {
    pub(crate) const fn new(run: Served<S, R, K, C>) -> Self {
        Self { run }
    }
}

impl<S, R, K, C> Future for RetryFuture<S, R, K, C>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    K: CloneRequest<R>,
    C: Classify<S::Response, BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().run.poll(cx).map_err(boxed)
    }
}

/// The error of a layer: the service's own, or the refusal or time-out itself.
pub(crate) fn boxed(error: CallError<BoxError>) -> BoxError {
    match error {
        CallError::Inner(error) => error,
        CallError::Rejected(rejection) => rejection.into(),
        CallError::Elapsed(elapsed) => elapsed.into(),
    }
}

impl<S: Service<R>, R, K, C> fmt::Debug for RetryFuture<S, R, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryFuture").field("policy", &self.run.policy).finish_non_exhaustive()
    }
}
