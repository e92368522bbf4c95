//! Rate limits in this process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod address;
mod build;
mod cases;
mod direct;
mod events;
#[cfg(feature = "http")]
mod headers;
mod keyed;
mod layer;
#[cfg(feature = "metrics")]
mod metrics;
mod oracle;
mod wait;

use healthcare_resilience::{Clock, ClockHand, Quota, RateLimit, RejectReason, Rejection};
use std::time::Duration;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn limit(quota: Quota) -> (RateLimit, ClockHand) {
    let (clock, hand) = Clock::manual();
    (RateLimit::builder("test").quota(quota).clock(clock).build().unwrap(), hand)
}

/// How many of `tries` are admitted.
pub(crate) fn admitted(limit: &RateLimit, tries: usize) -> usize {
    (0..tries).filter(|_| limit.try_acquire().is_ok()).count()
}

pub(crate) fn limited(result: Result<impl std::fmt::Debug, Rejection>) -> Duration {
    let rejection = result.expect_err("admitted");
    assert_eq!(rejection.reason(), RejectReason::RateLimited);
    rejection.retry_after().expect("a time to wait")
}
