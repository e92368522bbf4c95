use super::{Hedge, Pace, Shared};
use crate::{Clock, HedgeConfigError, RetryBudget, listeners::Listeners, metrics::PolicyMetrics};
use std::{fmt, sync::Arc, time::Duration};

const EXTRA_MAX: u32 = 10;
const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_secs(60);

/// When a further try is sent: after a fixed time, or after the time that most calls take.
///
/// ```
/// use healthcare_resilience::HedgeDelay;
/// use std::time::Duration;
/// let fixed = HedgeDelay::from(Duration::from_millis(80));
/// let observed = HedgeDelay::quantile(0.95).between(Duration::from_millis(5), Duration::from_secs(2));
/// # let _ = (fixed, observed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgeDelay {
    pub(crate) pace: Pace,
}

impl HedgeDelay {
    /// The time that this share of the calls does not exceed: 0.95 sends a second try for about one call in twenty. It
    /// is measured over about the last thousand calls, to a sixteenth, in two kilobytes. Until a hundred were measured
    /// nothing is sent, unless [`until_known`](Self::until_known) says after how long.
    #[must_use]
    pub const fn quantile(quantile: f64) -> Self {
        Self { pace: Pace::Observed { quantile, least: LEAST, most: MOST, until_known: None } }
    }

    /// Bounds a measured time. Default: between a millisecond and a minute. No effect on a fixed one.
    #[must_use]
    pub const fn between(mut self, shortest: Duration, longest: Duration) -> Self {
        if let Pace::Observed { least, most, .. } = &mut self.pace {
            *least = shortest;
            *most = longest;
        }
        self
    }

    /// The time to use while too few calls were measured. No effect on a fixed one.
    #[must_use]
    pub const fn until_known(mut self, delay: Duration) -> Self {
        if let Pace::Observed { until_known, .. } = &mut self.pace {
            *until_known = Some(delay);
        }
        self
    }
}

impl From<Duration> for HedgeDelay {
    fn from(delay: Duration) -> Self {
        Self { pace: Pace::Fixed(delay) }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(delay) => write!(f, "after {delay:?}"),
            Self::Observed { quantile, least, most, .. } => {
                write!(f, "after the {quantile} quantile, {least:?} to {most:?}")
            }
        }
    }
}

/// Describes a [`Hedge`].
#[derive(Debug, Clone)]
#[must_use = "a hedge begins with build()"]
pub struct HedgeBuilder {
    name: &'static str,
    delay: Option<HedgeDelay>,
    max_extra: u32,
    budget: Option<RetryBudget>,
    clock: Clock,
}

impl HedgeBuilder {
    pub(crate) const fn new(name: &'static str, clock: Clock) -> Self {
        Self { name, delay: None, max_extra: 1, budget: None, clock }
    }

    /// When a further try is sent, counted from the one before. Must be said.
    pub fn after(mut self, delay: impl Into<HedgeDelay>) -> Self {
        self.delay = Some(delay.into());
        self
    }

    /// Further tries of a call at most, from 1 to 10. Default 1.
    pub const fn max_extra(mut self, tries: u32) -> Self {
        self.max_extra = tries;
        self
    }

    /// Shares this budget, as a rule with the retry around it. Default: one of its own, 20 % of the calls and ten a
    /// second.
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    /// The clock that call times are read on. Delay and deadlines are tokio's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// When the delay is missing, or a number is out of its range.
    pub fn build(self) -> Result<Hedge, HedgeConfigError> {
        let pace = self.delay.ok_or(HedgeConfigError::NoDelay)?.pace;
        if !(1..=EXTRA_MAX).contains(&self.max_extra) {
            return Err(HedgeConfigError::Extra { max: EXTRA_MAX });
        }
        if let Pace::Observed { quantile, least, most, .. } = pace {
            if !(quantile > 0.0 && quantile < 1.0) {
                return Err(HedgeConfigError::Quantile);
            }
            if least > most {
                return Err(HedgeConfigError::Bounds { least, most });
            }
        }
        let budget = self.budget.unwrap_or_else(|| RetryBudget::standard(self.name, self.clock.clone()));
        Ok(Hedge {
            shared: Arc::new(Shared {
                name: self.name,
                pace,
                max_extra: self.max_extra,
                budget,
                clock: self.clock,
                observed: super::Observed::default(),
                tally: super::Tally::default(),
                events: Listeners::new(),
                metrics: PolicyMetrics::new("hedge", self.name),
            }),
        })
    }
}
