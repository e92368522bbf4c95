use super::{Component, Condition};
use crate::{BreakerState, Bulkhead, CircuitBreaker, Class};

/// An open circuit degrades; so does one that was switched off, for it does not protect. Its word is the state's.
///
/// Readings: `calls`, `failed` and `slow` of those it judges by, `failure_rate` and `slow_rate` when there are any,
/// `open_seconds` left, `opens` in a row, `probes_out`, `stale` results and `not_permitted` calls since it was built. The
/// last failure is told by its class: `transient`, `busy` or `permanent`.
impl Component for CircuitBreaker {
    fn kind(&self) -> &'static str {
        "breaker"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let seen = self.snapshot();
        let word = seen.state.as_str();
        let condition = match seen.state {
            BreakerState::Closed | BreakerState::MetricsOnly => Condition::up(word),
            BreakerState::HalfOpen
            | BreakerState::Open
            | BreakerState::ForcedOpen
            | BreakerState::Disabled => Condition::degraded(word),
        };
        let sometimes = [
            ("failure_rate", seen.failure_rate()),
            ("slow_rate", seen.slow_rate()),
            ("open_seconds", seen.open_for.map(|left| left.as_secs_f64())),
        ];
        let always = [
            ("calls", seen.calls),
            ("failed", seen.failed),
            ("slow", seen.slow),
            ("opens", seen.opens.into()),
            ("probes_out", seen.probes_out.into()),
            ("stale", seen.stale),
            ("not_permitted", seen.not_permitted),
        ];
        let always = always.into_iter().map(|(name, count)| (name, count as f64));
        let sometimes = sometimes.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let condition = always.chain(sometimes).fold(condition, |it, (name, value)| it.reading(name, value));
        seen.last_failure.and_then(word_of).into_iter().fold(condition, Condition::last_failure)
    }
}

const fn word_of(failure: Class) -> Option<&'static str> {
    match failure {
        Class::Transient => Some("transient"),
        Class::Busy { .. } => Some("busy"),
        Class::Permanent => Some("permanent"),
        Class::Success | Class::Ignored | Class::Rejected => None,
    }
}

/// Always up: being full is its work. Its word is `room`, `full` or `queueing`; readings: `in_flight`, `waiting`,
/// `max_calls`.
impl Component for Bulkhead {
    fn kind(&self) -> &'static str {
        "bulkhead"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let (in_flight, waiting) = (self.in_flight(), self.waiting());
        let word = match (in_flight < self.max_calls(), waiting) {
            (true, _) => "room",
            (false, 0) => "full",
            (false, _) => "queueing",
        };
        let readings = [("in_flight", in_flight), ("waiting", waiting), ("max_calls", self.max_calls())];
        let add = |it: Condition, (name, count)| it.reading(name, count as f64);
        readings.into_iter().fold(Condition::up(word), add)
    }
}
