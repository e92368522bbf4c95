use crate::{
    laboratory::{Laboratory, SECOND},
    laws::{lawful, poll_once, ready},
};
use healthcare_resilience::{BoxError, Elapsed, TimeOut, TimeOutFuture, TimeOutLayer};
use std::{future::Future, pin::Pin, time::Duration};
use tower_layer::Layer as _;
use tower_service::Service as _;

const LIMIT: Duration = Duration::from_secs(5);

lawful!(laws, TimeOutLayer::new(LIMIT));

#[tokio::test(start_paused = true)]
async fn a_late_call_is_elapsed_and_its_place_is_free_at_once() {
    let laboratory = Laboratory::new(1);
    let mut service = TimeOut::new(laboratory.clone(), LIMIT);
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(LIMIT * 2));
    let error = call.as_mut().await.unwrap_err();
    assert_eq!(Elapsed::find(error.as_ref()).unwrap().limit(), LIMIT);
    // The future is still held; what it ran is not.
    assert_eq!((laboratory.free(), laboratory.seen().running()), (1, 0));
    drop(call);
}

#[tokio::test(start_paused = true)]
async fn the_inner_of_two_time_outs_is_told_apart() {
    let mut service = TimeOutLayer::new(LIMIT * 2).layer(TimeOut::new(Laboratory::new(1), LIMIT));
    ready(&mut service).await.unwrap();
    let error = service.call(LIMIT * 4).await.unwrap_err();
    assert_eq!(Elapsed::find(error.as_ref()).unwrap().limit(), LIMIT);
}

#[tokio::test(start_paused = true)]
async fn the_time_runs_from_the_call_not_from_readiness() {
    let mut service = TimeOut::new(Laboratory::new(1), LIMIT);
    ready(&mut service).await.unwrap();
    tokio::time::sleep(LIMIT * 3).await;
    assert_eq!(service.call(LIMIT / 2).await.unwrap(), "negative");
}

#[tokio::test(start_paused = true)]
async fn a_future_polled_after_it_resolved_stays_pending() {
    let mut service = TimeOut::new(Laboratory::new(1), LIMIT);
    ready(&mut service).await.unwrap();
    let mut call = Box::pin(service.call(SECOND));
    call.as_mut().await.unwrap();
    assert!(poll_once(call.as_mut()).is_pending());
}

#[test]
fn auto_traits_follow_the_inner_service() {
    fn all<T: Send + Sync + Clone + std::fmt::Debug>() {}
    all::<TimeOut<u8>>();
    all::<TimeOutLayer>();
    fn send<T: Send>() {}
    send::<TimeOutFuture<Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>>>();
}
