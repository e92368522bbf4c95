use super::{OverloadConfigError, Throttle, attempts::Slice, error::Check};
use crate::Clock;
use std::time::Duration;

/// The chance of being left out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) formula: ThrottleFormula,
    pub(super) min_pass: f64,
    pub(super) ended_min: u64,
}

/// How the counts become a chance.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ThrottleFormula {
    /// `max(0, (wanted - k * accepted) / (wanted + 1))`, Google's.
    Sre {
        /// How many calls may be wanted for each that is accepted, 1 to 100. 2 lets the callee see that much more than it
        /// takes, so that it can tell who is asking; less throttles sooner.
        k: f64,
    },
    /// `((wanted - accepted / success) / (wanted + 1)) ^ (1 / aggression)`, that of Envoy's admission control filter.
    Envoy {
        /// The share of successes below which calls are left out, above 0 and at most 1.
        success: f64,
        /// Above 1 the chance grows faster, 0.1 to 10.
        aggression: f64,
    },
}

impl Rule {
    pub(super) fn chance(&self, seen: Slice) -> f64 {
        if seen.ended < self.ended_min {
            return 0.0;
        }
        let (wanted, accepted) = (seen.wanted as f64, seen.accepted as f64);
        let chance = match self.formula {
            ThrottleFormula::Sre { k } => (wanted - k * accepted) / (wanted + 1.0),
            ThrottleFormula::Envoy { success, aggression } => {
                ((wanted - accepted / success) / (wanted + 1.0)).max(0.0).powf(aggression.recip())
            }
        };
        chance.clamp(0.0, 1.0 - self.min_pass)
    }
}

/// Describes a [`Throttle`].
#[derive(Debug, Clone)]
#[must_use = "call build()"]
pub struct ThrottleBuilder {
    name: &'static str,
    clock: Clock,
    window: Duration,
    rule: Rule,
    seed: u64,
}

impl ThrottleBuilder {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            clock: Clock::default(),
            window: Duration::from_secs(120),
            rule: Rule { formula: ThrottleFormula::Sre { k: 2.0 }, min_pass: 0.05, ended_min: 10 },
            seed: fastrand::u64(..),
        }
    }

    /// How the counts become a chance. Google's with `k` 2 when never called.
    pub const fn formula(mut self, formula: ThrottleFormula) -> Self {
        self.rule.formula = formula;
        self
    }

    /// How far back is counted, a millisecond to a day. Two minutes when never called.
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// The share of the calls that goes through whatever happens, above 0 and at most 1. 0.05 when never called.
    pub const fn min_pass(mut self, share: f64) -> Self {
        self.rule.min_pass = share;
        self
    }

    /// How many calls must have come back within the window before any is left out. 10 when never called; 0 throttles a
    /// burst of first calls that nobody could have answered yet.
    pub const fn min_calls(mut self, calls: u32) -> Self {
        self.rule.ended_min = calls as u64;
        self
    }

    /// What the draws begin with. Random when never called.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The clock. The system's when never called.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// The throttle.
    ///
    /// # Errors
    /// [`OverloadConfigError`] when a number lies outside of its range.
    pub fn build(self) -> Result<Throttle, OverloadConfigError> {
        let check = Check(self.name);
        let range = Duration::from_millis(1)..=Duration::from_secs(24 * 60 * 60);
        check.that(range.contains(&self.window), "window", "a millisecond to a day")?;
        check.share("min_pass", self.rule.min_pass)?;
        match self.rule.formula {
            ThrottleFormula::Sre { k } => {
                check.that((1.0..=100.0).contains(&k), "formula", "k from 1 to 100")?
            }
            ThrottleFormula::Envoy { success, aggression } => {
                check.share("formula", success)?;
                check.that((0.1..=10.0).contains(&aggression), "formula", "aggression from 0.1 to 10")?;
            }
        }
        Ok(Throttle::new(self.name, self.clock, self.window, self.rule, self.seed))
    }
}
