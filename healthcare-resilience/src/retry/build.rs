use super::{Backoff, Retry, RetryBudget, RetryConfigError, Settings};
use crate::{Clock, listeners::Listeners, metrics::PolicyMetrics};
use std::{sync::Arc, time::Duration};

const TRIES_MAX: u32 = 100;
const RETRY_AFTER_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
enum Budget {
    Own,
    Given(RetryBudget),
    None,
}

/// Describes a [`Retry`].
#[derive(Debug, Clone)]
#[must_use = "a retry begins with build()"]
pub struct RetryBuilder {
    name: &'static str,
    max_tries: u32,
    backoff: Backoff,
    budget: Budget,
    total: Option<Duration>,
    retry_after_max: Duration,
    retries_nested: bool,
    seed: Option<u64>,
    clock: Clock,
}

impl RetryBuilder {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            max_tries: 3,
            backoff: Backoff::default(),
            budget: Budget::Own,
            total: None,
            retry_after_max: RETRY_AFTER_MAX,
            retries_nested: false,
            seed: None,
            clock: Clock::default(),
        }
    }

    /// Tries at most, the first among them: from 1 to 100. Default 3.
    pub const fn max_tries(mut self, tries: u32) -> Self {
        self.max_tries = tries;
        self
    }

    /// How long it waits before each further try.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Shares this budget. Default: one of its own, 20 % of the calls and ten a second.
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = Budget::Given(budget);
        self
    }

    /// No budget: every call is tried again as often as `max_tries` allows, also in an outage, which it then
    /// multiplies by that. For tests, and for a single caller such as a nightly job.
    pub fn without_budget(mut self) -> Self {
        self.budget = Budget::None;
        self
    }

    /// The longest time for a whole call: tries, waits, and the queues inside the tries. Default: the task's deadline
    /// alone.
    pub const fn total(mut self, total: Duration) -> Self {
        self.total = Some(total);
        self
    }

    /// The longest wait that a callee can ask for, one minute by default: no answer can park a caller for a day. A
    /// longer wish is cut to this; one that lies beyond the deadline ends the call at once.
    pub const fn retry_after_max(mut self, wait: Duration) -> Self {
        self.retry_after_max = wait;
        self
    }

    /// Tries again inside the tries of another retry too. Their numbers multiply; give both the same budget, which then
    /// bounds them together.
    pub const fn retry_nested(mut self) -> Self {
        self.retries_nested = true;
        self
    }

    /// Draws the same jitter for each call, for tests.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The clock of its own budget's floor. Waits and deadlines are tokio's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Builds it.
    ///
    /// # Errors
    /// When a number is out of its range.
    pub fn build(self) -> Result<Retry, RetryConfigError> {
        if !(1..=TRIES_MAX).contains(&self.max_tries) {
            return Err(RetryConfigError::Tries { max: TRIES_MAX });
        }
        self.backoff.check()?;
        if self.total == Some(Duration::ZERO) {
            return Err(RetryConfigError::Zero { what: "the total time" });
        }
        let budget = match self.budget {
            Budget::Own => Some(RetryBudget::standard(self.name, self.clock.clone())),
            Budget::Given(budget) => Some(budget),
            Budget::None => None,
        };
        Ok(Retry {
            settings: Arc::new(Settings {
                name: self.name,
                max_tries: self.max_tries,
                backoff: self.backoff,
                budget,
                total: self.total,
                retry_after_max: self.retry_after_max,
                retries_nested: self.retries_nested,
                seed: self.seed,
                events: Listeners::new(),
                metrics: PolicyMetrics::new("retry", self.name),
            }),
        })
    }
}
