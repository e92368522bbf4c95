use super::TimeOut;
use std::time::Duration;
use tower_layer::Layer;

/// Gives every call of a service a time limit.
///
/// ```
/// use healthcare_resilience::{TimeOut, TimeOutLayer};
/// use std::time::Duration;
/// use tower_layer::Layer;
/// struct Laboratory;
/// let limited: TimeOut<Laboratory> = TimeOutLayer::new(Duration::from_secs(5)).layer(Laboratory);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct TimeOutLayer {
    limit: Duration,
}

impl TimeOutLayer {
    /// A layer that drops a call after `limit`.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for TimeOutLayer {
    type Service = TimeOut<S>;

    fn layer(&self, inner: S) -> TimeOut<S> {
        TimeOut::new(inner, self.limit)
    }
}
