use crate::{
    laboratory::{FAILS, Laboratory, SECOND},
    laws::{lawful, poll_once, ready},
};
use healthcare_resilience::{
    BoxError, BreakerFuture, BreakerLayer, BreakerService, BreakerState, CircuitBreaker, Class, RejectReason,
    Rejection,
};
use std::{future::Future, pin::Pin, time::Duration};
use tower_layer::Layer as _;
use tower_service::Service as _;

/// The laws bring one error and one panic at most.
fn patient() -> CircuitBreaker {
    CircuitBreaker::builder("laboratory").consecutive(5).build().unwrap()
}

lawful!(closed, BreakerLayer::new(patient()));
lawful!(metrics_only, {
    let breaker = patient();
    breaker.metrics_only();
    BreakerLayer::new(breaker)
});
lawful!(disabled, {
    let breaker = patient();
    breaker.disable();
    BreakerLayer::new(breaker)
});
lawful!(classified, BreakerLayer::new(patient()).classify(|_: Result<&&str, &BoxError>| Class::Ignored));

fn hasty() -> CircuitBreaker {
    let open_for = Duration::from_secs(30);
    let breaker = CircuitBreaker::builder("laboratory").consecutive(1).probes(1);
    breaker.open_for(open_for).open_jitter(0.0).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_refusal_comes_from_call_and_leaves_readiness_to_the_next() {
    let laboratory = Laboratory::new(1);
    let breaker = hasty();
    let mut service = BreakerLayer::new(breaker.clone()).layer(laboratory.clone());
    breaker.force_open();
    ready(&mut service).await.unwrap();
    let error = service.call(SECOND).await.unwrap_err();
    let rejection = Rejection::find(error.as_ref()).unwrap();
    assert_eq!((rejection.policy(), rejection.reason()), ("laboratory", RejectReason::ForcedOpen));
    assert_eq!(laboratory.seen().calls(), 0, "refused and called all the same");
    breaker.reset();
    // The place that was taken for the refused call is this one's.
    assert_eq!(service.call(SECOND).await.unwrap(), "negative");
    assert_eq!(laboratory.free(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_opens_probes_and_closes() {
    let mut service = BreakerLayer::new(hasty()).layer(Laboratory::new(2));
    ready(&mut service).await.unwrap();
    assert!(Rejection::find(service.call(FAILS).await.unwrap_err().as_ref()).is_none());
    ready(&mut service).await.unwrap();
    assert!(Rejection::find(service.call(SECOND).await.unwrap_err().as_ref()).is_some());
    tokio::time::sleep(Duration::from_secs(30)).await;
    ready(&mut service).await.unwrap();
    let probe = service.call(SECOND);
    let mut other = service.clone();
    ready(&mut other).await.unwrap();
    let refused = other.call(SECOND).await.unwrap_err();
    assert_eq!(Rejection::find(refused.as_ref()).unwrap().reason(), RejectReason::ProbesTaken);
    assert_eq!(probe.await.unwrap(), "negative");
    assert_eq!(other.call(SECOND).await.unwrap(), "negative");
}

#[tokio::test(start_paused = true)]
async fn failed_readiness_says_nothing_of_a_call() {
    let breaker = hasty();
    let mut service = BreakerLayer::new(breaker.clone()).layer(Laboratory::closed());
    assert!(ready(&mut service).await.is_err());
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// Two breakers in a row: the inner one's refusal does not open the outer one.
#[tokio::test(start_paused = true)]
async fn an_inner_refusal_is_neutral() {
    let (outer, inner) = (hasty(), hasty());
    inner.force_open();
    let service = BreakerLayer::new(inner).layer(Laboratory::new(1));
    let mut service = BreakerLayer::new(outer.clone()).layer(service);
    for _ in 0..3 {
        ready(&mut service).await.unwrap();
        let error = service.call(SECOND).await.unwrap_err();
        assert_eq!(Rejection::find(error.as_ref()).unwrap().reason(), RejectReason::ForcedOpen);
    }
    assert_eq!((outer.state(), outer.snapshot().calls), (BreakerState::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_future_polled_after_it_resolved_stays_pending() {
    let breaker = patient();
    let mut service = BreakerLayer::new(breaker.clone()).layer(Laboratory::new(1));
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(SECOND));
    call.as_mut().await.unwrap();
    assert!(poll_once(call.as_mut()).is_pending());
    breaker.force_open();
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(SECOND));
    call.as_mut().await.unwrap_err();
    assert!(poll_once(call.as_mut()).is_pending());
}

#[test]
fn auto_traits_follow_the_inner_service() {
    fn all<T: Send + Sync + Clone + std::fmt::Debug>() {}
    all::<BreakerService<u8>>();
    all::<BreakerLayer>();
    fn send<T: Send>() {}
    send::<BreakerFuture<Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>>>();
}
