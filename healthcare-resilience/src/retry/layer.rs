use super::{
    CloneRequest, GiveUp, Retry, RetryFuture,
    plan::Plan,
    request::{Requests, ServiceTry},
    run::{Run, Step},
    sent::Sent,
};
use crate::{BoxError, Classify, ErrorChain};
use std::{
    mem,
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// Retries every call of a service, as far as `strategy` says that it may be repeated and can be copied.
///
/// ```
/// use healthcare_resilience::{CloneAs, Effect, Retry, RetryLayer, RetryService};
/// use tower_layer::Layer as _;
/// # fn main() -> Result<(), healthcare_resilience::RetryConfigError> {
/// #[derive(Clone)]
/// struct Laboratory;
/// let policy = Retry::builder("laboratory").build()?;
/// let service = RetryLayer::new(policy, CloneAs(Effect::Read)).layer(Laboratory);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RetryLayer<K, C = ErrorChain> {
    policy: Retry,
    strategy: K,
    classifier: C,
}

impl<K> RetryLayer<K> {
    /// A layer over `policy`, which it shares.
    pub const fn new(policy: Retry, strategy: K) -> Self {
        Self { policy, strategy, classifier: ErrorChain }
    }
}

impl<K, C> RetryLayer<K, C> {
    /// Decides with `classifier` what an answer means.
    pub fn classify<D>(self, classifier: D) -> RetryLayer<K, D> {
        RetryLayer { policy: self.policy, strategy: self.strategy, classifier }
    }
}

impl<S, K: Clone, C: Clone> Layer<S> for RetryLayer<K, C> {
    type Service = RetryService<S, K, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let (policy, strategy) = (self.policy.clone(), self.strategy.clone());
        RetryService { inner, policy, strategy, classifier: self.classifier.clone() }
    }
}

/// A service whose calls are retried. Made by [`RetryLayer`].
///
/// The first try is made by the very service that was ready; further ones wait for a clone to be ready, within the
/// deadline.
#[derive(Debug, Clone)]
pub struct RetryService<S, K, C = ErrorChain> {
    inner: S,
    policy: Retry,
    strategy: K,
    classifier: C,
}

fn quiet(_: &BoxError, _: Duration) {}

impl<S, R, K, C> Service<R> for RetryService<S, K, C>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    K: CloneRequest<R> + Clone,
    C: Classify<S::Response, BoxError> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = RetryFuture<S, R, K, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let clone = self.inner.clone();
        let mut ready = mem::replace(&mut self.inner, clone.clone());
        let settings = self.policy.settings();
        let effect = self.strategy.effect(&request);
        let mut plan = Plan::new(effect, None);
        let mut spare = None;
        if effect.is_repeatable() && self.policy.max_tries() > 1 {
            spare = self.strategy.clone_request(&request);
            if spare.is_none() {
                plan.only_once(GiveUp::NotCloned);
            }
        }
        let step = match plan.begin(settings) {
            Err(rejection) => Step::Refused { rejection },
            Ok(()) => {
                let answer = plan.try_with(settings, |_| ready.call(request));
                Step::Try { future: ServiceTry::Called { answer } }
            }
        };
        RetryFuture::new(Run {
            policy: self.policy.clone(),
            tries: Requests { service: clone, spare, strategy: self.strategy.clone() },
            classifier: self.classifier.clone(),
            notify: quiet,
            plan,
            step,
            timer: None,
            sent: Sent::nothing(),
        })
    }
}
