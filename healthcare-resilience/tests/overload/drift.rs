//! The latency without load does not follow the load, and yet follows the callee (Netflix/concurrency-limits #165, #88).

use crate::MS;
use healthcare_resilience::{AdaptiveLimit, Class, Clock, ClockHand, Gradient, LimitAlgorithm, Vegas};
use std::time::Duration;

/// A callee that works on `capacity` calls at once, `base` each; what comes beyond that shares.
struct Callee {
    capacity: usize,
    base: Duration,
}

/// More callers than any limit lets in, for so many rounds. Returns the lowest and highest limit of the last quarter.
fn overload(limit: &AdaptiveLimit, hand: &ClockHand, callee: &Callee, rounds: usize) -> (usize, usize) {
    let mut ends = (usize::MAX, 0);
    for round in 0..rounds {
        let calls: Vec<_> = std::iter::from_fn(|| limit.try_acquire().ok()).collect();
        let load = (calls.len() as f64 / callee.capacity as f64).max(1.0);
        hand.advance(callee.base.mul_f64(load));
        for call in calls {
            call.record(Class::Success);
        }
        if round >= rounds - rounds / 4 {
            ends = (ends.0.min(limit.limit()), ends.1.max(limit.limit()));
        }
    }
    ends
}

fn limits() -> [(LimitAlgorithm, &'static str); 2] {
    [(Vegas::default().into(), "vegas"), (Gradient::default().into(), "gradient")]
}

fn build(algorithm: LimitAlgorithm, initial: usize) -> (AdaptiveLimit, ClockHand) {
    let (clock, hand) = Clock::manual();
    let builder = AdaptiveLimit::builder("laboratory").algorithm(algorithm).initial(initial).max(400);
    (builder.window(Duration::ZERO, 10).clock(clock).seed(3).build().unwrap(), hand)
}

#[test]
fn under_a_load_that_lasts_it_does_not_creep_up() {
    for (algorithm, name) in limits() {
        let (limit, hand) = build(algorithm, 10);
        let callee = Callee { capacity: 40, base: MS * 10 };
        let (lowest, highest) = overload(&limit, &hand, &callee, 5_000);
        // A probe halves it for a moment.
        assert!(lowest >= 20 && highest <= 80, "{name}: {lowest} to {highest}");
    }
}

#[test]
fn begun_under_load_it_comes_down_to_the_capacity() {
    for (algorithm, name) in limits() {
        let (limit, hand) = build(algorithm, 400);
        let callee = Callee { capacity: 40, base: MS * 10 };
        let (lowest, highest) = overload(&limit, &hand, &callee, 5_000);
        assert!(lowest >= 20 && highest <= 80, "{name}: {lowest} to {highest}");
    }
}

#[test]
fn a_callee_that_became_slower_for_good_is_not_starved() {
    for (algorithm, name) in limits() {
        let (limit, hand) = build(algorithm, 40);
        overload(&limit, &hand, &Callee { capacity: 40, base: MS * 10 }, 1_000);
        let (_, highest) = overload(&limit, &hand, &Callee { capacity: 40, base: MS * 50 }, 5_000);
        assert!((40..=80).contains(&highest), "{name}: {highest}");
    }
}

#[test]
fn a_callee_that_became_smaller_is_not_overrun() {
    for (algorithm, name) in limits() {
        let (limit, hand) = build(algorithm, 40);
        overload(&limit, &hand, &Callee { capacity: 100, base: MS * 10 }, 1_000);
        let (lowest, highest) = overload(&limit, &hand, &Callee { capacity: 20, base: MS * 10 }, 5_000);
        assert!(lowest >= 8 && highest <= 50, "{name}: {lowest} to {highest}");
    }
}
