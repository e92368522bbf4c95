use super::{Shared, held::Held};
use crate::metrics::Reading;

/// A place in a [`Bulkhead`](crate::Bulkhead), given back when dropped.
///
/// Keep it inside the work that it stands for: dropped earlier, one more call than allowed can run.
/// One that lives for `'static` comes from [`acquire_owned`](crate::Bulkhead::acquire_owned) and may move to another
/// task or thread.
#[derive(Debug)]
#[must_use = "the place is held only as long as its permit lives"]
pub struct BulkheadPermit<'a> {
    shared: Held<'a, Shared>,
}

impl<'a> BulkheadPermit<'a> {
    /// For a place that has been taken.
    pub(super) fn of(shared: Held<'a, Shared>) -> Self {
        shared.metrics.add(Reading::InFlight, 1.0);
        Self { shared }
    }
}

impl Drop for BulkheadPermit<'_> {
    fn drop(&mut self) {
        self.shared.metrics.add(Reading::InFlight, -1.0);
        self.shared.places.give_back();
    }
}
