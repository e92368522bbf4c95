use super::{Stack, run::Call};
use crate::{
    BoxError, Classify, CloneRequest, ErrorChain, Prioritize, Priority,
    retry::{Requests, ServiceTry, Tries, boxed},
};
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tower_layer::Layer;
use tower_service::Service;

/// Puts a [`Stack`] around a service. `strategy` says what repeating a request would do, and copies it.
///
/// ```
/// use healthcare_resilience::{CloneAs, Effect, Retry, Stack, StackLayer};
/// use std::time::Duration;
/// use tower_layer::Layer as _;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// #[derive(Clone)]
/// struct Laboratory;
/// let stack = Stack::builder("laboratory")
///     .deadline(Duration::from_secs(10))
///     .retry(Retry::builder("laboratory").build()?)
///     .time_out(Duration::from_secs(3))
///     .build()?;
/// let service = StackLayer::new(stack, CloneAs(Effect::Read)).layer(Laboratory);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct StackLayer<K, C = ErrorChain, P = Priority> {
    stack: Stack,
    strategy: K,
    classifier: C,
    priority: P,
}

impl<K> StackLayer<K> {
    /// A layer over `stack`, which it shares.
    pub const fn new(stack: Stack, strategy: K) -> Self {
        Self { stack, strategy, classifier: ErrorChain, priority: Priority::Normal }
    }
}

impl<K, C, P> StackLayer<K, C, P> {
    /// Decides with `classifier` what an answer means.
    pub fn classify<D>(self, classifier: D) -> StackLayer<K, D, P> {
        StackLayer { stack: self.stack, strategy: self.strategy, classifier, priority: self.priority }
    }

    /// Says how much the calls of this service matter, for the stack's shedder: a [`Priority`] for all of them, or a rule
    /// `Fn(&R) -> Priority` that looks at the request. `Normal` when it is not said.
    pub fn priority<Q>(self, priority: Q) -> StackLayer<K, C, Q> {
        StackLayer { stack: self.stack, strategy: self.strategy, classifier: self.classifier, priority }
    }
}

impl<S, K: Clone, C: Clone, P: Clone> Layer<S> for StackLayer<K, C, P> {
    type Service = StackService<S, K, C, P>;

    fn layer(&self, inner: S) -> Self::Service {
        let (stack, strategy) = (self.stack.clone(), self.strategy.clone());
        let (classifier, priority) = (self.classifier.clone(), self.priority.clone());
        StackService { inner, stack, strategy, classifier, priority }
    }
}

/// A service behind a [`Stack`]. Made by [`StackLayer`].
///
/// The first try is made by the very service that was ready; further ones wait for a clone to be ready, within the
/// try's time. A step refuses when the answer is polled, because some steps wait. Each call allocates its future, once.
#[derive(Debug, Clone)]
pub struct StackService<S, K, C = ErrorChain, P = Priority> {
    inner: S,
    stack: Stack,
    strategy: K,
    classifier: C,
    priority: P,
}

impl<S, R, K, C, P> Service<R> for StackService<S, K, C, P>
where
    S: Service<R> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: Into<BoxError>,
    R: Send + 'static,
    K: CloneRequest<R> + Clone + Send + 'static,
    C: Classify<S::Response, BoxError> + Clone + Send + Sync + 'static,
    P: Prioritize<R>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = StackFuture<S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone.clone());
        let effect = self.strategy.effect(&request);
        let repeats = self.stack.shared.repeats && effect.is_repeatable();
        let spare = if repeats { self.strategy.clone_request(&request) } else { None };
        let repeats = spare.is_some();
        let (stack, strategy, classifier) =
            (self.stack.clone(), self.strategy.clone(), self.classifier.clone());
        let priority = self.priority.priority(&request);
        StackFuture(Some(Box::pin(async move {
            let call = Call { stack: &stack.shared, classifier, effect, priority };
            let first = Some((ready, request));
            let mut tries = FirstReady { first, further: Requests { service: clone, spare, strategy } };
            let done =
                if repeats { call.repeatedly(tries).await } else { call.once(|| tries.next_try(true)).await };
            done.map_err(boxed)
        })))
    }
}

/// The first try, and what is to be sent with further ones.
struct FirstReady<S, R, K> {
    first: Option<(S, R)>,
    further: Requests<S, R, K>,
}

impl<S, R, K> Tries<ServiceTry<S, R, S::Future>> for FirstReady<S, R, K>
where
    S: Service<R> + Clone,
    K: CloneRequest<R>,
{
    fn next_try(&mut self, is_last: bool) -> ServiceTry<S, R, S::Future> {
        match self.first.take() {
            Some((service, request)) => ServiceTry::Waiting { service, request: Some(request) },
            None => self.further.next_try(is_last),
        }
    }

    fn has_next(&self) -> bool {
        self.first.is_some() || self.further.has_next()
    }
}

/// The answer of a [`StackService`].
#[must_use = "futures do nothing unless polled"]
pub struct StackFuture<T>(Option<Pin<Boxed<T>>>);

type Boxed<T> = Box<dyn Future<Output = Result<T, BoxError>> + Send>;

impl<T> Future for StackFuture<T> {
    type Output = Result<T, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Polled again after it resolved: stays pending, as a fused future does.
        let Some(call) = self.0.as_mut() else { return Poll::Pending };
        let done = ready!(call.as_mut().poll(cx));
        // The holder may keep this future for long; the call must not live on inside it.
        self.0 = None;
        Poll::Ready(done)
    }
}

impl<T> fmt::Debug for StackFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StackFuture")
    }
}
