use super::{Fallback, Substitute};
use crate::{BoxError, Classify, ErrorChain};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Answers in place of a service's calls that failed or were refused further in.
#[derive(Debug, Clone)]
pub struct FallbackLayer<S, C = ErrorChain> {
    fallback: Fallback<S, C>,
}

impl<S> FallbackLayer<S> {
    /// A layer over `fallback`, which it shares. Errors are classified by [`ErrorChain`].
    pub fn new<C>(fallback: Fallback<S, C>) -> Self {
        Self { fallback: fallback.classify(ErrorChain) }
    }
}

impl<S, C> FallbackLayer<S, C> {
    /// Decides with `classifier` what an error means.
    pub fn classify<D>(self, classifier: D) -> FallbackLayer<S, D> {
        FallbackLayer { fallback: self.fallback.classify(classifier) }
    }
}

impl<V, S: Clone, C: Clone> Layer<V> for FallbackLayer<S, C> {
    type Service = FallbackService<V, S, C>;

    fn layer(&self, inner: V) -> Self::Service {
        FallbackService { inner, fallback: self.fallback.clone() }
    }
}

/// A service with a fallback. Made by [`FallbackLayer`].
///
/// A service that fails to become ready is not replaced: there is no call yet to answer.
#[derive(Debug, Clone)]
pub struct FallbackService<V, S, C = ErrorChain> {
    inner: V,
    fallback: Fallback<S, C>,
}

impl<V, S, C, R> Service<R> for FallbackService<V, S, C>
where
    V: Service<R>,
    V::Error: Into<BoxError>,
    S: Substitute<V::Response, BoxError> + Clone,
    C: Classify<V::Response, BoxError> + Clone,
{
    type Response = V::Response;
    type Error = BoxError;
    type Future = FallbackFuture<V::Future, S, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        FallbackFuture { call: Some(self.inner.call(request)), fallback: self.fallback.clone() }
    }
}

pin_project! {
    /// The answer of a [`FallbackService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct FallbackFuture<F, S, C> {
        #[pin]
        call: Option<F>,
        fallback: Fallback<S, C>,
    }
}

impl<F, S, C, T, E> Future for FallbackFuture<F, S, C>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
    S: Substitute<T, BoxError>,
    C: Classify<T, BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // Polled again after it resolved: stays pending, as a fused future does.
        let Some(call) = this.call.as_mut().as_pin_mut() else { return Poll::Pending };
        let result = ready!(call.poll(cx));
        this.call.set(None);
        Poll::Ready(this.fallback.replace_boxed(result.map_err(Into::into)))
    }
}

impl<F, S, C> fmt::Debug for FallbackFuture<F, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FallbackFuture").field("fallback", &self.fallback).finish_non_exhaustive()
    }
}
