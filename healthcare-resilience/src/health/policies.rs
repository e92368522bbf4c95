use super::{Component, Condition};
use crate::{
    AdaptiveLimit, BreakerState, Bulkhead, CircuitBreaker, Class, Dimmer, Priority, Shedder, Throttle, WarmUp,
};

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
        Class::Success | Class::Ignored | Class::Cancelled | Class::Rejected => None,
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

/// Always up: it finds its limit by being at it. Its word is `room` or `full`; readings: `in_flight`, `limit`.
impl Component for AdaptiveLimit {
    fn kind(&self) -> &'static str {
        "adaptive_limit"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let (in_flight, limit) = (self.in_flight(), self.limit());
        let word = if in_flight < limit { "room" } else { "full" };
        Condition::up(word).reading("in_flight", in_flight as f64).reading("limit", limit as f64)
    }
}

/// Degraded while it refuses even emergencies, as `full`; otherwise `room`, or `shedding` while at least one priority is
/// refused. Readings: `in_flight`, `limit`, and `background`, `normal` and `clinical`, the calls up to which each is served.
impl Component for Shedder {
    fn kind(&self) -> &'static str {
        "shedder"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let (in_flight, limit) = (self.in_flight(), self.places(Priority::Emergency));
        let served = [
            ("background", self.places(Priority::Background)),
            ("normal", self.places(Priority::Normal)),
            ("clinical", self.places(Priority::Clinical)),
        ];
        let condition = if in_flight >= limit {
            Condition::degraded("full")
        } else if served.iter().any(|(_, places)| in_flight >= *places) {
            Condition::up("shedding")
        } else {
            Condition::up("room")
        };
        let readings = [("in_flight", in_flight), ("limit", limit)].into_iter().chain(served);
        readings.fold(condition, |it, (name, count)| it.reading(name, count as f64))
    }
}

/// Degraded while calls are left out. Reading: `chance` that the next one is, from 0 to 1.
impl Component for Throttle {
    fn kind(&self) -> &'static str {
        "throttle"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let chance = self.chance();
        let condition =
            if chance > 0.0 { Condition::degraded("throttling") } else { Condition::up("sending") };
        condition.reading("chance", chance)
    }
}

/// Degraded while optional work is left out. Reading: `level`, from 0 for none of it to 1 for all.
impl Component for Dimmer {
    fn kind(&self) -> &'static str {
        "dimmer"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let level = self.level();
        let condition = if level < 1.0 { Condition::degraded("dimmed") } else { Condition::up("bright") };
        condition.reading("level", level)
    }
}

/// Always up, as `warm` or `warming_up`. Reading: `limit`, while there is one.
impl Component for WarmUp {
    fn kind(&self) -> &'static str {
        "warm_up"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        match self.limit() {
            None => Condition::up("warm"),
            Some(limit) => Condition::up("warming_up").reading("limit", limit as f64),
        }
    }
}
