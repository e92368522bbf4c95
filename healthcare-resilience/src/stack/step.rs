use super::{StepKind, order::StepFacts};
use crate::{AdaptiveLimit, Bulkhead, CircuitBreaker, Hedge, RateLimit, Retry, Shedder, Throttle, WarmUp};
use std::time::Duration;

/// Steps of a stack at most: as many permits a call has room for.
pub(super) const STEPS_MAX: usize = 12;

/// One policy in its place.
#[derive(Debug, Clone)]
pub(super) enum Step {
    WarmUp(WarmUp),
    Shed(Shedder),
    Deadline(Duration),
    Throttle(Throttle),
    AdaptiveLimit(AdaptiveLimit),
    RateLimit(RateLimit),
    Retry(Retry),
    Hedge(Hedge),
    Breaker(CircuitBreaker),
    Bulkhead(Bulkhead),
    TimeOut(Duration),
}

impl Step {
    pub(super) const fn kind(&self) -> StepKind {
        match self {
            Self::WarmUp(_) => StepKind::WarmUp,
            Self::Shed(_) => StepKind::Shed,
            Self::Deadline(_) => StepKind::Deadline,
            Self::Throttle(_) => StepKind::Throttle,
            Self::AdaptiveLimit(_) => StepKind::AdaptiveLimit,
            Self::RateLimit(_) => StepKind::RateLimit,
            Self::Retry(_) => StepKind::Retry,
            Self::Hedge(_) => StepKind::Hedge,
            Self::Breaker(_) => StepKind::Breaker,
            Self::Bulkhead(_) => StepKind::Bulkhead,
            Self::TimeOut(_) => StepKind::TimeOut,
        }
    }

    /// Empty for a time limit, which refuses nothing.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Deadline(_) | Self::TimeOut(_) => "",
            Self::WarmUp(warm_up) => warm_up.name(),
            Self::Shed(shedder) => shedder.name(),
            Self::Throttle(throttle) => throttle.name(),
            Self::AdaptiveLimit(limit) => limit.name(),
            Self::RateLimit(limit) => limit.name(),
            Self::Retry(retry) => retry.name(),
            Self::Hedge(hedge) => hedge.name(),
            Self::Breaker(breaker) => breaker.name(),
            Self::Bulkhead(bulkhead) => bulkhead.name(),
        }
    }

    pub(super) fn facts(&self) -> StepFacts {
        let (limit, waits) = match self {
            Self::Deadline(limit) | Self::TimeOut(limit) => (Some(*limit), false),
            Self::Retry(retry) => (retry.total(), true),
            Self::RateLimit(limit) => (None, limit.may_wait()),
            Self::Bulkhead(bulkhead) => (None, bulkhead.may_wait()),
            Self::WarmUp(_)
            | Self::Shed(_)
            | Self::Throttle(_)
            | Self::AdaptiveLimit(_)
            | Self::Hedge(_)
            | Self::Breaker(_) => (None, false),
        };
        StepFacts { kind: self.kind(), name: self.name(), limit, waits }
    }
}
