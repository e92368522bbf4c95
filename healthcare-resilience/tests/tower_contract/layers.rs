//! The laws on each layer, once with room to spare and once with the policy at its limit, where it has one.

use crate::{
    laboratory::{Laboratory, SECOND},
    laws::{lawful, ready},
};
use healthcare_resilience::{
    Backoff, BreakerLayer, BreakerState, Bulkhead, BulkheadLayer, CircuitBreaker, CloneAs, Effect, Fallback,
    FallbackLayer, FallbackOn, Hedge, HedgeLayer, Quota, RateLimit, RateLimitLayer, Rejection, Retry,
    RetryLayer, TimeOutLayer,
};
use std::time::Duration;
use tower_layer::Layer as _;
use tower_service::Service as _;

const HOUR: Duration = Duration::from_secs(3600);

fn breaker() -> CircuitBreaker {
    CircuitBreaker::builder("laboratory")
        .consecutive(3)
        .probes(1)
        .open_for(SECOND)
        .open_jitter(0.0)
        .build()
        .unwrap()
}

/// A breaker whose next call is its one probe.
async fn half_open() -> CircuitBreaker {
    let breaker = breaker();
    breaker.trip();
    tokio::time::advance(SECOND).await;
    breaker
}

fn bulkhead(places: usize) -> Bulkhead {
    Bulkhead::builder("laboratory").max_calls(places).max_waiting(100).max_wait(HOUR).build().unwrap()
}

fn retry(tries: u32) -> RetryLayer<CloneAs> {
    let policy =
        Retry::builder("laboratory").max_tries(tries).backoff(Backoff::constant(SECOND)).build().unwrap();
    RetryLayer::new(policy, CloneAs(Effect::Read))
}

fn hedge(after: Duration) -> HedgeLayer<CloneAs> {
    let policy = Hedge::builder("laboratory").after(after).build().unwrap();
    HedgeLayer::new(policy, CloneAs(Effect::Read))
}

fn rate(quota: Quota) -> RateLimitLayer<RateLimit> {
    let limit =
        RateLimit::builder("laboratory").quota(quota).max_waiting(100).max_wait(HOUR).build().unwrap();
    RateLimitLayer::new(limit)
}

lawful!(breaker_closed, BreakerLayer::new(breaker()));
lawful!(breaker_half_open, BreakerLayer::new(half_open().await);
    calls_the_very_service_that_was_ready, readiness_is_not_taken_twice, readiness_goes_with_its_service,
    pending_readiness_wakes, failed_readiness_is_passed_on, a_dropped_call_leaves_nothing,
    a_finished_call_holds_nothing);
lawful!(bulkhead_wide, BulkheadLayer::new(bulkhead(100)));
lawful!(bulkhead_of_one, BulkheadLayer::new(bulkhead(1)));
lawful!(retry_once, retry(1));
lawful!(retry_thrice, retry(3));
lawful!(hedge_never, hedge(HOUR));
lawful!(hedge_always, hedge(SECOND / 4));
// Not the law on finished calls: its future keeps the finished call until it is dropped.
lawful!(rate_wide, rate(Quota::per_second(1000));
    calls_the_very_service_that_was_ready, readiness_is_not_taken_twice, readiness_goes_with_its_service,
    a_clone_stands_for_itself, pending_readiness_wakes, failed_readiness_is_passed_on,
    answers_and_errors_pass, a_dropped_call_leaves_nothing, a_panic_goes_on_and_leaves_nothing,
    many_clones_are_served_within_the_places);
lawful!(rate_tight, rate(Quota::per_second(1));
    calls_the_very_service_that_was_ready, readiness_is_not_taken_twice, readiness_goes_with_its_service,
    a_clone_stands_for_itself, pending_readiness_wakes, failed_readiness_is_passed_on,
    answers_and_errors_pass, a_dropped_call_leaves_nothing, a_panic_goes_on_and_leaves_nothing,
    many_clones_are_served_within_the_places);
lawful!(fallback, {
    let policy = Fallback::value("laboratory", "unknown").on(FallbackOn::REFUSED);
    FallbackLayer::new(policy)
});
lawful!(time_out_in_breaker_in_retry, {
    tower_layer::Stack::new(
        TimeOutLayer::new(HOUR),
        tower_layer::Stack::new(BreakerLayer::new(breaker()), retry(2)),
    )
});

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_gives_its_place_to_the_next() {
    let breaker = half_open().await;
    let laboratory = Laboratory::new(3);
    let mut service = BreakerLayer::new(breaker.clone()).layer(laboratory.clone());
    // Getting ready takes no probe: an idle clone must not keep the circuit from closing.
    let mut idle = service.clone();
    ready(&mut idle).await.unwrap();
    ready(&mut service).await.unwrap();
    let probe = service.call(SECOND);
    ready(&mut service).await.unwrap();
    let refused = service.call(SECOND).await.unwrap_err();
    assert!(Rejection::find(refused.as_ref()).is_some());
    drop(probe);
    assert_eq!(service.call(SECOND).await.unwrap(), "negative");
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// A refused call was not made, so the place that was taken for it is used by the next one.
#[tokio::test(start_paused = true)]
async fn a_refusal_makes_no_call_and_loses_no_readiness() {
    let breaker = breaker();
    breaker.force_open();
    let laboratory = Laboratory::new(1);
    let mut service = BreakerLayer::new(breaker.clone()).layer(laboratory.clone());
    for _ in 0..3 {
        ready(&mut service).await.unwrap();
        assert!(service.call(SECOND).await.is_err());
    }
    assert_eq!(laboratory.seen().calls(), 0);
    breaker.reset();
    ready(&mut service).await.unwrap();
    assert_eq!(service.call(SECOND).await.unwrap(), "negative");
}
