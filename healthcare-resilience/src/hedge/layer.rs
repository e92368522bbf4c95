use super::{Hedge, run::Race};
use crate::{
    BoxError, Classify, CloneRequest, ErrorChain,
    retry::{Requests, ServiceTry, boxed},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Hedges every call of a service, as far as `strategy` says that it may be repeated and can be copied.
#[derive(Debug, Clone)]
pub struct HedgeLayer<K, C = ErrorChain> {
    policy: Hedge,
    strategy: K,
    classifier: C,
}

impl<K> HedgeLayer<K> {
    /// A layer over `policy`, which it shares.
    pub const fn new(policy: Hedge, strategy: K) -> Self {
        Self { policy, strategy, classifier: ErrorChain }
    }
}

impl<K, C> HedgeLayer<K, C> {
    /// Decides with `classifier` what an answer means.
    pub fn classify<D>(self, classifier: D) -> HedgeLayer<K, D> {
        HedgeLayer { policy: self.policy, strategy: self.strategy, classifier }
    }
}

impl<S, K: Clone, C: Clone> Layer<S> for HedgeLayer<K, C> {
    type Service = HedgeService<S, K, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let (policy, strategy) = (self.policy.clone(), self.strategy.clone());
        HedgeService { inner, policy, strategy, classifier: self.classifier.clone() }
    }
}

/// A service whose calls are hedged. Made by [`HedgeLayer`].
///
/// The first try is made by the very service that was ready; further ones wait for a clone to be ready.
#[derive(Debug, Clone)]
pub struct HedgeService<S, K, C = ErrorChain> {
    inner: S,
    policy: Hedge,
    strategy: K,
    classifier: C,
}

impl<S, R, K, C> Service<R> for HedgeService<S, K, C>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    K: CloneRequest<R> + Clone,
    C: Classify<S::Response, BoxError> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = HedgeFuture<S, R, K, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let service = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, service.clone());
        let effect = self.strategy.effect(&request);
        let spare = if effect.is_repeatable() { self.strategy.clone_request(&request) } else { None };
        let tries = Requests { service, spare, strategy: self.strategy.clone() };
        let first = || ServiceTry::Called { answer: ready.call(request) };
        let classifier = self.classifier.clone();
        HedgeFuture { race: Race::begun(self.policy.clone(), tries, classifier, effect, first) }
    }
}

pin_project! {
    /// The answer of a [`HedgeService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct HedgeFuture<S: Service<R>, R, K, C> {
        #[pin]
        race: Race<
            Hedge,
            Requests<S, R, K>,
            ServiceTry<S, R, S::Future>,
            C,
            Result<S::Response, BoxError>,
        >,
    }
}

impl<S, R, K, C> Future for HedgeFuture<S, R, K, C>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    K: CloneRequest<R>,
    C: Classify<S::Response, BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().race.poll(cx).map_err(boxed)
    }
}

impl<S: Service<R>, R, K, C> fmt::Debug for HedgeFuture<S, R, K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HedgeFuture").field("policy", &self.race.running.policy).finish_non_exhaustive()
    }
}
