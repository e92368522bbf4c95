use crate::{
    AdmitPermit as _, BreakerPermit, BulkheadPermit, Class, LimitPermit, ThrottlePermit, WarmUpPermit,
};

/// What a step gave a call. Dropped without [`record`](Self::record) the call was cancelled.
#[derive(Debug)]
pub(super) enum Permit<'a> {
    Breaker(BreakerPermit<'a>),
    Limit(LimitPermit<'a>),
    Throttle(ThrottlePermit<'a>),
    WarmUp(WarmUpPermit<'a>),
    Bulkhead(BulkheadPermit<'a>),
}

impl Permit<'_> {
    /// The call ended like this.
    pub(super) fn record(self, class: Class) {
        match self {
            Self::Breaker(permit) => permit.record(class),
            Self::Limit(permit) => permit.record(class),
            Self::Throttle(permit) => permit.record(class),
            Self::WarmUp(permit) => drop(permit),
            // How it ended is all the same to a place.
            Self::Bulkhead(permit) => drop(permit),
        }
    }

    /// The call's own code panicked.
    pub(super) fn panicked(mut self) {
        match &mut self {
            Self::Breaker(permit) => permit.panicked(),
            Self::Limit(permit) => permit.panicked(),
            Self::Throttle(permit) => permit.panicked(),
            Self::WarmUp(_) | Self::Bulkhead(_) => {}
        }
    }
}
