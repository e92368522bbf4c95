use super::{
    RateDecision, RateLimit,
    gate::{Admission, ByKey, RateGate},
};
use crate::{BoxError, Rejection};
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

/// Limits the rate of a service's calls: all together, or each key's.
///
/// ```
/// use healthcare_resilience::{AddressKey, KeyedRateLimit, Quota, RateLimitLayer};
/// use std::net::IpAddr;
/// struct Request { peer: IpAddr, is_internal: bool }
/// # fn main() -> Result<(), healthcare_resilience::RateConfigError> {
/// let limit = KeyedRateLimit::<AddressKey>::builder("by-address").quota(Quota::per_second(20)).build()?;
/// let layer = RateLimitLayer::by_key(limit, |request: &Request| {
///     (!request.is_internal).then(|| AddressKey::from(request.peer))
/// });
/// # let _ = layer; Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct RateLimitLayer<G, A = AsError> {
    gate: G,
    answer: A,
}

impl RateLimitLayer<RateLimit> {
    /// All calls together. They wait as `limit` allows.
    #[must_use]
    pub const fn new(limit: RateLimit) -> Self {
        Self { gate: limit, answer: AsError }
    }
}

impl<L, F> RateLimitLayer<ByKey<L, F>> {
    /// Each key by itself; a request without a key is not limited. `limit` is a [`KeyedRateLimit`](crate::KeyedRateLimit)
    /// or, with the feature `redis`, a `RedisRateLimit` whose keys are bytes.
    #[must_use]
    pub const fn by_key(limit: L, key: F) -> Self {
        Self { gate: ByKey::new(limit, key), answer: AsError }
    }
}

impl<G> RateLimitLayer<G> {
    /// By a gate of the caller's own.
    #[must_use]
    pub const fn with_gate(gate: G) -> Self {
        Self { gate, answer: AsError }
    }

    /// Answers a refusal with a response instead of an error, and writes the standard headers into every response, as
    /// [`RateHeaders`](crate::RateHeaders) says: what an HTTP server wants.
    #[cfg(feature = "http")]
    #[cfg_attr(docsrs, doc(cfg(feature = "http")))]
    pub fn with_headers<R>(self) -> RateLimitLayer<G, AsResponse>
    where
        G: RateGate<R>,
    {
        let headers = super::RateHeaders::new(self.gate.name(), &self.gate.quota());
        RateLimitLayer { gate: self.gate, answer: AsResponse(std::sync::Arc::new(headers)) }
    }
}

impl<S, G: Clone, A: Clone> Layer<S> for RateLimitLayer<G, A> {
    type Service = RateLimitService<S, G, A>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimitService { inner, gate: self.gate.clone(), answer: self.answer.clone() }
    }
}

/// How a [`RateLimitLayer`] tells the caller.
pub trait RateAnswer<T>: Clone {
    /// The result of a refused call.
    ///
    /// # Errors
    /// The refusal, for an answer that is an error.
    fn refused(&self, rejection: Rejection) -> Result<T, BoxError>;

    /// Completes the response of an admitted call.
    fn admitted(&self, decision: RateDecision, response: &mut T);
}

/// A refusal is the service's error, with a [`Rejection`] inside; responses stay as they are.
#[derive(Debug, Clone, Copy, Default)]
pub struct AsError;

impl<T> RateAnswer<T> for AsError {
    fn refused(&self, rejection: Rejection) -> Result<T, BoxError> {
        Err(Box::new(rejection))
    }

    fn admitted(&self, _decision: RateDecision, _response: &mut T) {}
}

/// A refusal is a response with status 429 or 503; responses carry the standard headers.
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
#[derive(Debug, Clone)]
pub struct AsResponse(std::sync::Arc<super::RateHeaders>);

