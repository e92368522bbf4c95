use crate::error::in_chain;
use std::{error::Error, time::Duration};

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

    /// The time-out in `error` or in the chain of its causes: what an edge answers 504 for.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        in_chain(error)
    }
}
