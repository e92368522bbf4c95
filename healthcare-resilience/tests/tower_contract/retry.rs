//! Retry, hedge and fallback as layers.

use crate::{
    laboratory::{Laboratory, SECOND},
    laws::{lawful, poll_once, ready},
};
use healthcare_resilience::{
    Backoff, BoxError, Class, CloneAs, CloneRequest, Deadline, DeadlineLayer, Effect, Fallback,
    FallbackLayer, FallbackOn, Hedge, HedgeLayer, Jitter, RejectReason, Rejection, Retry, RetryLayer,
};
use std::time::Duration;
use tower_layer::Layer as _;
use tower_service::Service as _;

const READS: CloneAs = CloneAs(Effect::Read);

fn retry(tries: u32) -> Retry {
    let backoff = Backoff::constant(SECOND).jitter(Jitter::None);
    Retry::builder("laboratory").max_tries(tries).backoff(backoff).without_budget().build().unwrap()
}

/// Longer than any call of the laws takes.
fn calm() -> Hedge {
    Hedge::builder("laboratory").after(SECOND * 30).build().unwrap()
}

/// A second try at half of each call's time.
fn eager() -> Hedge {
    Hedge::builder("laboratory").after(SECOND / 2).build().unwrap()
}

/// Requests that cannot be copied.
#[derive(Clone)]
struct Once;
impl CloneRequest<Duration> for Once {
    fn effect(&self, _: &Duration) -> Effect {
        Effect::Read
    }
    fn clone_request(&self, _: &Duration) -> Option<Duration> {
        None
    }
}

lawful!(one_try, RetryLayer::new(retry(1), READS));
lawful!(three_tries, RetryLayer::new(retry(3), READS));
lawful!(plain_writes, RetryLayer::new(retry(3), CloneAs(Effect::Write)));
lawful!(not_copied, RetryLayer::new(retry(3), Once));
lawful!(ignored, RetryLayer::new(retry(3), READS).classify(|_: Result<&&str, &BoxError>| Class::Ignored));
lawful!(calm_hedge, HedgeLayer::new(calm(), READS));
lawful!(hedged_writes, HedgeLayer::new(eager(), CloneAs(Effect::Write)));
lawful!(deadline, DeadlineLayer::new(SECOND * 30));
lawful!(unused_fallback, FallbackLayer::new(Fallback::value("laboratory", "none").on(FallbackOn::REFUSED)));

/// The second try waits for a place that the first one holds; it is dropped with the first one's answer, and neither
/// place nor turn is lost.
#[tokio::test(start_paused = true)]
async fn a_hedge_that_waits_for_a_place_gives_up_its_turn() {
    let laboratory = Laboratory::new(1);
    let hedge = eager();
    let mut service = HedgeLayer::new(hedge.clone(), READS).layer(laboratory.clone());
    for _ in 0..3 {
        ready(&mut service).await.unwrap();
        assert_eq!(service.call(SECOND).await.unwrap(), "negative");
        assert_eq!(laboratory.free(), 1);
    }
    assert_eq!((laboratory.seen().calls(), hedge.counts().lost), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_waits_for_a_place_gives_up_its_turn_when_it_is_dropped() {
    let laboratory = Laboratory::new(1);
    let mut service = RetryLayer::new(retry(3), READS).layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(crate::laboratory::FAILS));
    // The first try fails after a second; somebody else takes the place while it waits to try again.
    assert!(poll_once(call.as_mut()).is_pending());
    tokio::time::sleep(SECOND).await;
    assert!(poll_once(call.as_mut()).is_pending());
    let mut other = laboratory.clone();
    ready(&mut other).await.unwrap();
    tokio::time::sleep(SECOND).await;
    assert!(poll_once(call.as_mut()).is_pending());
    drop(call);
    drop(other);
    assert_eq!(laboratory.free(), 1);
    ready(&mut service).await.unwrap();
    assert_eq!(service.call(SECOND).await.unwrap(), "negative");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_over_refuses_and_leaves_readiness_free() {
    let laboratory = Laboratory::new(1);
    let mut retried = RetryLayer::new(retry(3), READS).layer(laboratory.clone());
    let mut hedged = HedgeLayer::new(calm(), READS).layer(laboratory.clone());
    let over = Deadline::within(Duration::ZERO);
    for hedges in [false, true] {
        let refused = over.scope(async {
            if hedges {
                ready(&mut hedged).await?;
                hedged.call(SECOND).await
            } else {
                ready(&mut retried).await?;
                retried.call(SECOND).await
            }
        });
        let error = refused.await.unwrap_err();
        assert_eq!(Rejection::find(error.as_ref()).unwrap().reason(), RejectReason::DeadlineOver);
        assert_eq!((laboratory.free(), laboratory.seen().calls()), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn futures_polled_after_they_resolved_stay_pending() {
    let laboratory = Laboratory::new(1);
    let mut service = RetryLayer::new(retry(3), READS).layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(SECOND));
    call.as_mut().await.unwrap();
    assert!(poll_once(call.as_mut()).is_pending());
    let mut service = HedgeLayer::new(calm(), READS).layer(laboratory.clone());
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(SECOND));
    call.as_mut().await.unwrap();
    assert!(poll_once(call.as_mut()).is_pending());
    let mut service = FallbackLayer::new(Fallback::value("laboratory", "none")).layer(laboratory);
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(SECOND));
    call.as_mut().await.unwrap();
    assert!(poll_once(call.as_mut()).is_pending());
}
