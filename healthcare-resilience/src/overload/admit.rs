use crate::{AdmitPermit, BoxError, Classify, ErrorChain, Rejection};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

/// Decides by a request whether it is let in: an [`AdaptiveLimit`](crate::AdaptiveLimit), a
/// [`Throttle`](crate::Throttle), a [`Shedder`](crate::Shedder) with a rule of priorities, a [`WarmUp`](crate::WarmUp), or
/// a [`Dimmer`](crate::Dimmer), which lets in everything and measures it.
pub trait Admit<R> {
    /// What a call holds while it is under way.
    type Permit: AdmitPermit;

    /// Lets `request` in or refuses it, without waiting.
    ///
    /// # Errors
    /// The refusal.
    fn admit(&self, request: &R) -> Result<Self::Permit, Rejection>;
}

/// Guards a service with a policy that lets in or refuses: see [`Admit`].
///
/// ```
/// use healthcare_resilience::{AdaptiveLimit, AdmitLayer, Aimd, Priority, Shedder};
/// use tower_layer::Layer;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// struct Laboratory;
/// let limit = AdaptiveLimit::builder("laboratory").algorithm(Aimd::default()).build()?;
/// let limited = AdmitLayer::new(limit.clone()).layer(Laboratory);
/// let shedder = Shedder::builder("api").limit(limit).build()?;
/// let by_path = |path: &String| match path.as_str() {
///     "/alarms" => Priority::Emergency,
///     _ => Priority::Normal,
/// };
/// let shedding = AdmitLayer::new(shedder.by(by_path)).layer(Laboratory);
/// # let _ = (limited, shedding); Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct AdmitLayer<A, C = ErrorChain> {
    policy: A,
    classifier: C,
}

impl<A> AdmitLayer<A> {
    /// A layer that takes every error for a failure, except a [`Rejection`] of a policy further in.
    #[must_use]
    pub const fn new(policy: A) -> Self {
        Self { policy, classifier: ErrorChain }
    }
}

impl<A, C> AdmitLayer<A, C> {
    /// Lets `classifier` say what an answer or an error means. It sees errors boxed.
    #[must_use]
    pub fn classify<D>(self, classifier: D) -> AdmitLayer<A, D> {
        AdmitLayer { policy: self.policy, classifier }
    }
}

impl<S, A: Clone, C: Clone> Layer<S> for AdmitLayer<A, C> {
    type Service = AdmitService<S, A, C>;

    fn layer(&self, inner: S) -> AdmitService<S, A, C> {
        AdmitService { inner, policy: self.policy.clone(), classifier: self.classifier.clone() }
    }
}

/// A service whose calls are let in or refused by a policy. Made by [`AdmitLayer`].
///
/// `poll_ready` is the inner service's own; the policy is asked in `call`, and a refusal is an answer. What a call
/// holds stays inside the answer's future until it resolves or is dropped.
#[derive(Debug, Clone)]
pub struct AdmitService<S, A, C = ErrorChain> {
    inner: S,
    policy: A,
    classifier: C,
}

impl<S, R, A, C> Service<R> for AdmitService<S, A, C>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    A: Admit<R>,
    C: Classify<S::Response, BoxError> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = AdmitFuture<S::Future, A::Permit, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        match self.policy.admit(&request) {
            Err(rejection) => AdmitFuture { call: None, held: None, rejection: Some(rejection) },
            Ok(mut permit) => {
                // Called while the permit is held: work may begin in `call`, and panic there.
                let call = permit.watch(|| self.inner.call(request));
                AdmitFuture {
                    call: Some(call),
                    held: Some((permit, self.classifier.clone())),
                    rejection: None,
                }
            }
        }
    }
}

pin_project! {
    /// The answer of an [`AdmitService`], or a [`Rejection`] as its error.
    #[must_use = "futures do nothing unless polled"]
    pub struct AdmitFuture<F, P, C> {
        // Fields are dropped in this order: what the call holds goes before its place is free.
        #[pin]
        call: Option<F>,
        held: Option<(P, C)>,
        rejection: Option<Rejection>,
    }
}

impl<F, P, C, T, E> Future for AdmitFuture<F, P, C>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
    P: AdmitPermit,
    C: Classify<T, BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(rejection) = this.rejection.take() {
            return Poll::Ready(Err(Box::new(rejection)));
        }
        let Some(call) = this.call.as_mut().as_pin_mut() else { return Poll::Pending };
        // Out of the future while it is polled: should that panic, whoever catches it cannot poll the call again.
        let Some((mut permit, classifier)) = this.held.take() else { return Poll::Pending };
        let Poll::Ready(result) = permit.watch(|| call.poll(cx)) else {
            *this.held = Some((permit, classifier));
            return Poll::Pending;
        };
        this.call.set(None);
        let result = result.map_err(Into::into);
        let class = permit.watch(|| classifier.classify(result.as_ref()));
        permit.record(class);
        Poll::Ready(result)
    }
}

impl<F, P, C> fmt::Debug for AdmitFuture<F, P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdmitFuture").field("is_refused", &self.rejection.is_some()).finish_non_exhaustive()
    }
}
