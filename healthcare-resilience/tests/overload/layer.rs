//! What tower asks of a middleware, checked on the layer that lets in or refuses.

use crate::{MS, Never, stepping};
use healthcare_resilience::{
    AdmitLayer, AdmitService, Aimd, BoxError, CallError, Class, Clock, Dimmer, Priority, RejectReason,
    Rejection, Shedder, Throttle, WarmUp,
};
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower_layer::Layer;
use tower_service::Service;

/// Panics when it is called without having been ready. Not `Clone`: the layer must not need it.
#[derive(Default)]
struct Laboratory {
    is_ready: bool,
    is_closed: bool,
}

impl Service<&'static str> for Laboratory {
    type Response = &'static str;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<&'static str, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.is_ready = true;
        Poll::Ready(if self.is_closed { Err(Box::new(Never)) } else { Ok(()) })
    }

    fn call(&mut self, request: &'static str) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called without being ready");
        assert_ne!(request, "panic in call");
        Box::pin(async move {
            match request {
                "fail" => Err(Never.into()),
                "refuse" => {
                    let full = Shedder::builder("inner").max_calls(1).build().unwrap();
                    let _held = full.try_acquire(Priority::Emergency).unwrap();
                    let refused = full.call(Priority::Normal, async { Ok::<_, Never>(()) }).await;
                    let error: CallError<Never> = refused.unwrap_err();
                    Err(error.into())
                }
                "panic" => panic!("in the future"),
                "hang" => std::future::pending().await,
                _ => Ok("negative"),
            }
        })
    }
}

fn call<S: Service<&'static str, Error = BoxError>>(
    service: &mut S,
    request: &'static str,
) -> Pin<Box<S::Future>> {
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Ok(()))));
    Box::pin(service.call(request))
}

fn poll<F: Future>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn ended<F: Future>(mut future: Pin<Box<F>>) -> F::Output {
    let Poll::Ready(output) = poll(&mut future) else { panic!("still pending") };
    assert!(poll(&mut future).is_pending(), "fused after its end");
    output
}

fn why(error: &BoxError) -> RejectReason {
    Rejection::find(error.as_ref()).expect("a refusal").reason()
}

#[test]
fn answers_errors_and_readiness_pass() {
    let limit = stepping(Aimd::default()).0.initial(10).build().unwrap();
    let mut service = AdmitLayer::new(limit.clone()).layer(Laboratory::default());
    assert_eq!(ended(call(&mut service, "answer")).unwrap(), "negative");
    assert!(ended(call(&mut service, "fail")).unwrap_err().is::<Never>());
    let closed = Laboratory { is_closed: true, ..Laboratory::default() };
    let mut closed: AdmitService<_, _> = AdmitLayer::new(limit).layer(closed);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(closed.poll_ready(&mut cx), Poll::Ready(Err(error)) if error.is::<Never>()));
}

