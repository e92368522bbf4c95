use crate::SECOND;
use healthcare_resilience::{Backoff, Jitter, Retry, RetryConfigError};
use proptest::prelude::*;
use std::time::Duration;

const MILLI: Duration = Duration::from_millis(1);

fn waits(backoff: &Backoff, many: usize) -> Vec<Duration> {
    backoff.waits(1).take(many).collect()
}

fn seconds(list: &[u64]) -> Vec<Duration> {
    list.iter().map(|seconds| SECOND * *seconds as u32).collect()
}

fn refused(backoff: Backoff) -> RetryConfigError {
    Retry::builder("x").backoff(backoff).build().unwrap_err()
}

#[test]
fn a_constant_wait_stays() {
    let backoff = Backoff::constant(SECOND).jitter(Jitter::None);
    assert_eq!(waits(&backoff, 4), seconds(&[1, 1, 1, 1]));
    assert_eq!(waits(&Backoff::constant(Duration::ZERO), 3), seconds(&[0, 0, 0]));
}

#[test]
fn an_exponential_wait_doubles_up_to_its_cap() {
    let backoff = Backoff::exponential(SECOND).jitter(Jitter::None).cap(SECOND * 30);
    assert_eq!(waits(&backoff, 7), seconds(&[1, 2, 4, 8, 16, 30, 30]));
    assert_eq!(waits(&backoff.clone().factor(3.0), 5), seconds(&[1, 3, 9, 27, 30]));
    assert_eq!(waits(&backoff.factor(1.0), 3), seconds(&[1, 1, 1]));
}

#[test]
fn a_fractional_factor_is_kept_to_a_ten_millionth() {
    let backoff = Backoff::exponential(SECOND).jitter(Jitter::None).factor(1.1).cap(SECOND * 1_000);
    for (at, wait) in waits(&backoff, 50).into_iter().enumerate() {
        let exact = 1.1_f64.powi(at as i32);
        assert!((wait.as_secs_f64() - exact).abs() / exact < 1e-7, "{at}: {wait:?}");
    }
}

#[test]
fn a_list_is_followed_and_its_last_wait_repeated() {
    let backoff = Backoff::list(seconds(&[1, 2, 5]));
    assert_eq!(waits(&backoff, 5), seconds(&[1, 2, 5, 5, 5]));
    assert_eq!(waits(&backoff.cap(SECOND * 3), 4), seconds(&[1, 2, 3, 3]));
}

#[test]
fn the_cap_holds_with_every_jitter() {
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
        let backoff = Backoff::exponential(SECOND).jitter(jitter).cap(SECOND * 7);
        let longest = backoff.waits(3).take(10_000).max().unwrap();
        assert!(longest <= SECOND * 7, "{jitter:?}: {longest:?}");
        assert!(longest > SECOND * 6, "{jitter:?} never comes near it: {longest:?}");
    }
}

#[test]
fn no_number_of_tries_makes_a_wait_infinite_or_negative() {
    for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
        for factor in [1.0, 1.5, 2.0, 1_000.0] {
            for first in [Duration::ZERO, MILLI, Duration::MAX] {
                let backoff = Backoff::exponential(first).factor(factor).jitter(jitter).cap(Duration::MAX);
                Retry::builder("x").backoff(backoff.clone()).build().unwrap();
                let last = backoff.waits(9).nth(5_000).unwrap();
                assert!(last <= Duration::from_nanos(u64::MAX));
                if jitter == Jitter::None && factor > 1.0 && !first.is_zero() {
                    assert_eq!(last, Duration::from_nanos(u64::MAX));
                }
            }
        }
    }
}

#[test]
fn the_same_seed_draws_the_same_waits_and_another_does_not() {
    let backoff = Backoff::default();
    let drawn = |seed| backoff.waits(seed).take(20).collect::<Vec<_>>();
    assert_eq!(drawn(5), drawn(5));
    assert_ne!(drawn(5), drawn(6));
}

