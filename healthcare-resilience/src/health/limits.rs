use super::{Component, Condition};
use crate::{KeyedRateLimit, RateLimit, RetryBudget};
use std::hash::Hash;

/// Always up: refusing is its work. Its word is `room`, `spent` or `queueing`; readings: `remaining` permits, `waiting`.
impl Component for RateLimit {
    fn kind(&self) -> &'static str {
        "rate_limit"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let (remaining, waiting) = (self.remaining(), self.waiting());
        let word = match (remaining, waiting) {
            (0, 0) => "spent",
            (_, 0) => "room",
            _ => "queueing",
        };
        Condition::up(word).reading("remaining", remaining.into()).reading("waiting", waiting as f64)
    }
}

/// Always up. Its word is `room`, or `full` while it remembers as many keys as it may, among them those that make room for
/// a new one; readings: `keys`, `max_keys`.
impl<K: Hash + Eq + Clone + Send + Sync + 'static> Component for KeyedRateLimit<K> {
    fn kind(&self) -> &'static str {
        "keyed_rate_limit"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let (keys, max) = (self.keys(), self.max_keys());
        let word = if keys < max { "room" } else { "full" };
        Condition::up(word).reading("keys", keys as f64).reading("max_keys", max as f64)
    }
}

/// Degraded, as `away`, while its server does not answer; else `near`. Reading: `keys` that this instance remembers.
#[cfg(feature = "redis")]
impl Component for crate::RedisRateLimit {
    fn kind(&self) -> &'static str {
        "redis_rate_limit"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let condition = if self.is_away() { Condition::degraded("away") } else { Condition::up("near") };
        condition.reading("keys", self.keys() as f64)
    }
}

/// Always up. Its word is `saved`, or `floor` while further tries have no more than the floor; reading: `balance`, in whole
/// tokens.
impl Component for RetryBudget {
    fn kind(&self) -> &'static str {
        "retry_budget"
    }

    fn name(&self) -> &'static str {
        self.name()
    }

    fn condition(&self) -> Condition {
        let balance = self.balance();
        Condition::up(if balance > 0 { "saved" } else { "floor" }).reading("balance", balance as f64)
    }
}
