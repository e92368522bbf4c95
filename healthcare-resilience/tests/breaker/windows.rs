//! Windows against oracles that remember everything.

use healthcare_resilience::{CircuitBreaker, Class, Clock, Moment};
use proptest::prelude::*;
use std::{collections::VecDeque, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const SLICES: u64 = 32;

#[derive(Debug, Clone, Copy)]
struct Call {
    is_failed: bool,
    is_slow: bool,
}

fn call() -> impl Strategy<Value = Call> {
    (prop::bool::weighted(0.4), prop::bool::weighted(0.3))
        .prop_map(|(is_failed, is_slow)| Call { is_failed, is_slow })
}

fn counts<'a>(calls: impl Iterator<Item = &'a Call> + Clone) -> (u64, u64, u64) {
    let failed = calls.clone().filter(|call| call.is_failed).count();
    let slow = calls.clone().filter(|call| call.is_slow).count();
    (calls.count() as u64, failed as u64, slow as u64)
}

/// In metrics only, so that nothing opens and everything is counted.
fn watched(
    window: impl FnOnce(healthcare_resilience::BreakerBuilder) -> healthcare_resilience::BreakerBuilder,
) -> (CircuitBreaker, healthcare_resilience::ClockHand) {
    let (clock, hand) = Clock::manual();
    let breaker = window(CircuitBreaker::builder("window")).clock(clock).build().unwrap();
    breaker.metrics_only();
    (breaker, hand)
}

fn seen(breaker: &CircuitBreaker) -> (u64, u64, u64) {
    let seen = breaker.snapshot();
    (seen.calls, seen.failed, seen.slow)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_last_calls_are_the_last_calls(
        size in 1_u32..130,
        calls in prop::collection::vec(call(), 0..400),
    ) {
        let (breaker, hand) = watched(|it| it.count_window(size).slow_calls(SECOND, 1.0));
        let mut oracle: VecDeque<Call> = VecDeque::new();
        for call in calls {
            let permit = breaker.try_acquire().unwrap();
            if call.is_slow {
                hand.advance(SECOND);
            }
            permit.record(if call.is_failed { Class::Permanent } else { Class::Success });
            oracle.push_back(call);
            if oracle.len() > size as usize {
                oracle.pop_front();
            }
            prop_assert_eq!(seen(&breaker), counts(oracle.iter()));
        }
    }

    #[test]
    fn the_calls_of_the_last_while_are_those(
        length_ms in 1_u64..20_000,
        steps in prop::collection::vec((step(), prop::bool::weighted(0.4)), 0..200),
    ) {
        let length = Duration::from_millis(length_ms);
        let (breaker, hand) = watched(|it| it.time_window(length));
        let slice = length.as_nanos() as u64 / SLICES;
        let mut now: u64 = Duration::from_secs(24 * 3600).as_nanos() as u64;
        // By slice. The oracle keeps everything, and forgets only what nobody can date.
        let (mut oracle, mut head): (Vec<(u64, Call)>, u64) = (Vec::new(), 0);
        for (step, is_failed) in steps {
            now = match step {
                Step::On(permille) => now.saturating_add((u128::from(permille) * length.as_nanos() / 1000) as u64),
                Step::Back(permille) => now.saturating_sub((u128::from(permille) * length.as_nanos() / 1000) as u64),
                Step::Years(years) => now.saturating_add(Duration::from_secs(years * 365 * 24 * 3600).as_nanos() as u64),
            };
            hand.set(Moment::from_nanos(now));
            breaker.try_acquire().unwrap().record(if is_failed { Class::Transient } else { Class::Success });
            let at = now / slice;
            if at >= head {
                head = at;
            } else if head - at >= SLICES {
                oracle.clear();
                head = at;
            }
            oracle.push((head, Call { is_failed, is_slow: false }));
            let within = oracle.iter().filter(|(at, _)| head - at < SLICES).map(|(_, call)| call);
            prop_assert_eq!(seen(&breaker), counts(within));
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Thousandths of the length.
    On(u32),
    Back(u32),
    Years(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::On(0)),
        6 => (1_u32..200).prop_map(Step::On),
        2 => (200_u32..3000).prop_map(Step::On),
        1 => Just(Step::On(1000)),
        1 => (1_u32..500).prop_map(Step::Back),
        1 => (500_u32..3000).prop_map(Step::Back),
        1 => (1_u64..20).prop_map(Step::Years),
    ]
}

/// However it falls on the slices: counted for 31/32 of the length at least, and never for longer than the length.
#[test]
fn a_call_is_counted_for_nearly_the_length_and_never_longer() {
    let length = SECOND * 10;
    for offset in [0, 1, 156_250_000, 312_499_999, 312_500_000, 999_999_999] {
        let (breaker, hand) = watched(|it| it.time_window(length));
        hand.advance(Duration::from_nanos(offset));
        breaker.try_acquire().unwrap().record(Class::Transient);
        hand.advance(length / 32 * 31);
        assert_eq!(seen(&breaker), (1, 1, 0), "offset {offset}");
        hand.advance(length - length / 32 * 31);
        assert_eq!(seen(&breaker), (0, 0, 0), "offset {offset}");
    }
}

/// Memory and cost do not grow with the calls: a window holds numbers, not calls. The cost itself is measured among the
/// benchmarks; here it is that a million calls are counted exactly and go all at once.
#[test]
fn a_million_calls_are_counted_and_forgotten() {
    let (breaker, hand) = watched(|it| it.time_window(SECOND * 10));
    for call in 0..1_000_000_u32 {
        let class = if call % 4 == 0 { Class::Transient } else { Class::Success };
        breaker.try_acquire().unwrap().record(class);
        if call % 1000 == 0 {
            hand.advance(Duration::from_millis(9));
        }
    }
    assert_eq!(seen(&breaker), (1_000_000, 250_000, 0));
    hand.advance(SECOND * 10);
    assert_eq!(seen(&breaker), (0, 0, 0));
}

#[test]
fn the_smallest_and_the_largest_windows_work() {
    for length in [Duration::from_micros(1), Duration::MAX] {
        let (breaker, hand) = watched(|it| it.time_window(length));
        breaker.try_acquire().unwrap().record(Class::Transient);
        assert_eq!(seen(&breaker), (1, 1, 0));
        hand.set(Moment::from_nanos(u64::MAX));
        breaker.try_acquire().unwrap().record(Class::Transient);
        assert!((1..=2).contains(&seen(&breaker).0));
    }
    let (breaker, _) = watched(|it| it.count_window(65_536));
    for _ in 0..70_000 {
        breaker.try_acquire().unwrap().record(Class::Transient);
    }
    assert_eq!(seen(&breaker), (65_536, 65_536, 0));
}
