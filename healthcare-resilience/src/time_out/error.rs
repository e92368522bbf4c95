use crate::{Class, Deadline, Moment, clock::nanos, error::in_chain};
use std::{error::Error, fmt, time::Duration};

/// A call was dropped because its time was over. It may have had effects.
///
/// Whose time that was depends on who asks: a deadline that was set between two policies is the outer one's own business,
/// and the inner one's caller. [`is_callers`](Self::is_callers) tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed {
    // Nanoseconds, so that a result is no larger for it than for a refusal.
    limit: u64,
    /// The deadline that dropped it. `Moment::START` without one: no call begins under a deadline that ended then.
    until: Moment,
}

impl Elapsed {
    /// A limit that was counted from the beginning of the call, and that those further in could not see.
    pub(crate) const fn after(limit: Duration) -> Self {
        Self { limit: nanos(limit), until: Moment::START }
    }

    /// A deadline, which was so far away when the call began.
    pub(crate) const fn at(deadline: Deadline, limit: Duration) -> Self {
        Self { limit: nanos(limit), until: deadline.moment() }
    }

    /// The time that was allowed.
    #[must_use]
    pub const fn limit(&self) -> Duration {
        Duration::from_nanos(self.limit)
    }

    /// Whether the time that was over is that of the task that asks: its own [`Deadline`] dropped the call, not a limit
    /// that was set further in. This says nothing of the callee, and asking again is of no use.
    ///
    /// For classifiers: policies ask them under the deadline of their caller.
    #[must_use]
    pub fn is_callers(&self) -> bool {
        Deadline::current().is_some_and(|callers| callers.moment() <= self.until)
    }

    pub(crate) fn class(&self) -> Class {
        if self.is_callers() { Class::Cancelled } else { Class::Transient }
    }

    /// The time-out in `error` or in the chain of its causes: what an edge answers 504 for.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        in_chain(error)
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit();
        write!(
            f,
            "not finished after {limit:?} and dropped: look at what it waited for, or allow it more time"
        )
    }
}

impl Error for Elapsed {}