#[test]
fn being_ready_takes_nothing_and_a_refusal_is_an_answer() {
    let limit = stepping(Aimd::default()).0.initial(1).build().unwrap();
    let layer = AdmitLayer::new(limit.clone());
    let (mut one, mut other) = (layer.layer(Laboratory::default()), layer.layer(Laboratory::default()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(one.poll_ready(&mut cx).is_ready() && other.poll_ready(&mut cx).is_ready());
    assert_eq!(limit.in_flight(), 0);
    let mut hanging = call(&mut one, "hang");
    assert!(poll(&mut hanging).is_pending());
    assert_eq!(why(&ended(call(&mut other, "answer")).unwrap_err()), RejectReason::Overloaded);
    drop(hanging);
    assert_eq!((limit.in_flight(), limit.limit()), (0, 1), "cancelled: neutral");
    assert!(ended(call(&mut other, "answer")).is_ok());
}

#[test]
fn errors_are_failures_and_refusals_further_in_are_not() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(10).build().unwrap();
    let mut service = AdmitLayer::new(limit.clone()).layer(Laboratory::default());
    hand.advance(MS);
    let _ = ended(call(&mut service, "fail"));
    assert_eq!(limit.limit(), 9);
    hand.advance(MS);
    assert_eq!(why(&ended(call(&mut service, "refuse")).unwrap_err()), RejectReason::Shed);
    assert_eq!(limit.limit(), 9);
    let ignore = |_: Result<&&'static str, &BoxError>| Class::Ignored;
    let mut lenient = AdmitLayer::new(limit.clone()).classify(ignore).layer(Laboratory::default());
    hand.advance(MS);
    let _ = ended(call(&mut lenient, "fail"));
    assert_eq!(limit.limit(), 9);
}

#[test]
fn a_panic_is_a_failure_at_once_and_goes_on() {
    let (builder, hand) = stepping(Aimd::default());
    let limit = builder.initial(10).build().unwrap();
    let mut service = AdmitLayer::new(limit.clone()).layer(Laboratory::default());
    hand.advance(MS);
    let mut panics = call(&mut service, "panic");
    assert!(catch_unwind(AssertUnwindSafe(|| poll(&mut panics))).is_err());
    // Its future is still held, as a runtime does that caught the panic.
    assert_eq!((limit.in_flight(), limit.limit()), (0, 9));
    drop(panics);
    hand.advance(MS);
    let in_call = catch_unwind(AssertUnwindSafe(|| drop(call(&mut service, "panic in call"))));
    assert!(in_call.is_err());
    assert_eq!((limit.in_flight(), limit.limit()), (0, 8));
}

#[test]
fn requests_are_shed_by_their_priority() {
    let shedder = Shedder::builder("api").max_calls(2).shares(0.5, 0.5, 0.5).build().unwrap();
    let rule = |request: &&'static str| match *request {
        "hang" | "answer" => Priority::Emergency,
        _ => Priority::Background,
    };
    let mut service = AdmitLayer::new(shedder.by(rule)).layer(Laboratory::default());
    let hanging = call(&mut service, "hang");
    assert_eq!(why(&ended(call(&mut service, "report")).unwrap_err()), RejectReason::Shed);
    assert_eq!(ended(call(&mut service, "answer")).unwrap(), "negative");
    drop(hanging);
    assert!(ended(call(&mut service, "report")).is_ok());
}

#[test]
fn throttle_and_warm_up_guard_services_too() {
    let (clock, _hand) = Clock::manual();
    let throttle = Throttle::builder("t").clock(clock.clone()).min_calls(0).build().unwrap();
    let mut service = AdmitLayer::new(throttle.clone()).layer(Laboratory::default());
    let _ = ended(call(&mut service, "fail"));
    assert!(throttle.chance() > 0.4);
    let warm_up = WarmUp::builder("w").calls(1, 2).over(Duration::from_secs(1)).clock(clock).build().unwrap();
    let layer = AdmitLayer::new(warm_up);
    let (mut one, mut other) = (layer.layer(Laboratory::default()), layer.layer(Laboratory::default()));
    let hanging = call(&mut one, "hang");
    assert_eq!(why(&ended(call(&mut other, "answer")).unwrap_err()), RejectReason::WarmingUp);
    drop(hanging);
    assert!(ended(call(&mut other, "answer")).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dimmer_measures_whole_answers() {
    let dimmer = Dimmer::builder("page").target(MS * 100).build().unwrap();
    #[derive(Clone)]
    struct Slow;
    impl Service<&'static str> for Slow {
        type Response = ();
        type Error = Never;
        type Future = Pin<Box<dyn Future<Output = Result<(), Never>> + Send>>;
        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Never>> {
            Poll::Ready(Ok(()))
        }
        fn call(&mut self, _: &'static str) -> Self::Future {
            Box::pin(async {
                tokio::time::sleep(MS * 500).await;
                Ok(())
            })
        }
    }
    let mut service = AdmitLayer::new(dimmer.clone()).layer(Slow);
    for _ in 0..4 {
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        service.call("page").await.unwrap();
    }
    assert!(dimmer.level() < 1.0, "{}", dimmer.level());
}
