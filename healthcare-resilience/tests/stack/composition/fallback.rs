//! A fallback stands outside of every stack, because it takes what a stack returns.

use crate::{Answer, Laboratory, Trouble, breaker, counter, hedge, ms, retry};
use healthcare_resilience::{
    BreakerState, CallError, Fallback, FallbackOn, OrFallback as _, Stack, StackBuilder,
};

const CLOSED: Answer = Err(Trouble::Closed);

fn stack() -> StackBuilder {
    Stack::builder("laboratory")
}

#[tokio::test(start_paused = true)]
async fn it_answers_when_all_tries_failed() {
    let (fallback, laboratory) = (Fallback::value("laboratory", 9), Laboratory::answering(&[CLOSED]));
    let (counter, stack) = (counter(), stack().retry(retry(3)));
    let stack = stack.breaker(counter.clone()).build().unwrap();
    assert_eq!(fallback.call(stack.read(|| laboratory.call())).await, Ok(9));
    assert_eq!((laboratory.made(), counter.snapshot().failed, counter.state()), (3, 3, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn it_sees_the_last_error() {
    let fallback = Fallback::from_error("laboratory", |error: &CallError<Trouble>| match error {
        CallError::Inner(Trouble::Closed) => 1,
        CallError::Rejected(_) => 2,
        _ => 3,
    });
    let breaker = breaker(1);
    let stack = stack().breaker(breaker.clone()).time_out(ms(50)).build().unwrap();
    let laboratory = Laboratory::new(&[(ms(0), CLOSED), (ms(900), Ok(7))]);
    let read = || stack.read(|| laboratory.call()).or_fallback(&fallback);
    assert_eq!(read().await, Ok(1));
    assert_eq!(read().await, Ok(2));
    breaker.reset();
    assert_eq!(read().await, Ok(3));
    assert_eq!((laboratory.made(), fallback.used()), (2, 3));
}

#[tokio::test(start_paused = true)]
async fn it_answers_after_a_race_that_nobody_won() {
    let (fallback, laboratory) = (Fallback::value("laboratory", 9), Laboratory::new(&[(ms(50), CLOSED)]));
    let stack = stack().hedge(hedge(ms(10))).build().unwrap();
    assert_eq!(fallback.call(stack.read(|| laboratory.call())).await, Ok(9));
    assert_eq!(laboratory.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn it_leaves_a_success_and_what_it_was_not_told_alone() {
    let fallback = Fallback::value("laboratory", 9).on(FallbackOn::REFUSED);
    let laboratory = Laboratory::answering(&[Ok(1), CLOSED]);
    let stack = stack().retry(retry(1)).build().unwrap();
    assert_eq!(fallback.call(stack.read(|| laboratory.call())).await, Ok(1));
    assert_eq!(fallback.call(stack.read(|| laboratory.call())).await, Err(CallError::Inner(Trouble::Closed)));
}
