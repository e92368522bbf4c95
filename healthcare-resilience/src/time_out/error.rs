use std::time::Duration;

/// A call was dropped because its time was over. It may have had effects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not finished after {limit:?} and dropped: look at what it waited for, or allow it more time")]
pub struct Elapsed {
    limit: Duration,
}

impl Elapsed {
    pub(crate) const fn after(limit: Duration) -> Self {
        Self { limit }
    }

    /// The time that was allowed.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        self.limit
    }
}

/// Why a call through [`TimeOut`](crate::TimeOut) failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeOutError<E> {
    /// The time was over and the call was dropped.
    #[error(transparent)]
    Elapsed(#[from] Elapsed),
    /// The service itself failed, in time.
    #[error("the service behind the time-out failed")]
    Inner(#[source] E),
}
