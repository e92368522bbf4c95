use super::circuit::Shared;
use crate::{
    Class,
    admitted::{AdmitPermit, Admitted, End},
};
use std::sync::Arc;

/// The permission for one call, from [`CircuitBreaker::try_acquire`](crate::CircuitBreaker::try_acquire).
///
/// Tell it how the call ended with [`record`](Self::record). Dropped without that, the call counts as cancelled: nothing
/// is recorded unless it was slow already, and the place of a probe is free at once. A panic counts as a failure where the permit
/// [watches](AdmitPermit::watch) it, as [`call`](crate::CircuitBreaker::call) and the layer do.
#[derive(Debug)]
#[must_use = "the call is permitted while this is held, and neutral when it is dropped without record()"]
pub struct BreakerPermit<'a>(pub(super) Admitted<&'a Shared>);

impl BreakerPermit<'_> {
    /// The call ended like this.
    #[inline]
    pub fn record(mut self, class: Class) {
        self.0.close(class.into());
    }
}

impl AdmitPermit for BreakerPermit<'_> {
    #[inline]
    fn record(self, class: Class) {
        Self::record(self, class);
    }

    fn panicked(&mut self) {
        self.0.close(End::Panicked);
    }
}

/// A [`BreakerPermit`] that can be moved into a task or kept in a service. It keeps the breaker.
#[derive(Debug)]
#[must_use = "the call is permitted while this is held, and neutral when it is dropped without record()"]
pub struct OwnedBreakerPermit(pub(super) Admitted<Arc<Shared>>);

impl OwnedBreakerPermit {
    /// The call ended like this.
    pub fn record(mut self, class: Class) {
        self.0.close(class.into());
    }
}

impl AdmitPermit for OwnedBreakerPermit {
    fn record(self, class: Class) {
        Self::record(self, class);
    }

    fn panicked(&mut self) {
        self.0.close(End::Panicked);
    }
}