#[cfg(feature = "http")]
impl<B: Default> RateAnswer<http::Response<B>> for AsResponse {
    fn refused(&self, rejection: Rejection) -> Result<http::Response<B>, BoxError> {
        let mut response = rejection.response();
        self.0.write_policy(response.headers_mut());
        Ok(response)
    }

    fn admitted(&self, decision: RateDecision, response: &mut http::Response<B>) {
        self.0.write(&decision, response.headers_mut());
    }
}

/// A service whose calls are limited. Made by [`RateLimitLayer`].
///
/// `poll_ready` is the inner service's own: the permit is taken by `call`, or by the future that it returns when it has to
/// wait. A permit is used up by an admitted call, also when that fails or is dropped.
#[derive(Debug, Clone)]
pub struct RateLimitService<S, G, A = AsError> {
    inner: S,
    gate: G,
    answer: A,
}

impl<S, R, G, A> Service<R> for RateLimitService<S, G, A>
where
    S: Service<R> + Clone,
    S::Error: Into<BoxError>,
    G: RateGate<R>,
    A: RateAnswer<S::Response>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = RateLimitFuture<S, R, A>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> RateLimitFuture<S, R, A> {
        let state = match self.gate.admit(&request) {
            Admission::Free => State::Running { call: self.inner.call(request), decision: None },
            Admission::Decided(Ok(decision)) => {
                State::Running { call: self.inner.call(request), decision: Some(decision) }
            }
            Admission::Decided(Err(rejection)) => State::Refused { rejection: Some(rejection) },
            Admission::Later(admission) => {
                // The service that was ready waits with the request; its clone takes the next call.
                let fresh = self.inner.clone();
                let ready = mem::replace(&mut self.inner, fresh);
                State::Deciding { admission, call: Some((ready, request)) }
            }
        };
        RateLimitFuture { state, answer: self.answer.clone() }
    }
}

pin_project! {
    /// The answer of a [`RateLimitService`].
    #[must_use = "futures do nothing unless polled"]
    pub struct RateLimitFuture<S: Service<R>, R, A = AsError> {
        #[pin]
        state: State<S, R, S::Future>,
        answer: A,
    }
}

type Deciding = Pin<Box<dyn Future<Output = Result<RateDecision, Rejection>> + Send>>;

pin_project! {
    #[project = Step]
    enum State<S, R, F> {
        Deciding { admission: Deciding, call: Option<(S, R)> },
        Running { #[pin] call: F, decision: Option<RateDecision> },
        Refused { rejection: Option<Rejection> },
    }
}

impl<S, R, A> Future for RateLimitFuture<S, R, A>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
    A: RateAnswer<S::Response>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                Step::Deciding { admission, call } => {
                    // Taken out when decided: polled again after it resolved, this stays pending.
                    if call.is_none() {
                        return Poll::Pending;
                    }
                    let decided = ready!(admission.as_mut().poll(cx));
                    let Some((mut service, request)) = call.take() else { return Poll::Pending };
                    match decided {
                        Ok(decision) => {
                            let call = service.call(request);
                            this.state.set(State::Running { call, decision: Some(decision) });
                        }
                        Err(rejection) => this.state.set(State::Refused { rejection: Some(rejection) }),
                    }
                }
                Step::Running { call, decision } => {
                    let result = ready!(call.poll(cx)).map_err(Into::into);
                    let decision = decision.take();
                    // The holder may keep this future for long; the call must not live on inside it.
                    this.state.set(State::Refused { rejection: None });
                    let mut response = result?;
                    if let Some(decision) = decision {
                        this.answer.admitted(decision, &mut response);
                    }
                    return Poll::Ready(Ok(response));
                }
                Step::Refused { rejection } => {
                    let Some(rejection) = rejection.take() else { return Poll::Pending };
                    return Poll::Ready(this.answer.refused(rejection));
                }
            }
        }
    }
}

impl<S: Service<R>, R, A> fmt::Debug for RateLimitFuture<S, R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimitFuture").finish_non_exhaustive()
    }
}
