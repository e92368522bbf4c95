//! Which step may stand where: checked when a stack is built.

use super::{OrderRule, StackConfigError, StepKind};
use std::time::Duration;

/// What the rules have to know of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepFacts {
    pub(crate) kind: StepKind,
    pub(crate) name: &'static str,
    /// Of a deadline or time-out.
    pub(crate) limit: Option<Duration>,
    /// Whether it lets calls wait.
    pub(crate) waits: bool,
}

/// The first rule that `steps`, outside in, break and that is not among `allowed`.
pub(crate) fn check(
    stack: &'static str,
    steps: &[StepFacts],
    allowed: &[OrderRule],
) -> Result<(), StackConfigError> {
    let Some((rule, outer, inner)) = broken(steps).find(|(rule, ..)| !allowed.contains(rule)) else {
        return Ok(());
    };
    let outer = (outer.kind, outer.name);
    Err(StackConfigError::Order { stack, rule, outer, inner: (inner.kind, inner.name) })
}

/// The rules that `steps` break, each with the outer and the inner step that break it.
pub(crate) fn broken(steps: &[StepFacts]) -> impl Iterator<Item = (OrderRule, &StepFacts, &StepFacts)> {
    let pairs = steps.iter().enumerate().flat_map(|(at, outer)| {
        let inner = steps.iter().skip(at + 1);
        inner.filter_map(move |inner| Some((broken_pair(outer, inner)?, outer, inner)))
    });
    let limits = steps.iter().enumerate().filter_map(|(at, step)| {
        // A retry's limit for the whole call stands around its own tries.
        let outer = steps.iter().take(at + 1).find(|outer| outer.limit.is_some())?;
        let has_inner = steps.iter().skip(at + 1).any(|inner| inner.limit.is_some());
        let rule = match step.kind {
            StepKind::Breaker => OrderRule::TimeOutInsideBreaker,
            StepKind::AdaptiveLimit => OrderRule::TimeOutInsideLimit,
            StepKind::Retry => OrderRule::TimeOutInsideRetry,
            _ => return None,
        };
        (!has_inner).then_some((rule, outer, step))
    });
    pairs.chain(limits)
}

fn broken_pair(outer: &StepFacts, inner: &StepFacts) -> Option<OrderRule> {
    use StepKind as K;
    Some(match (outer.kind, inner.kind) {
        (K::Retry, K::Retry) => OrderRule::OneRetry,
        (a, b) if a == b && is_single(a) => OrderRule::OneOfKind,
        (K::WarmUp, K::Shed) | (K::Shed, K::WarmUp) => return None,
        (_, K::Shed | K::WarmUp) => OrderRule::ShedOutermost,
        (K::Shed | K::WarmUp, _) => return None,
        (_, K::Deadline) => OrderRule::DeadlineOutermost,
        (K::Hedge, K::Retry) => OrderRule::HedgeInsideRetry,
        (K::Breaker, K::Retry) => OrderRule::BreakerInsideRetry,
        (K::Bulkhead, K::Retry) => OrderRule::BulkheadInsideRetry,
        (K::Bulkhead, K::Hedge) => OrderRule::BulkheadInsideHedge,
        (K::AdaptiveLimit | K::Throttle, K::Retry) => OrderRule::LimitInsideRetry,
        (K::AdaptiveLimit | K::Throttle, K::Hedge) => OrderRule::LimitInsideHedge,
        (K::AdaptiveLimit, K::Bulkhead) if inner.waits => OrderRule::LimitInsideBulkhead,
        (_, K::TimeOut) if outer.limit.is_some() && inner.limit >= outer.limit => OrderRule::ShorterInside,
        (a, b) if a == b && a != K::TimeOut && outer.name == inner.name => OrderRule::NamesDiffer,
        _ => return None,
    })
}

/// Kinds of which a stack has at most one.
const fn is_single(kind: StepKind) -> bool {
    !matches!(kind, StepKind::Breaker | StepKind::Bulkhead | StepKind::RateLimit | StepKind::TimeOut)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(kind: StepKind) -> StepFacts {
        let limit = match kind {
            StepKind::Deadline => Some(Duration::from_secs(9)),
            StepKind::TimeOut => Some(Duration::from_secs(1)),
            _ => None,
        };
        StepFacts { kind, name: kind_name(kind), limit, waits: kind == StepKind::Bulkhead }
    }

    const fn kind_name(kind: StepKind) -> &'static str {
        if matches!(kind, StepKind::Deadline | StepKind::TimeOut) { "" } else { "billing" }
    }

    const KINDS: [StepKind; 11] = [
        StepKind::WarmUp,
        StepKind::Shed,
        StepKind::Deadline,
        StepKind::RateLimit,
        StepKind::Retry,
        StepKind::Hedge,
        StepKind::Throttle,
        StepKind::Bulkhead,
        StepKind::AdaptiveLimit,
        StepKind::Breaker,
        StepKind::TimeOut,
    ];

    #[test]
    fn one_order_of_all_kinds_breaks_no_rule() {
        let steps = KINDS.map(step);
        assert_eq!(broken(&steps).next(), None);
        assert_eq!(check("billing", &steps, &[]), Ok(()));
    }

    #[test]
    fn every_pair_is_judged_the_one_way_or_the_other() {
        for outer in KINDS {
            for inner in KINDS {
                let (a, b) = (step(outer), step(inner));
                let there = broken_pair(&a, &b).is_none();
                let back = broken_pair(&b, &a).is_none();
                assert!(there || back || outer == inner, "{outer} and {inner} cannot be together");
            }
        }
    }
}
