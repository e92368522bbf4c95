use super::GiveUp;
use std::time::Duration;

/// What a [`Retry`](crate::Retry) did. Holds nothing of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryEvent {
    /// A try failed; the next one follows after `wait`.
    Waiting {
        /// The policy.
        policy: &'static str,
        /// Tries made so far.
        tries: u32,
        /// How long it waits.
        wait: Duration,
    },
    /// A call worked that had failed before.
    Recovered {
        /// The policy.
        policy: &'static str,
        /// Tries it took.
        tries: u32,
    },
    /// A call that may yet have worked was not tried again.
    GaveUp {
        /// The policy.
        policy: &'static str,
        /// Tries made.
        tries: u32,
        /// Why.
        why: GiveUp,
    },
}
