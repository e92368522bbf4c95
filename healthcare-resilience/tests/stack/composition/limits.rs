use crate::{Laboratory, Trouble, ms, rate, retry};
use healthcare_resilience::{CallError, Quota, RateLimit, RejectReason, Stack, StackBuilder};
use std::time::Duration;

fn stack() -> StackBuilder {
    Stack::builder("laboratory")
}

/// One an hour, and waiting is allowed.
fn patient() -> RateLimit {
    let builder = RateLimit::builder("laboratory").quota(Quota::per_hour(1));
    builder.max_waiting(5).max_wait(Duration::from_secs(7200)).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_time_limit_ends_the_wait_for_a_turn_and_costs_no_permit() {
    let (limit, laboratory) = (patient(), Laboratory::answering(&[Ok(1)]));
    limit.try_acquire().unwrap();
    let stack = stack().time_out(ms(100)).rate_limit(limit.clone()).build().unwrap();
    let begun = tokio::time::Instant::now();
    let refused = stack.read(|| laboratory.call()).await.unwrap_err();
    assert_eq!(
        (refused.rejection().unwrap().reason(), begun.elapsed()),
        (RejectReason::DeadlineOver, ms(100))
    );
    assert_eq!((laboratory.made(), limit.waiting()), (0, 0));
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_call_cancelled_while_it_waits_for_a_turn_is_never_made() {
    let (limit, laboratory) = (patient(), Laboratory::answering(&[Ok(1)]));
    limit.try_acquire().unwrap();
    let stack = stack().rate_limit(limit.clone()).build().unwrap();
    assert!(tokio::time::timeout(ms(100), stack.read(|| laboratory.call())).await.is_err());
    assert_eq!((laboratory.made(), limit.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_inner_of_two_time_limits_ends_the_call() {
    let laboratory = Laboratory::new(&[(ms(900), Ok(1))]);
    let stack = stack().time_out(ms(500)).time_out(ms(100)).build().unwrap();
    assert!(
        matches!(stack.read(|| laboratory.call()).await, Err(CallError::Elapsed(at)) if at.limit() == ms(100))
    );
}

#[tokio::test(start_paused = true)]
async fn tries_time_out_until_the_outer_limit_is_near() {
    let laboratory = Laboratory::new(&[(ms(900), Ok(1))]);
    let stack = stack().time_out(ms(500)).retry(retry(10)).time_out(ms(100)).build().unwrap();
    let begun = tokio::time::Instant::now();
    let answer = stack.read(|| laboratory.call()).await;
    assert!(matches!(answer, Err(CallError::Elapsed(_))));
    assert!(laboratory.made() == 3 && begun.elapsed() <= ms(500), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn errors_come_out_as_they_went_in() {
    let laboratory = Laboratory::answering(&[Err(Trouble::Unknown)]);
    let stack = stack().rate_limit(rate(5)).time_out(ms(50)).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Unknown)));
}

#[tokio::test(start_paused = true)]
async fn refusals_say_who_and_when() {
    let laboratory = Laboratory::answering(&[Ok(1)]);
    let stack = stack().rate_limit(rate(1)).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(1));
    let refused = *stack.read(|| laboratory.call()).await.unwrap_err().rejection().unwrap();
    assert_eq!((refused.policy(), refused.reason()), ("laboratory", RejectReason::RateLimited));
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(3600)));
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_spent_even_if_a_step_further_in_refuses() {
    let (limit, breaker, laboratory) = (rate(2), crate::breaker(1), Laboratory::answering(&[Ok(1)]));
    breaker.force_open();
    let outside = stack().rate_limit(limit.clone()).breaker(breaker.clone()).build().unwrap();
    assert!(outside.read(|| laboratory.call()).await.unwrap_err().rejection().is_some());
    // The first of two is gone, and this is the second.
    assert_eq!(limit.try_acquire().unwrap().remaining(), 0);
    // Inside of the breaker it is asked only for what the breaker lets through.
    let limit = rate(2);
    let inside = stack().breaker(breaker).rate_limit(limit.clone()).build().unwrap();
    assert!(inside.read(|| laboratory.call()).await.unwrap_err().rejection().is_some());
    assert_eq!(limit.try_acquire().unwrap().remaining(), 1);
}
