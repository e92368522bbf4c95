//! The rules about the order of steps, each with its reason.

use std::fmt;

/// What a step of a stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepKind {
    /// [`StackBuilder::warm_up`](crate::StackBuilder::warm_up)
    WarmUp,
    /// [`StackBuilder::shed`](crate::StackBuilder::shed)
    Shed,
    /// [`StackBuilder::deadline`](crate::StackBuilder::deadline)
    Deadline,
    /// [`StackBuilder::throttle`](crate::StackBuilder::throttle)
    Throttle,
    /// [`StackBuilder::adaptive_limit`](crate::StackBuilder::adaptive_limit)
    AdaptiveLimit,
    /// [`StackBuilder::rate_limit`](crate::StackBuilder::rate_limit)
    RateLimit,
    /// [`StackBuilder::retry`](crate::StackBuilder::retry)
    Retry,
    /// [`StackBuilder::hedge`](crate::StackBuilder::hedge)
    Hedge,
    /// [`StackBuilder::breaker`](crate::StackBuilder::breaker)
    Breaker,
    /// [`StackBuilder::bulkhead`](crate::StackBuilder::bulkhead)
    Bulkhead,
    /// [`StackBuilder::time_out`](crate::StackBuilder::time_out)
    TimeOut,
}

impl fmt::Display for StepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::WarmUp => "warm-up",
            Self::Shed => "shedder",
            Self::Deadline => "deadline",
            Self::Throttle => "throttle",
            Self::AdaptiveLimit => "adaptive limit",
            Self::RateLimit => "rate limit",
            Self::Retry => "retry",
            Self::Hedge => "hedge",
            Self::Breaker => "breaker",
            Self::Bulkhead => "bulkhead",
            Self::TimeOut => "time-out",
        })
    }
}

/// A rule about the order of a stack's steps. Its text says what must be so; [`reason`](Self::reason) and
/// [`fix`](Self::fix) say why and how.
///
/// Rules that a host may have a good reason to break are broken by name:
/// [`StackBuilder::allow`](crate::StackBuilder::allow).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OrderRule {
    /// One retry in a stack.
    OneRetry,
    /// One of a kind, where a second would undo or repeat the first.
    OneOfKind,
    /// Two steps of a kind have two names.
    NamesDiffer,
    /// Shedding and warm-up stand outside everything else.
    ShedOutermost,
    /// Only shedding and warm-up stand outside the deadline.
    DeadlineOutermost,
    /// The hedge stands inside the retry.
    HedgeInsideRetry,
    /// The breaker stands inside the retry. May be allowed otherwise.
    BreakerInsideRetry,
    /// The bulkhead stands inside the retry. May be allowed otherwise.
    BulkheadInsideRetry,
    /// The bulkhead stands inside the hedge. May be allowed otherwise.
    BulkheadInsideHedge,
    /// The adaptive limit and the throttle stand inside the retry.
    LimitInsideRetry,
    /// The adaptive limit and the throttle stand inside the hedge.
    LimitInsideHedge,
    /// The adaptive limit stands inside a bulkhead that lets calls wait. May be allowed otherwise.
    LimitInsideBulkhead,
    /// A breaker with a time limit outside has one inside. May be allowed otherwise.
    TimeOutInsideBreaker,
    /// An adaptive limit with a time limit outside has one inside. May be allowed otherwise.
    TimeOutInsideLimit,
    /// A retry with a time limit outside has one inside. May be allowed otherwise.
    TimeOutInsideRetry,
    /// Of two time limits the inner one is shorter.
    ShorterInside,
}

