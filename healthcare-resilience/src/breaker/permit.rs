use super::{CircuitBreaker, circuit::Shared, machine::Ticket};
use crate::Class;

/// The permission for one call, from [`CircuitBreaker::try_acquire`].
///
/// Tell it how the call ended with [`record`](Self::record). Dropped without that, the call counts as cancelled: nothing
/// is recorded, and the place of a probe is free at once. Dropped by a panic it counts as a failure, and the panic goes
/// on.
#[derive(Debug)]
#[must_use = "the call is permitted while this is held, and neutral when it is dropped without record()"]
pub struct BreakerPermit<'a> {
    shared: &'a Shared,
    /// Gone when the result was recorded.
    ticket: Option<Ticket>,
}

impl<'a> BreakerPermit<'a> {
    pub(super) const fn new(shared: &'a Shared, ticket: Ticket) -> Self {
        Self { shared, ticket: Some(ticket) }
    }

    /// The call ended like this.
    #[inline]
    pub fn record(mut self, class: Class) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.record(ticket, class);
        }
    }
}

impl Drop for BreakerPermit<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.drop_unrecorded(ticket);
        }
    }
}

/// A [`BreakerPermit`] that can be moved into a task or kept in a service. It keeps the breaker.
#[derive(Debug)]
#[must_use = "the call is permitted while this is held, and neutral when it is dropped without record()"]
pub struct OwnedBreakerPermit {
    breaker: CircuitBreaker,
    ticket: Option<Ticket>,
}

impl OwnedBreakerPermit {
    pub(super) const fn new(breaker: CircuitBreaker, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket) }
    }

    /// The call ended like this.
    pub fn record(mut self, class: Class) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.shared().record(ticket, class);
        }
    }
}

impl Drop for OwnedBreakerPermit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.shared().drop_unrecorded(ticket);
        }
    }
}