/// Table M12: bounds, and the mean within a hundredth, over a million draws.
#[test]
fn a_million_draws_keep_the_bounds_and_the_mean_of_each_jitter() {
    for (jitter, least, mean) in [(Jitter::Full, 0.0, 0.5), (Jitter::Equal, 0.5, 0.75)] {
        let backoff = Backoff::constant(SECOND).jitter(jitter);
        let (mut sum, mut low, mut high) = (0.0, f64::MAX, 0.0_f64);
        for wait in backoff.waits(11).take(1_000_000) {
            let wait = wait.as_secs_f64();
            (sum, low, high) = (sum + wait, low.min(wait), high.max(wait));
        }
        assert!(low >= least && low < least + 0.001 && high <= 1.0 && high > 0.999, "{jitter:?}");
        assert!((sum / 1e6 / mean - 1.0).abs() < 0.01, "{jitter:?}: {}", sum / 1e6);
    }
    // Decorrelated: the first wait lies between the first and three times the first, so its mean is twice that.
    let backoff = Backoff::exponential(SECOND).jitter(Jitter::Decorrelated).cap(SECOND * 100);
    let mut sum = 0.0;
    for seed in 0..1_000_000 {
        let first = backoff.waits(seed).next_delay();
        assert!((SECOND..=SECOND * 3).contains(&first));
        sum += first.as_secs_f64();
    }
    assert!((sum / 1e6 / 2.0 - 1.0).abs() < 0.01, "{}", sum / 1e6);
}

#[test]
fn numbers_out_of_range_are_refused_when_it_is_built() {
    for factor in [f64::NAN, f64::INFINITY, 0.0, 0.99, -2.0, 1_000.1] {
        let backoff = Backoff::exponential(SECOND).factor(factor);
        assert!(matches!(refused(backoff), RetryConfigError::Factor { .. }), "{factor}");
    }
    assert!(matches!(refused(Backoff::list([])), RetryConfigError::List { .. }));
    assert!(matches!(refused(Backoff::list(vec![SECOND; 65])), RetryConfigError::List { .. }));
    assert!(matches!(refused(Backoff::exponential(SECOND * 30)), RetryConfigError::CapBelowFirst { .. }));
    for backoff in [Backoff::constant(SECOND), Backoff::list([SECOND])] {
        assert_eq!(refused(backoff.jitter(Jitter::Decorrelated)), RetryConfigError::Decorrelated);
    }
    for tries in [0, 101] {
        let built = Retry::builder("x").max_tries(tries).build();
        assert!(matches!(built, Err(RetryConfigError::Tries { max: 100 })));
    }
    let built = Retry::builder("x").total(Duration::ZERO).build();
    assert!(matches!(built, Err(RetryConfigError::Zero { .. })));
}

#[test]
fn it_is_printed_for_people() {
    assert_eq!(Backoff::default().to_string(), "100ms × 2 up to 20s, full jitter");
    assert_eq!(Backoff::list([SECOND]).to_string(), "1 listed waits from 1s");
}

proptest! {
    #[test]
    fn waits_agree_with_plain_arithmetic(
        first in 1_u64..10_000_000_000, factor in 1_u32..50, cap in 1_u64..u64::MAX, tries in 1_usize..60,
    ) {
        let cap = cap.max(first);
        let backoff = Backoff::exponential(Duration::from_nanos(first))
            .factor(f64::from(factor)).cap(Duration::from_nanos(cap)).jitter(Jitter::None);
        let mut exact = u128::from(first);
        for wait in backoff.waits(0).take(tries) {
            prop_assert_eq!(wait.as_nanos(), exact);
            exact = (exact * u128::from(factor)).min(u128::from(cap));
        }
    }

    #[test]
    fn decorrelated_waits_stay_between_the_first_and_three_times_the_last(
        first in 1_u64..1_000_000_000, cap in 1_u64..100_000_000_000, seed: u64,
    ) {
        let cap = cap.max(first);
        let backoff = Backoff::exponential(Duration::from_nanos(first))
            .cap(Duration::from_nanos(cap)).jitter(Jitter::Decorrelated);
        let mut last = first;
        for wait in backoff.waits(seed).take(40) {
            let wait = wait.as_nanos() as u64;
            prop_assert!(wait >= first.min(cap) && wait <= (last * 3).min(cap));
            last = wait;
        }
    }
}
