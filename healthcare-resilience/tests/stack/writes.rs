//! What may be made more than once, and what never is.

use crate::{Laboratory, Trouble, breaker, hedge, ms, retry};
use healthcare_resilience::{CallError, Causes, IdempotencyKey, Stack};

fn repeating() -> Stack {
    let builder = Stack::builder("laboratory").retry(retry(3)).hedge(hedge(ms(30)));
    builder.breaker(breaker(50)).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_write_is_made_once_however_it_fails() {
    let laboratory = Laboratory::answering(&[Err(Trouble::Closed)]);
    assert_eq!(repeating().write(laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!(
        repeating().with(Causes).write(laboratory.call()).await,
        Err(CallError::Inner(Trouble::Closed))
    );
    assert_eq!(laboratory.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_slow_write_is_not_hedged() {
    let laboratory = Laboratory::new(&[(ms(500), Ok(1))]);
    let stack = repeating();
    let spare = laboratory.clone();
    assert_eq!(stack.write(spare.call()).await, Ok(1));
    assert_eq!(laboratory.made(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_with_a_key_is_made_as_often_as_a_read() {
    let key = IdempotencyKey::new("0192f2a4-6d0a-7cc0-9f5e-1f8f4b6c9a10").unwrap();
    let closed = Err(Trouble::Closed);
    let laboratory = Laboratory::answering(&[closed, closed, Ok(1)]);
    assert_eq!(repeating().idempotent(&key, || laboratory.call()).await, Ok(1));
    assert_eq!(laboratory.made(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_write_goes_through_everything_else() {
    let (laboratory, stack) = (Laboratory::answering(&[Err(Trouble::Closed)]), repeating());
    let breaker = stack.breakers().next().unwrap().clone();
    let _ = stack.write(laboratory.call()).await;
    assert_eq!(breaker.snapshot().failed, 1);
    breaker.force_open();
    let refused = stack.write(laboratory.call()).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().policy(), "laboratory");
    // Made by the caller, and never polled.
    assert_eq!(laboratory.ended(), 1);
}

#[test]
fn a_call_can_be_spawned() {
    fn send<T: Send>(_: &T) {}
    let (laboratory, stack) = (Laboratory::answering(&[Ok(1)]), repeating());
    send(&stack.read(|| laboratory.call()));
    send(&stack.write(laboratory.call()));
}

#[tokio::test(start_paused = true)]
async fn a_write_has_the_time_that_the_retry_allows_in_all() {
    let laboratory = Laboratory::new(&[(ms(5000), Ok(1))]);
    let policy = healthcare_resilience::Retry::builder("laboratory").total(ms(1000)).build().unwrap();
    let builder = Stack::builder("laboratory").retry(policy);
    let stack = builder.allow(healthcare_resilience::OrderRule::TimeOutInsideRetry).build().unwrap();
    assert!(matches!(stack.write(laboratory.call()).await, Err(CallError::Elapsed(_))));
}