impl OrderRule {
    /// Why the rule is there.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::OneRetry => {
                "retries multiply: three tries around three tries are nine, at the very moment the callee is weakest"
            }
            Self::OneOfKind => "the second would undo or repeat what the first does",
            Self::NamesDiffer => {
                "a refusal names its policy, and the reader could not tell which of the two refused"
            }
            Self::ShedOutermost => {
                "a call that is shed must not have waited, or taken a token or a place, before"
            }
            Self::DeadlineOutermost => "what stands outside the deadline is not bounded by it",
            Self::HedgeInsideRetry => {
                "a hedge around a retry races two whole rows of tries, and their waits, against each other"
            }
            Self::BreakerInsideRetry => {
                "outside it sees one result for several tries, opens late, and does not stop the tries of a call under way"
            }
            Self::BulkheadInsideRetry => {
                "outside it keeps a place while the call only waits for its next try"
            }
            Self::BulkheadInsideHedge => "outside it counts one place for two calls under way",
            Self::LimitInsideRetry => {
                "outside it takes the waits between tries for the callee's time, and several tries for one request"
            }
            Self::LimitInsideHedge => "outside it counts one request where two are sent",
            Self::LimitInsideBulkhead => {
                "outside it takes the wait for a place for the callee's time, and lowers the limit for it"
            }
            Self::TimeOutInsideBreaker => {
                "a call dropped by a limit further out says nothing about the callee, so a callee that hangs would never open the circuit"
            }
            Self::TimeOutInsideLimit => {
                "a call dropped by a limit further out says nothing about the callee, so a callee that hangs would never lower the limit"
            }
            Self::TimeOutInsideRetry => {
                "the first try that hangs would use up all the time, and there would be no second"
            }
            Self::ShorterInside => "the inner limit would never be reached before the outer one",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn fix(self) -> &'static str {
        match self {
            Self::OneRetry => "keep the one that knows most about the call, with more tries if need be",
            Self::OneOfKind => "leave one out",
            Self::NamesDiffer => "give each a name of its own",
            Self::ShedOutermost => "name it first",
            Self::DeadlineOutermost => "name the deadline before it",
            Self::HedgeInsideRetry => "name the retry before the hedge",
            Self::BreakerInsideRetry => {
                "name the retry before the breaker, or say allow(OrderRule::BreakerInsideRetry)"
            }
            Self::BulkheadInsideRetry => {
                "name the retry before the bulkhead, or say allow(OrderRule::BulkheadInsideRetry)"
            }
            Self::BulkheadInsideHedge => {
                "name the hedge before the bulkhead, or say allow(OrderRule::BulkheadInsideHedge)"
            }
            Self::LimitInsideRetry => "name the retry before it",
            Self::LimitInsideHedge => "name the hedge before it",
            Self::LimitInsideBulkhead => {
                "name the bulkhead before it, or say allow(OrderRule::LimitInsideBulkhead)"
            }
            Self::TimeOutInsideBreaker => {
                "end the stack with a shorter time_out, or say allow(OrderRule::TimeOutInsideBreaker) when the callee keeps a limit of its own"
            }
            Self::TimeOutInsideLimit => {
                "end the stack with a shorter time_out, or say allow(OrderRule::TimeOutInsideLimit) when the callee keeps a limit of its own"
            }
            Self::TimeOutInsideRetry => {
                "end the stack with a shorter time_out, or say allow(OrderRule::TimeOutInsideRetry) when the callee keeps a limit of its own"
            }
            Self::ShorterInside => "shorten the inner limit, or leave it out",
        }
    }

    /// Whether [`StackBuilder::allow`](crate::StackBuilder::allow) may name it.
    #[must_use]
    pub const fn may_be_broken(self) -> bool {
        matches!(
            self,
            Self::BreakerInsideRetry
                | Self::BulkheadInsideRetry
                | Self::BulkheadInsideHedge
                | Self::LimitInsideBulkhead
                | Self::TimeOutInsideBreaker
                | Self::TimeOutInsideLimit
                | Self::TimeOutInsideRetry
        )
    }
}

impl fmt::Display for OrderRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OneRetry => "a stack has one retry",
            Self::OneOfKind => "a stack has one of these",
            Self::NamesDiffer => "two steps of a kind have two names",
            Self::ShedOutermost => "shedding and warm-up stand outside everything else",
            Self::DeadlineOutermost => "only shedding and warm-up stand outside the deadline",
            Self::HedgeInsideRetry => "the hedge stands inside the retry",
            Self::BreakerInsideRetry => "the breaker stands inside the retry",
            Self::BulkheadInsideRetry => "the bulkhead stands inside the retry",
            Self::BulkheadInsideHedge => "the bulkhead stands inside the hedge",
            Self::LimitInsideRetry => "limit and throttle stand inside the retry",
            Self::LimitInsideHedge => "limit and throttle stand inside the hedge",
            Self::LimitInsideBulkhead => "the adaptive limit stands inside a bulkhead that lets calls wait",
            Self::TimeOutInsideBreaker => "a breaker with a time limit outside has one inside",
            Self::TimeOutInsideLimit => "an adaptive limit with a time limit outside has one inside",
            Self::TimeOutInsideRetry => "a retry with a time limit outside has one inside",
            Self::ShorterInside => "of two time limits the inner one is shorter",
        })
    }
}
