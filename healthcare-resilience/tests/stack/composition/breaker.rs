use crate::{Answer, Laboratory, Trouble, breaker, bulkhead, by_trouble, counter, ms, retry};
use healthcare_resilience::{
    BreakerState, CallError, CircuitBreaker, OrderRule, RejectReason, Rejection, Stack, StackBuilder,
};
use std::time::Duration;

const CLOSED: Answer = Err(Trouble::Closed);

fn stack() -> StackBuilder {
    Stack::builder("laboratory")
}

fn rejection<T: std::fmt::Debug>(result: Result<T, CallError<Trouble>>) -> Rejection {
    *result.unwrap_err().rejection().unwrap()
}

#[tokio::test(start_paused = true)]
async fn enough_failing_tries_open_the_circuit_and_the_refusal_is_not_retried() {
    let (breaker, laboratory) = (breaker(4), Laboratory::answering(&[CLOSED]));
    let stack = stack().retry(retry(8)).breaker(breaker.clone()).build().unwrap();
    // What the last try said, not that the fifth was refused: something was sent.
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!((laboratory.made(), breaker.snapshot().not_permitted), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn too_few_failing_tries_leave_it_closed() {
    let (breaker, laboratory) = (breaker(4), Laboratory::answering(&[CLOSED]));
    let stack = stack().retry(retry(3)).breaker(breaker.clone()).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!((laboratory.made(), breaker.state()), (3, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn tries_that_time_out_open_it_too() {
    let (breaker, laboratory) = (breaker(4), Laboratory::new(&[(ms(900), Ok(1))]));
    let stack = stack().retry(retry(8)).breaker(breaker.clone()).time_out(ms(50)).build().unwrap();
    assert!(matches!(stack.read(|| laboratory.call()).await, Err(CallError::Elapsed(_))));
    assert_eq!((laboratory.made(), laboratory.live(), breaker.state()), (4, 0, BreakerState::Open));
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_ends_the_call_even_if_it_would_close_during_the_waits() {
    let (breaker, laboratory) = (breaker(1), Laboratory::answering(&[Ok(1)]));
    breaker.trip();
    let stack = stack().retry(retry(100)).breaker(breaker).build().unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(rejection(stack.read(|| laboratory.call()).await).reason(), RejectReason::CircuitOpen);
    assert_eq!((laboratory.made(), begun.elapsed()), (0, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn one_success_after_two_failures_is_recorded_as_that() {
    let (counter, laboratory) = (counter(), Laboratory::answering(&[CLOSED, CLOSED, Ok(1)]));
    let stack = stack().retry(retry(5)).breaker(counter.clone()).build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(1));
    let seen = counter.snapshot();
    assert_eq!((laboratory.made(), seen.calls, seen.failed), (3, 3, 2));
}

#[tokio::test(start_paused = true)]
async fn around_the_retry_it_sees_one_result_for_all_tries() {
    let (counter, laboratory) = (counter(), Laboratory::answering(&[CLOSED]));
    let around = stack().breaker(counter.clone()).retry(retry(3)).allow(OrderRule::BreakerInsideRetry);
    let stack = around.build().unwrap();
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    let seen = counter.snapshot();
    assert_eq!((laboratory.made(), seen.calls, seen.failed), (3, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_times_out_opens_it() {
    let (breaker, laboratory) = (breaker(1), Laboratory::new(&[(ms(100), Ok(1))]));
    let stack = stack().breaker(breaker.clone()).time_out(ms(50)).build().unwrap();
    assert!(matches!(stack.read(|| laboratory.call()).await, Err(CallError::Elapsed(_))));
    assert_eq!((breaker.state(), laboratory.ended()), (BreakerState::Open, 0));
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_does_not_open_the_breaker_around_it() {
    let (breaker, bulkhead) = (breaker(3), bulkhead(1, 0));
    let stack = stack().breaker(breaker.clone()).bulkhead(bulkhead.clone()).build().unwrap();
    let laboratory = Laboratory::answering(&[Ok(1)]);
    let taken = bulkhead.try_acquire().unwrap();
    for _ in 0..7 {
        assert_eq!(rejection(stack.read(|| laboratory.call()).await).reason(), RejectReason::BulkheadFull);
    }
    assert_eq!((breaker.state(), breaker.snapshot().calls), (BreakerState::Closed, 0));
    drop(taken);
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn nor_does_a_full_queue() {
    let (breaker, bulkhead) = (breaker(3), bulkhead(1, 1));
    let stack = stack().breaker(breaker.clone()).bulkhead(bulkhead).build().unwrap();
    let laboratory = Laboratory::new(&[(ms(100), Ok(1))]);
    let calls = (0..8).map(|_| stack.read(|| laboratory.call()));
    let ends = futures_util::future::join_all(calls).await;
    let full = ends.iter().filter(|end| end.is_err()).count();
    assert_eq!((full, laboratory.made(), breaker.state()), (6, 2, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_an_inner_policy_refuses_does_not_leave_it_half_open() {
    let (breaker, bulkhead) = (breaker(1), bulkhead(1, 0));
    let stack = stack().breaker(breaker.clone()).bulkhead(bulkhead.clone()).build().unwrap();
    let laboratory = Laboratory::answering(&[CLOSED, Ok(1)]);
    assert!(stack.read(|| laboratory.call()).await.is_err());
    tokio::time::advance(Duration::from_secs(11)).await;
    let taken = bulkhead.try_acquire().unwrap();
    assert_eq!(rejection(stack.read(|| laboratory.call()).await).reason(), RejectReason::BulkheadFull);
    assert_eq!((breaker.state(), breaker.snapshot().probes_out), (BreakerState::HalfOpen, 0));
    drop(taken);
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(1));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// Four calls are judged, and open at three failures. Half-open one success closes it, with an empty window.
fn windowed() -> CircuitBreaker {
    let builder = CircuitBreaker::builder("laboratory").count_window(4).min_calls(4).failure_rate(0.75);
    builder.probes(1).open_for(Duration::from_secs(1)).open_jitter(0.0).build().unwrap()
}

/// Makes eleven calls and pauses after the fifth: `f` failed, `s` succeeded, `o` was refused.
async fn eleven(answers: &[Answer]) -> String {
    let (stack, laboratory) = (stack().breaker(windowed()).build().unwrap(), Laboratory::answering(answers));
    let mut seen = String::new();
    for at in 1..12 {
        seen.push(match stack.read(|| laboratory.call()).await {
            Ok(_) => 's',
            Err(CallError::Inner(_)) => 'f',
            Err(_) => 'o',
        });
        if at == 5 {
            tokio::time::advance(Duration::from_secs(2)).await;
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn a_window_that_begins_with_a_success_opens_at_its_end() {
    let answers = [Ok(1), CLOSED, CLOSED, CLOSED, Ok(1), Ok(1), CLOSED, CLOSED, CLOSED];
    assert_eq!(eleven(&answers).await, "sfffossfffo");
}

#[tokio::test(start_paused = true)]
async fn a_window_that_ends_with_a_success_opens_no_later_than_the_next_failure() {
    // There the last call, a success, opens it. Here a good call never opens a circuit: the next bad one does.
    let answers = [CLOSED, CLOSED, CLOSED, Ok(1), CLOSED, Ok(1)];
    assert_eq!(eleven(&answers).await, "fffsfssssss");
}

#[tokio::test(start_paused = true)]
async fn every_breaker_of_a_stack_sees_the_same_meaning() {
    let host = CircuitBreaker::builder("host").consecutive(1).build().unwrap();
    let stack = stack().breaker(host.clone()).breaker(breaker(1)).build().unwrap();
    let laboratory = Laboratory::answering(&[Err(Trouble::Unknown), CLOSED]);
    let _ = stack.with(by_trouble).read(|| laboratory.call()).await;
    assert!(stack.breakers().all(|breaker| breaker.state() == BreakerState::Closed));
    let _ = stack.with(by_trouble).read(|| laboratory.call()).await;
    assert!(stack.breakers().all(|breaker| breaker.state() == BreakerState::Open));
    // The outer one refuses first.
    assert_eq!(rejection(stack.read(|| laboratory.call()).await).policy(), "host");
}

#[tokio::test(start_paused = true)]
async fn the_step_named_first_stands_outside() {
    let (breaker, bulkhead) = (breaker(1), bulkhead(1, 0));
    let laboratory = Laboratory::answering(&[Ok(1)]);
    let _taken = bulkhead.try_acquire().unwrap();
    breaker.force_open();
    let one = stack().breaker(breaker.clone()).bulkhead(bulkhead.clone()).build().unwrap();
    assert_eq!(rejection(one.read(|| laboratory.call()).await).reason(), RejectReason::ForcedOpen);
    let other = stack().bulkhead(bulkhead.clone()).breaker(breaker).build().unwrap();
    assert_eq!(rejection(other.read(|| laboratory.call()).await).reason(), RejectReason::BulkheadFull);
}

#[tokio::test(start_paused = true)]
async fn two_stacks_share_one_circuit() {
    let (breaker, laboratory) = (breaker(1), Laboratory::answering(&[CLOSED, Ok(1)]));
    let one = stack().retry(retry(1)).breaker(breaker.clone()).build().unwrap();
    let other = stack().breaker(breaker.clone()).bulkhead(bulkhead(1, 0)).build().unwrap();
    assert!(one.read(|| laboratory.call()).await.is_err());
    assert_eq!(rejection(other.read(|| laboratory.call()).await).reason(), RejectReason::CircuitOpen);
    // And a plain call through it too.
    assert!(breaker.call(laboratory.call()).await.unwrap_err().rejection().is_some());
}
