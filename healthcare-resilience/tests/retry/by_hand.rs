//! Policies put round each other by hand, with nothing said of classes.

use crate::Fault;
use healthcare_resilience::{
    AdaptiveLimit, Aimd, Bulkhead, CallError, CircuitBreaker, Priority, Quota, RateLimit, Shedder, Throttle,
    WarmUp,
};
use std::{future::ready, time::Duration};

/// Refuses every call.
fn closed_shop() -> CircuitBreaker {
    let breaker = CircuitBreaker::builder("inner").build().unwrap();
    breaker.force_open();
    breaker
}

async fn refused(inner: &CircuitBreaker) -> Result<u8, CallError<Fault>> {
    inner.call(ready(Ok::<u8, Fault>(1))).await
}

async fn failed() -> Result<u8, CallError<Fault>> {
    Err(CallError::Inner(Fault::Down))
}

/// Whether it was refused, and by the inner policy.
fn is_inner<T>(result: &Result<T, CallError<Fault>>) -> bool {
    matches!(result, Err(CallError::Rejected(rejection)) if rejection.policy() == "inner")
}

#[tokio::test(start_paused = true)]
async fn a_breaker_learns_nothing_of_a_refusal_further_in() {
    let (inner, outer) = (closed_shop(), CircuitBreaker::builder("outer").consecutive(1).build().unwrap());
    assert!(is_inner(&outer.call(refused(&inner)).await.map_err(CallError::flatten)));
    assert!(is_inner(&outer.around(refused(&inner)).await));
    // However deep it lies.
    let middle = CircuitBreaker::builder("middle").consecutive(1).build().unwrap();
    assert!(is_inner(&outer.around(middle.call(refused(&inner))).await.map_err(CallError::flatten)));
    assert!(!middle.state().is_refusing() && !outer.state().is_refusing());
    outer.around(failed()).await.unwrap_err();
    assert!(outer.state().is_refusing(), "a failure is one");
}

#[tokio::test(start_paused = true)]
async fn a_limit_and_a_shedder_learn_nothing_of_a_refusal_further_in() {
    let inner = closed_shop();
    let limit = AdaptiveLimit::builder("outer").algorithm(Aimd::default()).initial(20).build().unwrap();
    let shedder = Shedder::builder("outer").limit(limit.clone()).build().unwrap();
    assert!(is_inner(&limit.call(refused(&inner)).await.map_err(CallError::flatten)));
    assert!(is_inner(&limit.around(refused(&inner)).await));
    assert!(is_inner(&shedder.call(Priority::Normal, refused(&inner)).await.map_err(CallError::flatten)));
    assert!(is_inner(&shedder.around(Priority::Normal, refused(&inner)).await));
    assert_eq!((limit.limit(), limit.in_flight()), (20, 0));
    shedder.around(Priority::Normal, failed()).await.unwrap_err();
    assert_eq!(limit.limit(), 18, "a failure is one");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_learns_nothing_of_a_refusal_further_in() {
    let (inner, throttle) = (closed_shop(), Throttle::builder("outer").build().unwrap());
    for _ in 0..100 {
        assert!(is_inner(&throttle.call(refused(&inner)).await.map_err(CallError::flatten)));
        assert!(is_inner(&throttle.around(refused(&inner)).await));
    }
    assert!(throttle.chance() == 0.0);
    for _ in 0..100 {
        throttle.around(failed()).await.unwrap_err();
    }
    assert!(throttle.chance() > 0.0, "a failure is one");
}

#[tokio::test(start_paused = true)]
async fn what_looks_at_no_result_hands_a_refusal_out_as_one() {
    let inner = closed_shop();
    let warm_up = WarmUp::builder("outer").calls(1, 2).over(Duration::from_secs(9)).build().unwrap();
    let bulkhead = Bulkhead::builder("outer").max_calls(1).build().unwrap();
    let rate = RateLimit::builder("outer").quota(Quota::per_second(9)).build().unwrap();
    assert!(is_inner(&warm_up.around(refused(&inner)).await));
    assert!(is_inner(&bulkhead.around(refused(&inner)).await));
    assert!(is_inner(&rate.around(refused(&inner)).await));
    assert_eq!(bulkhead.in_flight(), 0);
    assert!(warm_up.try_acquire().is_ok());
}
