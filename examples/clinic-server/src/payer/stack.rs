//! What stands around an inquiry.

use super::client::Failure;
use healthcare_core::CoverageAnswer;
use healthcare_resilience::{Backoff, BoxError, Bulkhead, CircuitBreaker, Class, Retry, Stack};
use std::time::Duration;

/// The name of its policies in metrics and health.
const NAME: &str = "eligibility";

/// How long an inquiry may take: somebody waits at a desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayerTimes {
    /// One try, from the connection to the end of the answer.
    pub try_max: Duration,
    /// Everything together.
    pub all_max: Duration,
}

impl Default for PayerTimes {
    /// Two seconds a try, four and a half in all.
    fn default() -> Self {
        Self { try_max: Duration::from_secs(2), all_max: Duration::from_millis(4500) }
    }
}

/// As [`Stack::for_external_api`], with the times of a desk in place of those of a batch: two tries, and a line in which nobody waits longer
/// than the answer is worth. The circuit is the preset's.
pub(super) fn stack(times: PayerTimes) -> Result<(Stack, CircuitBreaker), BoxError> {
    let breaker = CircuitBreaker::external_api(NAME).build()?;
    let backoff = Backoff::exponential(Duration::from_millis(100)).cap(Duration::from_millis(500));
    let line = Bulkhead::builder(NAME).max_calls(20).max_waiting(20).max_wait(times.try_max);
    let stack = Stack::builder(NAME)
        .deadline(times.all_max)
        .retry(Retry::builder(NAME).max_tries(2).backoff(backoff).build()?)
        .bulkhead(line.build()?)
        .breaker(breaker.clone())
        .time_out(times.try_max)
        .build()?;
    Ok((stack, breaker))
}

/// What an end says of the payer.
pub(super) fn class(ended: Result<&CoverageAnswer, &Failure>) -> Class {
    match ended {
        Ok(_) => Class::Success,
        Err(failure) => failure.class,
    }
}
