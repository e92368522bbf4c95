use super::{Stack, run::Call};
use crate::{
    BoxError, Classify, CloneRequest, ErrorChain, Priority,
    retry::{ServiceTry, Tries, boxed},
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
pub struct StackLayer<K, C = ErrorChain> {
    stack: Stack,
    strategy: K,
    classifier: C,
    priority: Priority,
}

impl<K> StackLayer<K> {
    /// A layer over `stack`, which it shares.
    pub const fn new(stack: Stack, strategy: K) -> Self {
        Self { stack, strategy, classifier: ErrorChain, priority: Priority::Normal }
    }
}

impl<K, C> StackLayer<K, C> {
    /// Decides with `classifier` what an answer means.
    pub fn classify<D>(self, classifier: D) -> StackLayer<K, D> {
        StackLayer { stack: self.stack, strategy: self.strategy, classifier, priority: self.priority }
    }

    /// Says how much the calls of this service matter, for the stack's shedder; `Normal` when it is not said. For a
    /// priority of each request use [`Shedder::by`](crate::Shedder::by) around the service.
    #[must_use]
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }
}

impl<S, K: Clone, C: Clone> Layer<S> for StackLayer<K, C> {
    type Service = StackService<S, K, C>;

    fn layer(&self, inner: S) -> Self::Service {
        let (stack, strategy) = (self.stack.clone(), self.strategy.clone());
        StackService { inner, stack, strategy, classifier: self.classifier.clone(), priority: self.priority }
    }
}

/// A service behind a [`Stack`]. Made by [`StackLayer`].
///
/// The first try is made by the very service that was ready; further ones wait for a clone to be ready, within the
/// try's time. A step refuses when the answer is polled, because some steps wait. Each call allocates its future, once.
#[derive(Debug, Clone)]
pub struct StackService<S, K, C = ErrorChain> {
    inner: S,
    stack: Stack,
    strategy: K,
    classifier: C,
    priority: Priority,
}

impl<S, R, K, C> Service<R> for StackService<S, K, C>
where
    S: Service<R> + Clone + Send + 'static,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: Into<BoxError>,
    R: Send + 'static,
    K: CloneRequest<R> + Clone + Send + 'static,
    C: Classify<S::Response, BoxError> + Clone + Send + Sync + 'static,
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
        let repeats = self.stack.repeats && effect.is_repeatable();
        let spare = if repeats { self.strategy.clone_request(&request) } else { None };
        let repeats = spare.is_some();
        let (stack, strategy, classifier) =
            (self.stack.clone(), self.strategy.clone(), self.classifier.clone());
        let priority = self.priority;
        StackFuture(Some(Box::pin(async move {
            let call = Call { stack: stack.name, steps: &stack.steps, classifier, effect, priority };
            let first = Some((ready, request));
            let mut tries = Requests { first, service: clone, spare, strategy };
            let done =
                if repeats { call.repeatedly(tries).await } else { call.once(|| tries.next_try(true)).await };
            done.map_err(boxed)
        })))
    }
}

/// The first try's service and request, and what is to be sent with further ones.
struct Requests<S, R, K> {
    first: Option<(S, R)>,
    service: S,
    spare: Option<R>,
    strategy: K,
}

impl<S, R, K> Tries<ServiceTry<S, R, S::Future>> for Requests<S, R, K>
where
    S: Service<R> + Clone,
    K: CloneRequest<R>,
{
    fn next_try(&mut self, is_last: bool) -> ServiceTry<S, R, S::Future> {
        if let Some((service, request)) = self.first.take() {
            return ServiceTry::Waiting { service, request: Some(request) };
        }
        let copy = self.spare.as_ref().filter(|_| !is_last);
        let copy = copy.and_then(|spare| self.strategy.clone_request(spare));
        // The last one is sent itself, and so is one that cannot be copied again.
        ServiceTry::Waiting { service: self.service.clone(), request: copy.or_else(|| self.spare.take()) }
    }

    fn has_next(&self) -> bool {
        self.first.is_some() || self.spare.is_some()
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
