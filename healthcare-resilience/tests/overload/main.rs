//! Overload: limits that find themselves, throttling, shedding, dimming and warming up.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod aimd;
mod build;
mod clocks;
mod dimmer;
mod drift;
mod drops;
mod events;
mod gradient;
mod layer;
mod limit;
#[cfg(feature = "metrics")]
mod metrics;
mod shedder;
mod throttle;
mod throttle_oracle;
mod vegas;
mod warm_up;

use healthcare_resilience::{AdaptiveLimit, AdaptiveLimitBuilder, Class, Clock, ClockHand, LimitAlgorithm};
use std::time::Duration;

pub(crate) const MS: Duration = Duration::from_millis(1);

#[derive(Debug, PartialEq, Eq, Clone, Copy, thiserror::Error)]
#[error("never")]
pub(crate) struct Never;

/// A limit that steps at every sample.
pub(crate) fn stepping(algorithm: impl Into<LimitAlgorithm>) -> (AdaptiveLimitBuilder, ClockHand) {
    let (clock, hand) = Clock::manual();
    let builder = AdaptiveLimit::builder("laboratory").algorithm(algorithm).window(Duration::ZERO, 1);
    (builder.clock(clock).probe_every(1_000_000).seed(7), hand)
}

/// One call that takes `rtt` while `in_flight` are under way, itself among them. The others are cancelled.
pub(crate) fn sample(limit: &AdaptiveLimit, hand: &ClockHand, rtt: Duration, in_flight: usize, class: Class) {
    let mut permits: Vec<_> = (0..in_flight).map(|_| limit.try_acquire().unwrap()).collect();
    hand.advance(rtt);
    permits.pop().unwrap().record(class);
}
