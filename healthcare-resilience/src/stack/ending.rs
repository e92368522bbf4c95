use crate::{
    CallError, Class, Moment, Rejection,
    deadline::{Context, Deadline},
};
use std::time::Duration;

/// Until when, and the level of the step that says so. The caller's own deadline has level 0, the outermost step 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Moment,
    pub(super) limit: Duration,
    pub(super) level: usize,
}

impl End {
    /// The deadline the caller stands under.
    pub(super) fn of_caller() -> Option<Self> {
        let deadline = Context::current().deadline?;
        Some(Self { at: deadline.moment(), limit: deadline.left(), level: 0 })
    }

    pub(super) const fn deadline(self) -> Deadline {
        Deadline::at(self.at)
    }

    /// The sooner of two; the outer one when they are equal.
    pub(super) fn sooner(outer: Option<Self>, inner: Self) -> Self {
        outer.filter(|outer| outer.at <= inner.at).unwrap_or(inner)
    }
}

/// How a row of steps ended, and what that says.
#[derive(Debug)]
pub(super) struct Ending<T, E> {
    pub(super) result: Result<T, CallError<E>>,
    pub(super) verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Class(Class),
    /// This limit dropped the call.
    Over(End),
}

impl<T, E> From<Rejection> for Ending<T, E> {
    fn from(rejection: Rejection) -> Self {
        Self { result: Err(rejection.into()), verdict: Verdict::Class(Class::Rejected) }
    }
}
