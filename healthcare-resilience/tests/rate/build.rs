use crate::SECOND;
use healthcare_resilience::{KeyedRateLimit, Quota, RateConfigError, RateLimit};
use std::time::Duration;

fn refused(quota: Quota) -> RateConfigError {
    RateLimit::builder("x").quota(quota).build().expect_err("built")
}

#[test]
fn what_cannot_work_is_refused_when_built() {
    assert_eq!(RateLimit::builder("x").build().unwrap_err(), RateConfigError::NoQuota);
    assert_eq!(refused(Quota::per_second(0)), RateConfigError::QuotaZero);
    assert_eq!(refused(Quota::per_second(5).burst(0)), RateConfigError::QuotaZero);
    assert_eq!(refused(Quota::per(5, Duration::ZERO)), RateConfigError::PeriodZero);
    assert!(matches!(refused(Quota::per_second(1_000_000_001)), RateConfigError::TooFast { .. }));
    let year = Duration::from_secs(365 * 24 * 3600);
    assert!(matches!(refused(Quota::per(1, year).burst(11)), RateConfigError::RefillTooLong { .. }));
    assert!(matches!(refused(Quota::per(1, Duration::MAX)), RateConfigError::RefillTooLong { .. }));
}

#[test]
fn the_fastest_and_the_slowest_quota_can_be_built() {
    let year = Duration::from_secs(365 * 24 * 3600);
    for quota in [
        Quota::per_second(1_000_000_000),
        Quota::per_second(1).burst(u32::MAX / 20),
        Quota::per(1, year).burst(10),
        Quota::per(u32::MAX, SECOND * 5).burst(u32::MAX),
    ] {
        RateLimit::builder("x").quota(quota).build().unwrap().try_acquire().unwrap();
    }
}

#[test]
fn a_queue_has_both_bounds_or_none() {
    let builder = || RateLimit::builder("x").quota(Quota::per_second(1));
    assert_eq!(builder().max_waiting(3).build().unwrap_err(), RateConfigError::WaitingUnbounded);
    assert_eq!(builder().max_wait(SECOND).build().unwrap_err(), RateConfigError::WaitingUnbounded);
    let crowd = builder().max_waiting(usize::MAX).max_wait(SECOND).build().unwrap_err();
    assert!(matches!(crowd, RateConfigError::TooManyWaiting { .. }));
}

#[test]
fn a_keyed_limit_remembers_at_least_one_key() {
    let built = |keys| KeyedRateLimit::<u8>::builder("x").quota(Quota::per_second(1)).max_keys(keys).build();
    assert!(matches!(built(0).unwrap_err(), RateConfigError::MaxKeys { .. }));
    assert!(matches!(built(usize::MAX).unwrap_err(), RateConfigError::MaxKeys { .. }));
    built(1).unwrap();
}

#[test]
fn the_window_of_the_headers_is_exact_where_the_interval_is_rounded() {
    assert_eq!(Quota::per_second(7).refill(), SECOND);
    assert_eq!(Quota::per_minute(60).burst(90).refill(), SECOND * 90);
    assert_eq!(Quota::per_hour(1).refill(), SECOND * 3600);
    assert_eq!(Quota::per_day(2).refill(), SECOND * 86_400);
}

#[test]
fn nothing_printed_names_a_key() {
    let limit = KeyedRateLimit::builder("x").quota(Quota::per_second(1)).build().unwrap();
    limit.try_acquire(&"erika.mustermann").unwrap();
    let refusal = limit.try_acquire(&"erika.mustermann").unwrap_err();
    for text in [format!("{limit:?}"), format!("{refusal:?}"), refusal.to_string()] {
        assert!(!text.contains("erika"), "{text}");
    }
}
