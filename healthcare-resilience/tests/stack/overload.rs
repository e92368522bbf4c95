//! Shedding, throttling and adaptive limits as steps.

use crate::{Laboratory, Trouble, breaker, ms, retry};
use healthcare_resilience::{
    AdaptiveLimit, Aimd, OrderRule, Priority, RejectReason, Shedder, Stack, StackBuilder, StackConfigError,
    Throttle, Vegas, WarmUp,
};

fn stack() -> StackBuilder {
    Stack::builder("laboratory")
}

fn shedder() -> Shedder {
    Shedder::builder("laboratory").max_calls(2).build().unwrap()
}

fn adaptive() -> AdaptiveLimit {
    AdaptiveLimit::builder("laboratory").algorithm(Vegas::default()).build().unwrap()
}

fn rule(builder: StackBuilder) -> OrderRule {
    match builder.build().unwrap_err() {
        StackConfigError::Order { rule, .. } => rule,
        other => panic!("{other}"),
    }
}

#[test]
fn each_has_its_place() {
    let throttle = || Throttle::builder("laboratory").build().unwrap();
    assert_eq!(rule(stack().deadline(ms(50)).shed(shedder())), OrderRule::ShedOutermost);
    assert_eq!(rule(stack().adaptive_limit(adaptive()).retry(retry(3))), OrderRule::LimitInsideRetry);
    assert_eq!(rule(stack().throttle(throttle()).retry(retry(3))), OrderRule::LimitInsideRetry);
    assert_eq!(rule(stack().throttle(throttle()).hedge(crate::hedge(ms(50)))), OrderRule::LimitInsideHedge);
    assert_eq!(rule(stack().time_out(ms(50)).adaptive_limit(adaptive())), OrderRule::TimeOutInsideLimit);
    let waiting = || stack().adaptive_limit(adaptive()).bulkhead(crate::bulkhead(1, 1));
    assert_eq!(rule(waiting()), OrderRule::LimitInsideBulkhead);
    assert!(waiting().allow(OrderRule::LimitInsideBulkhead).build().is_ok());
    let fine = stack().shed(shedder()).deadline(ms(90)).retry(retry(3)).throttle(throttle());
    let fine = fine.adaptive_limit(adaptive()).breaker(breaker(9)).time_out(ms(50)).build().unwrap();
    assert_eq!(fine.explain().to_string().lines().count(), 8);
}

#[tokio::test(start_paused = true)]
async fn what_matters_least_is_refused_first_and_never_called() {
    let (shedder, laboratory) = (shedder(), Laboratory::new(&[(ms(50), Ok(1))]));
    let stack = stack().shed(shedder.clone()).retry(retry(3)).build().unwrap();
    let slow = tokio::spawn({
        let (stack, laboratory) = (stack.clone(), laboratory.clone());
        async move { stack.read(|| laboratory.call()).await }
    });
    tokio::task::yield_now().await;
    let export = stack.priority(Priority::Background).read(|| laboratory.call()).await.unwrap_err();
    assert_eq!(export.rejection().unwrap().reason(), RejectReason::Shed);
    assert_eq!(laboratory.made(), 1);
    assert_eq!(stack.priority(Priority::Emergency).read(|| laboratory.call()).await, Ok(1));
    assert_eq!(slow.await.unwrap(), Ok(1));
    assert_eq!(shedder.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_no_place_taken() {
    let (shedder, adaptive) = (shedder(), adaptive());
    let stack =
        stack().shed(shedder.clone()).retry(retry(3)).adaptive_limit(adaptive.clone()).build().unwrap();
    for polls in 0..6 {
        let laboratory = Laboratory::new(&[(ms(20), Err(Trouble::Closed))]);
        let mut call = Box::pin(stack.read(|| laboratory.call()));
        for _ in 0..polls {
            assert!(crate::poll_once(call.as_mut()).is_pending());
            tokio::time::advance(ms(10)).await;
        }
        drop(call);
        assert_eq!(
            (shedder.in_flight(), adaptive.in_flight(), laboratory.live()),
            (0, 0, 0),
            "{polls} polls"
        );
    }
}

fn reason<T: std::fmt::Debug>(refused: Result<T, healthcare_resilience::CallError<Trouble>>) -> RejectReason {
    refused.unwrap_err().rejection().unwrap().reason()
}

#[tokio::test(start_paused = true)]
async fn an_adaptive_limit_holds_and_learns_from_every_try() {
    let limit = |calls| {
        let builder = AdaptiveLimit::builder("laboratory").algorithm(Aimd::default());
        builder.initial(calls).max(calls).build().unwrap()
    };
    let (one, slow) =
        (stack().adaptive_limit(limit(1)).build().unwrap(), Laboratory::new(&[(ms(50), Ok(1))]));
    let mut first = Box::pin(one.read(|| slow.call()));
    assert!(crate::poll_once(first.as_mut()).is_pending());
    assert_eq!(reason(one.read(|| slow.call()).await), RejectReason::Overloaded);
    assert_eq!((first.await, slow.made()), (Ok(1), 1));
    let (limit, closed) = (limit(20), Laboratory::answering(&[Err(Trouble::Closed)]));
    let stack = stack().retry(retry(3)).adaptive_limit(limit.clone()).build().unwrap();
    assert!(stack.read(|| closed.call()).await.is_err());
    assert_eq!((closed.made(), limit.limit()), (3, 14), "three tenths of what was left, rounded down");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_learns_from_every_try() {
    let throttle = Throttle::builder("laboratory").min_calls(3).build().unwrap();
    let closed = Laboratory::answering(&[Err(Trouble::Closed)]);
    let stack = stack().retry(retry(3)).throttle(throttle.clone()).build().unwrap();
    assert!(stack.read(|| closed.call()).await.is_err());
    assert_eq!((closed.made(), throttle.chance()), (3, 0.75), "3 wanted, none accepted: 3 / (3 + 1)");
}

#[tokio::test(start_paused = true)]
async fn a_warm_up_lets_few_in_and_gives_the_place_back() {
    let warm_up = WarmUp::builder("laboratory").calls(1, 100).over(ms(3_600_000)).build().unwrap();
    let (stack, slow) = (stack().warm_up(warm_up).build().unwrap(), Laboratory::new(&[(ms(50), Ok(1))]));
    let mut first = Box::pin(stack.read(|| slow.call()));
    assert!(crate::poll_once(first.as_mut()).is_pending());
    assert_eq!(reason(stack.read(|| slow.call()).await), RejectReason::WarmingUp);
    assert_eq!(first.await, Ok(1));
    assert_eq!(stack.read(|| slow.call()).await, Ok(1));
}
