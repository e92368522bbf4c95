//! The laws on each layer, once with room to spare and once with the policy at its limit, where it has one.

use crate::{
    laboratory::{Laboratory, SECOND},
    laws::{lawful, poll_once, ready},
};
use healthcare_resilience::{
    AdaptiveLimit, AdmitLayer, Aimd, Backoff, BreakerLayer, BreakerState, Bulkhead, BulkheadLayer,
    CircuitBreaker, CloneAs, Dimmer, Effect, Fallback, FallbackLayer, FallbackOn, Hedge, HedgeLayer,
    Priority, Quota, RateLimit, RateLimitLayer, Rejection, Retry, RetryLayer, Shedder, Throttle,
    TimeOutLayer, WarmUp,
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

fn limit() -> AdaptiveLimit {
    AdaptiveLimit::builder("laboratory").algorithm(Aimd::default()).initial(20).build().unwrap()
}

fn warm_up() -> WarmUp {
    WarmUp::builder("laboratory").calls(20, 100).over(HOUR).build().unwrap()
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
lawful!(rate_wide, rate(Quota::per_second(1000)));
lawful!(rate_tight, rate(Quota::per_second(1)));
lawful!(adaptive_limit, AdmitLayer::new(limit()));
lawful!(throttle, AdmitLayer::new(Throttle::builder("laboratory").build().unwrap()));
lawful!(shedder, {
    let shedder = Shedder::builder("laboratory").max_calls(40).build().unwrap();
    AdmitLayer::new(shedder.by(|_: &Duration| Priority::Normal))
});
lawful!(warming_up, AdmitLayer::new(warm_up()));
lawful!(dimmer, AdmitLayer::new(Dimmer::builder("laboratory").target(HOUR).build().unwrap()));
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

/// A place of the policy that is not given back would refuse the second call for ever.
#[tokio::test(start_paused = true)]
async fn a_limit_of_one_is_free_again_after_every_end() {
    let limit =
        AdaptiveLimit::builder("laboratory").algorithm(Aimd::default()).initial(1).max(1).build().unwrap();
    for polls in 0..4 {
        let mut service = AdmitLayer::new(limit.clone()).layer(Laboratory::new(2));
        ready(&mut service).await.unwrap();
        let mut call = Box::pin(service.call(SECOND));
        for _ in 0..polls {
            assert!(poll_once(call.as_mut()).is_pending());
        }
        assert_eq!(limit.in_flight(), 1);
        drop(call);
        assert_eq!(limit.in_flight(), 0, "after {polls} polls and a drop");
        ready(&mut service).await.unwrap();
        assert_eq!(service.call(SECOND).await.unwrap(), "negative");
    }
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
