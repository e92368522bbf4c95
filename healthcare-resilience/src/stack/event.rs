use super::StepKind;
use std::time::Duration;

/// What a [`Stack`](crate::Stack) did itself; its policies tell of their own. Holds nothing of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StackEvent {
    /// One of its time limits dropped a try, or the whole call.
    Elapsed {
        /// The stack.
        stack: &'static str,
        /// The step whose time was over: the deadline, the time-out, or the retry with its total.
        step: StepKind,
        /// The time that it allowed.
        limit: Duration,
    },
    /// The time was over before a call, or a try of it, was made.
    TooLate {
        /// The stack.
        stack: &'static str,
    },
}
