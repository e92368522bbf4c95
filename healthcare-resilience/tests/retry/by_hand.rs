//! Policies put round each other by hand, with nothing said of classes.

use crate::Fault;
use healthcare_resilience::{
    AdaptiveLimit, Aimd, AnyError, BoxError, BreakerLayer, Bulkhead, CallError, Causes, CircuitBreaker,
    Class, Classify as _, CloneAs, Deadline, DeadlineLayer, Effect, Elapsed, ErrorChain, Guarded, OrderRule,
    Priority, Quota, RateLimit, Retry, RetryLayer, Shedder, Stack, Throttle, WarmUp, time_out,
};
use std::{
    future::{pending, ready},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::sleep;
use tower_layer::Layer as _;
use tower_service::Service;

const MILLI: Duration = Duration::from_millis(1);

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

fn strict() -> CircuitBreaker {
    CircuitBreaker::builder("outer").consecutive(3).build().unwrap()
}

async fn slow() -> Result<u8, Fault> {
    sleep(MILLI * 20).await;
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn callers_without_time_do_not_open_a_breaker() {
    let (breaker, retry) = (strict(), Retry::builder("retry").build().unwrap());
    for _ in 0..9 {
        let call = breaker.around(retry.call(Effect::Read, slow));
        let late = Deadline::within(MILLI * 5).scope(call).await.unwrap_err();
        assert!(
            matches!(late, CallError::Elapsed(elapsed) if !elapsed.is_callers()),
            "nobody is outside here"
        );
    }
    assert_eq!((breaker.state().is_refusing(), breaker.snapshot().failed), (false, 0));
    // The policy's own time is the callee's failure, though the caller has a deadline too.
    let short = Retry::builder("retry").total(MILLI * 5).build().unwrap();
    for _ in 0..3 {
        let call = breaker.around(short.call(Effect::Read, slow));
        Deadline::within(MILLI * 6).scope(call).await.unwrap_err();
    }
    assert!(breaker.state().is_refusing());
}

/// Whose time it was depends on where one stands.
#[tokio::test(start_paused = true)]
async fn a_deadline_between_two_breakers_is_the_inner_ones_callers() {
    let (outer, inner) = (strict(), strict());
    let retry = Retry::builder("retry").build().unwrap();
    for _ in 0..3 {
        let call = Deadline::within(MILLI * 5).call(inner.around(retry.call(Effect::Read, slow)));
        outer.call(call).await.unwrap_err();
    }
    assert!(!inner.state().is_refusing() && outer.state().is_refusing());
}

#[tokio::test(start_paused = true)]
async fn nor_do_they_move_limit_shedder_and_throttle() {
    let limit = AdaptiveLimit::builder("outer").algorithm(Aimd::default()).initial(20).build().unwrap();
    let shedder = Shedder::builder("outer").limit(limit.clone()).build().unwrap();
    let throttle = Throttle::builder("outer").build().unwrap();
    let retry = Retry::builder("retry").build().unwrap();
    for _ in 0..50 {
        let call = shedder.around(Priority::Normal, retry.call(Effect::Read, slow));
        Deadline::within(MILLI * 5).scope(throttle.around(call)).await.unwrap_err();
    }
    assert_eq!((limit.limit(), limit.in_flight()), (20, 0));
    assert!(throttle.chance() == 0.0);
}

#[derive(Debug, Clone)]
struct Slow;

impl Service<u8> for Slow {
    type Response = u8;
    type Error = Fault;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<u8, Fault>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: u8) -> Self::Future {
        Box::pin(slow())
    }
}

/// Three calls by callers that have 5 ms.
async fn hurried<S: Service<u8, Response = u8, Error = BoxError>>(mut service: S) {
    for _ in 0..3 {
        let late = Deadline::within(MILLI * 5).scope(async { service.call(1).await }).await.unwrap_err();
        assert!(Elapsed::find(late.as_ref()).is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn nor_do_they_through_layers() {
    let retry = || RetryLayer::new(Retry::builder("retry").build().unwrap(), CloneAs(Effect::Read));
    let breaker = strict();
    hurried(BreakerLayer::new(breaker.clone()).layer(retry().layer(Slow))).await;
    hurried(BreakerLayer::new(breaker.clone()).layer(DeadlineLayer::new(MILLI * 10).layer(Slow))).await;
    hurried(
        BreakerLayer::new(breaker.clone()).layer(DeadlineLayer::new(MILLI * 10).layer(retry().layer(Slow))),
    )
    .await;
    assert_eq!((breaker.state().is_refusing(), breaker.snapshot().failed), (false, 0));
    hurried(BreakerLayer::new(breaker.clone()).layer(DeadlineLayer::new(MILLI * 4).layer(Slow))).await;
    assert!(breaker.state().is_refusing(), "the layer's own limit");
}

#[tokio::test(start_paused = true)]
async fn a_stack_inside_and_a_stack_outside_know_whose_time_it_was() {
    let inner = Stack::builder("inner").deadline(MILLI * 10).build().unwrap();
    let breaker = strict();
    for _ in 0..3 {
        Deadline::within(MILLI * 5).scope(Box::pin(breaker.around(inner.read(slow)))).await.unwrap_err();
    }
    assert_eq!(breaker.snapshot().failed, 0);
    let own = strict();
    let outer = Stack::builder("outer").deadline(MILLI * 50).breaker(own.clone()).time_out(MILLI * 5);
    let outer = outer.build().unwrap();
    // The stack's time-out is the inner stack's caller; for the stack's breaker it is what a try may take.
    for _ in 0..3 {
        outer.read(|| inner.read(slow)).await.unwrap_err();
    }
    assert!(own.state().is_refusing());
    let own = strict();
    let outer = Stack::builder("outer").deadline(MILLI * 50).breaker(own.clone()).time_out(MILLI * 40);
    let outer = outer.build().unwrap();
    for _ in 0..3 {
        Deadline::within(MILLI * 5).scope(outer.read(|| inner.read(slow))).await.unwrap_err();
    }
    assert_eq!(own.snapshot().failed, 0, "the caller's");
    for _ in 0..3 {
        outer.read(|| inner.read(slow)).await.unwrap_err();
    }
    assert!(own.state().is_refusing(), "the inner stack's: ten of its milliseconds, and no caller's");
}

/// A step inside of the limit did not set it, and learns nothing: nor when it hears of it from further in.
#[tokio::test(start_paused = true)]
async fn nor_does_a_stacks_own_deadline_move_what_stands_inside_of_it() {
    let inner = Stack::builder("inner").deadline(MILLI * 10).build().unwrap();
    let (outside, inside) = (strict(), strict());
    let outer = Stack::builder("outer").deadline(MILLI * 5).breaker(inside.clone());
    let outer = outer.allow(OrderRule::TimeOutInsideBreaker).build().unwrap();
    for _ in 0..3 {
        Box::pin(outside.around(outer.read(|| inner.read(slow)))).await.unwrap_err();
    }
    assert_eq!(inside.snapshot().failed, 0);
    assert!(outside.state().is_refusing());
}

#[tokio::test(start_paused = true)]
async fn classifiers_know_whose_time_it_was() {
    let classes = |elapsed: Elapsed| {
        let boxed: BoxError = elapsed.into();
        let guarded = CallError::<Fault>::Elapsed(elapsed);
        [
            Causes.classify(Err::<&(), _>(&elapsed)),
            ErrorChain.classify(Err::<&(), _>(&boxed)),
            Guarded(AnyError).classify(Err::<&(), _>(&guarded)),
        ]
    };
    Deadline::within(MILLI * 5)
        .scope(async {
            let nobodys = time_out(MILLI, pending::<()>()).await.unwrap_err();
            let late = Deadline::within(MILLI * 90).call(pending::<Result<(), Fault>>()).await;
            let Err(CallError::Elapsed(callers)) = late else { panic!("{late:?}") };
            assert!(callers.is_callers() && !nobodys.is_callers());
            assert_eq!(classes(callers), [Class::Cancelled; 3]);
            assert_eq!(classes(nobodys), [Class::Transient; 3]);
        })
        .await;
}
