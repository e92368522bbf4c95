use crate::{Fault, flaky, plain};
use healthcare_resilience::{
    BoxError, CallError, Class, Deadline, Fallback, FallbackEvent, FallbackLayer, FallbackOn,
    OrFallback as _, Retryable as _,
};
use std::{
    future::{Ready, ready},
    task::{Context, Poll},
    time::Duration,
};
use tower_layer::Layer as _;
use tower_service::Service;

async fn refused() -> Result<u32, CallError<Fault>> {
    Deadline::within(Duration::ZERO).call(ready(Ok(1))).await
}

fn failed(fault: Fault) -> Ready<Result<u32, CallError<Fault>>> {
    ready(Err(CallError::Inner(fault)))
}

#[tokio::test(start_paused = true)]
async fn a_success_is_never_hidden() {
    let fallback = Fallback::value("f", 0);
    let all = FallbackOn::default().and(FallbackOn::IGNORED);
    let odd = fallback.on(all).classify(|_: Result<&u32, &Fault>| Class::Transient);
    let mut events = odd.events();
    assert_eq!(ready(Ok::<_, CallError<Fault>>(7)).or_fallback(&odd).await, Ok(7));
    assert_eq!(odd.used(), 0);
    assert!(events.try_recv().is_err());
}

#[tokio::test(start_paused = true)]
async fn failures_and_refusals_are_replaced_and_each_use_is_told() {
    let fallback = Fallback::value("beds", 0);
    let mut events = fallback.events();
    assert_eq!(failed(Fault::Down).or_fallback(&fallback).await, Ok(0));
    assert_eq!(refused().or_fallback(&fallback).await, Ok(0));
    assert_eq!(fallback.clone().used(), 2, "clones count together");
    for class in [Class::Transient, Class::Rejected] {
        let FallbackEvent { policy, class: told, .. } = events.try_recv().unwrap();
        assert_eq!((policy, told), ("beds", class));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_says_no_is_not_replaced_unless_asked_for() {
    let not_found = |_: Result<&u32, &Fault>| Class::Ignored;
    let fallback = Fallback::value("f", 0).classify(not_found);
    let kept = failed(Fault::Forbidden).or_fallback(&fallback).await;
    assert_eq!((kept, fallback.used()), (Err(CallError::Inner(Fault::Forbidden)), 0));
    let replaced = failed(Fault::Forbidden).or_fallback(&fallback.on(FallbackOn::IGNORED)).await;
    assert_eq!(replaced, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn it_can_stand_in_for_refusals_alone_or_failures_alone() {
    let refusals = Fallback::value("f", 0).on(FallbackOn::REFUSED);
    assert_eq!(refused().or_fallback(&refusals).await, Ok(0));
    assert!(failed(Fault::Down).or_fallback(&refusals).await.is_err());
    let failures = Fallback::value("f", 0).on(FallbackOn::FAILED);
    assert!(refused().or_fallback(&failures).await.is_err());
    assert_eq!(failed(Fault::Down).or_fallback(&failures).await, Ok(0));
}

#[tokio::test(start_paused = true)]
async fn it_can_be_made_of_the_error() {
    let fallback = Fallback::from_error("f", |error: &CallError<Fault>| match error {
        CallError::Inner(Fault::Down) => 1,
        CallError::Rejected(_) => 2,
        _ => 3,
    });
    assert_eq!(failed(Fault::Down).or_fallback(&fallback).await, Ok(1));
    assert_eq!(refused().or_fallback(&fallback).await, Ok(2));
    assert_eq!(fallback.replace(Err(CallError::Inner(Fault::Forbidden))), Ok(3));
}

#[tokio::test(start_paused = true)]
async fn it_stands_round_another_policy() {
    let retry = plain(3).build().unwrap();
    let fallback = Fallback::value("f", 0);
    let (tries, op) = flaky(9);
    assert_eq!(op.retry_read(&retry).or_fallback(&fallback).await, Ok(0));
    assert_eq!(tries.get(), 3);
    let (_, op) = flaky(1);
    assert_eq!(op.retry_read(&retry).or_fallback(&fallback).await, Ok(2));
    assert_eq!(fallback.used(), 1);
}

/// Answers what it is asked for.
#[derive(Clone)]
struct Echo;

impl Service<Result<u32, Fault>> for Echo {
    type Response = u32;
    type Error = Fault;
    type Future = Ready<Result<u32, Fault>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Result<u32, Fault>) -> Self::Future {
        ready(request)
    }
}

#[tokio::test(start_paused = true)]
async fn as_a_layer_it_replaces_errors_alone() {
    let fallback = Fallback::value("f", 0);
    let mut service = FallbackLayer::new(fallback.clone()).layer(Echo);
    assert_eq!(service.call(Ok(7)).await.unwrap(), 7);
    assert_eq!(service.call(Err(Fault::Down)).await.unwrap(), 0);
    assert_eq!(fallback.used(), 1);
    let by_fault = |result: Result<&u32, &BoxError>| match result {
        Err(error) if error.downcast_ref() == Some(&Fault::Forbidden) => Class::Ignored,
        Err(_) => Class::Transient,
        Ok(_) => Class::Success,
    };
    let mut service = FallbackLayer::new(fallback).classify(by_fault).layer(Echo);
    let error = service.call(Err(Fault::Forbidden)).await.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Fault::Forbidden), "the error itself, not wrapped");
    assert_eq!(service.call(Err(Fault::Down)).await.unwrap(), 0);
}
