use super::{BreakerService, CircuitBreaker};
use crate::ErrorChain;
use tower_layer::Layer;

/// Guards every call of a service with a [`CircuitBreaker`], which other services and plain calls may share.
///
/// ```
/// use healthcare_resilience::{BreakerLayer, BreakerService, CircuitBreaker};
/// use tower_layer::Layer;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// struct Laboratory;
/// let breaker = CircuitBreaker::external_api("laboratory").build()?;
/// let guarded: BreakerService<Laboratory> = BreakerLayer::new(breaker.clone()).layer(Laboratory);
/// breaker.force_open(); // the handle lives on
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct BreakerLayer<C = ErrorChain> {
    breaker: CircuitBreaker,
    classifier: C,
}

impl BreakerLayer {
    /// A layer that takes every error for a failure, except a [`Rejection`](crate::Rejection) of a policy further in.
    #[must_use]
    pub const fn new(breaker: CircuitBreaker) -> Self {
        Self { breaker, classifier: ErrorChain }
    }
}

impl<C> BreakerLayer<C> {
    /// Lets `classifier` say what an answer or an error means. It sees errors boxed.
    #[must_use]
    pub fn classify<D>(self, classifier: D) -> BreakerLayer<D> {
        BreakerLayer { breaker: self.breaker, classifier }
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = BreakerService<S, C>;

    fn layer(&self, inner: S) -> BreakerService<S, C> {
        BreakerService::new(inner, self.breaker.clone(), self.classifier.clone())
    }
}
