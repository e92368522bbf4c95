//! How a guarded call fails.

use crate::{Elapsed, clock::nanos};
use std::{error::Error, fmt, time::Duration};

/// A policy refused a call: nothing was sent, nothing has happened, and asking again at once would not help.
///
/// The name is a fixed text, so no address, password or patient can get into a log through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rejection {
    policy: &'static str,
    reason: RejectReason,
    retry_after: Wait,
}

/// A wait in nanoseconds, made a `Duration` only for those who ask: the division costs as much as the rest of a refusal.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Wait(u64);

impl Wait {
    const UNKNOWN: Self = Self(u64::MAX);

    const fn get(self) -> Option<Duration> {
        if self.0 == Self::UNKNOWN.0 { None } else { Some(Duration::from_nanos(self.0)) }
    }
}

impl fmt::Debug for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl Rejection {
    pub(crate) const fn new(policy: &'static str, reason: RejectReason) -> Self {
        Self { policy, reason, retry_after: Wait::UNKNOWN }
    }

    pub(crate) const fn retry_after_wait(self, wait: Duration) -> Self {
        self.retry_after_nanos(nanos(wait))
    }

    /// Stops one below the end of the range, some centuries from now.
    pub(crate) const fn retry_after_nanos(mut self, wait: u64) -> Self {
        self.retry_after = Wait(if wait < u64::MAX { wait } else { u64::MAX - 1 });
        self
    }

    /// The name the refusing policy was built with.
    #[must_use]
    pub const fn policy(&self) -> &'static str {
        self.policy
    }

    /// Why it refused.
    #[must_use]
    pub const fn reason(&self) -> RejectReason {
        self.reason
    }

    /// When a call may be admitted again, if the policy can tell.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after.get()
    }

    /// The refusal in `error` or in the chain of its causes.
    #[must_use]
    pub fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        in_chain(error)
    }
}

/// The first error of type `T`, from `error` along its causes.
pub(crate) fn in_chain<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    for _ in 0..CHAIN_MAX {
        let error = next?;
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// A chain of causes can be made to end nowhere.
const CHAIN_MAX: usize = 32;

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.policy, self.reason)?;
        match self.retry_after() {
            Some(wait) => write!(f, "; ask again in {wait:?}"),
            None => Ok(()),
        }
    }
}

impl Error for Rejection {}

/// Why a policy refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectReason {
    /// The circuit is open: the callee failed too often.
    CircuitOpen,
    /// The circuit is half-open and its probes are under way.
    ProbesTaken,
    /// The circuit was opened by hand.
    ForcedOpen,
    /// As many calls are under way, and waiting, as may be.
    BulkheadFull,
    /// The wait for a place, a token or a turn took longer than was allowed.
    WaitedTooLong,
    /// More calls than the rate allows.
    RateLimited,
    /// More keys than the limiter may remember; the caller's is new.
    TooManyKeys,
    /// The limiter's server is away, and the limiter was told to refuse then.
    LimiterAway,
    /// Overload: the adaptive limit is reached.
    Overloaded,
    /// Overload: calls of this priority are shed.
    Shed,
    /// Overload: optional work is dimmed.
    Dimmed,
    /// The callee refuses so many calls that this one was not sent.
    Throttled,
    /// The deadline is over, or would be before the call could be made.
    DeadlineOver,
    /// The runtime that was to run the work is stopping.
    Stopping,
    /// The program is starting and lets calls in gradually.
    WarmingUp,
}

impl RejectReason {
    /// A short word for metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::ProbesTaken => "probes_taken",
            Self::ForcedOpen => "forced_open",
            Self::BulkheadFull => "bulkhead_full",
            Self::WaitedTooLong => "waited_too_long",
            Self::RateLimited => "rate_limited",
            Self::TooManyKeys => "too_many_keys",
            Self::LimiterAway => "limiter_away",
            Self::Overloaded => "overloaded",
            Self::Shed => "shed",
            Self::Dimmed => "dimmed",
            Self::Throttled => "throttled",
            Self::DeadlineOver => "deadline_over",
            Self::Stopping => "stopping",
            Self::WarmingUp => "warming_up",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CircuitOpen => "the circuit is open, because the callee failed too often",
            Self::ProbesTaken => "the circuit is half-open and its probes are under way",
            Self::ForcedOpen => "the circuit was opened by hand",
            Self::BulkheadFull => "as many calls are under way and waiting as may be",
            Self::WaitedTooLong => "waited for a place as long as was allowed",
            Self::RateLimited => "more calls than the rate allows",
            Self::TooManyKeys => "the limiter knows as many keys as it may, and this one is new",
            Self::LimiterAway => "the limiter's server does not answer",
            Self::Overloaded => "overloaded: as many calls are under way as the callee can take",
            Self::Shed => "overloaded: calls of this priority are not served now",
            Self::Dimmed => "overloaded: optional work is left out now",
            Self::Throttled => "the callee refuses so many calls that this one was not sent",
            Self::DeadlineOver => "the deadline is over",
            Self::Stopping => "the runtime that was to run the work is stopping",
            Self::WarmingUp => "starting up: calls are let in gradually",
        })
    }
}

/// Why a guarded call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The call was made and failed.
    #[error("the call failed")]
    Inner(#[source] E),
    /// A policy refused it: it was not made.
    // Not transparent: that would hand out the refusal's own cause, and `Rejection::find` could not see it.
    #[error("a policy refused the call")]
    Rejected(#[from] Rejection),
    /// It was made and dropped when its time was over: it may have had effects.
    #[error("the call took too long")]
    Elapsed(#[from] Elapsed),
}

impl<E> CallError<E> {
    /// The call's own error.
    #[must_use]
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Rejected(_) | Self::Elapsed(_) => None,
        }
    }

    /// The refusal, when the call was not made.
    #[must_use]
    pub const fn rejection(&self) -> Option<&Rejection> {
        match self {
            Self::Rejected(rejection) => Some(rejection),
            Self::Inner(_) | Self::Elapsed(_) => None,
        }
    }
}

impl<E> CallError<CallError<E>> {
    /// One policy around another, written by hand: the inner one's refusal is a refusal.
    #[must_use]
    pub fn flatten(self) -> CallError<E> {
        match self {
            Self::Inner(inner) => inner,
            Self::Rejected(rejection) => CallError::Rejected(rejection),
            Self::Elapsed(elapsed) => CallError::Elapsed(elapsed),
        }
    }
}
