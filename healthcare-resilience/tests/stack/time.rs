//! Time limits: who stands under which, who learns what, and what is called when there is no time.

use crate::{Laboratory, Trouble, breaker, bulkhead, counter, ms, retry};
use healthcare_resilience::{
    Backoff, BreakerState, Bulkhead, CallError, Class, Deadline, Hedge, Jitter, OrderRule, Quota, RateLimit,
    RejectReason, Retry, Stack, time_out,
};
use std::time::Duration;
use tokio::time::Instant;

fn elapsed<T: std::fmt::Debug>(result: Result<T, CallError<Trouble>>) -> Duration {
    match result {
        Err(CallError::Elapsed(elapsed)) => elapsed.limit(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_tries_waits_and_queue_together() {
    let laboratory = Laboratory::new(&[(ms(30), Err(Trouble::Closed))]);
    let stack =
        Stack::builder("laboratory").deadline(ms(1000)).retry(retry(100)).time_out(ms(500)).build().unwrap();
    let begun = Instant::now();
    // Tries of 30 ms and waits of 100 ms: a wait that would reach the end is not begun.
    assert_eq!(stack.read(|| laboratory.call()).await, Err(CallError::Inner(Trouble::Closed)));
    assert_eq!(laboratory.made(), 8);
    assert_eq!(begun.elapsed(), ms(8 * 30 + 7 * 100));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_reaches_the_deadline_is_dropped_there() {
    let laboratory = Laboratory::new(&[(ms(30), Err(Trouble::Closed)), (ms(900), Ok(1))]);
    let stack =
        Stack::builder("laboratory").deadline(ms(500)).retry(retry(3)).time_out(ms(400)).build().unwrap();
    let begun = Instant::now();
    assert_eq!(elapsed(stack.read(|| laboratory.call()).await), ms(500));
    assert_eq!((begun.elapsed(), laboratory.made(), laboratory.live()), (ms(500), 2, 0));
}

#[tokio::test(start_paused = true)]
async fn each_try_has_its_own_time_out() {
    let laboratory = Laboratory::new(&[(ms(900), Ok(1)), (ms(10), Ok(2))]);
    let stack = Stack::builder("laboratory").retry(retry(3)).time_out(ms(50)).build().unwrap();
    let begun = Instant::now();
    assert_eq!(stack.read(|| laboratory.call()).await, Ok(2));
    assert_eq!(begun.elapsed(), ms(50 + 100 + 10));
}

#[tokio::test(start_paused = true)]
async fn the_callers_deadline_holds_without_a_step_for_it() {
    let laboratory = Laboratory::new(&[(ms(900), Ok(1))]);
    let stack = Stack::builder("laboratory").breaker(counter()).build().unwrap();
    let call = Deadline::within(ms(70)).scope(stack.read(|| laboratory.call()));
    assert_eq!(elapsed(call.await), ms(70));
    assert_eq!(laboratory.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_time_nothing_is_called() {
    let (laboratory, counter) = (Laboratory::answering(&[Ok(1)]), counter());
    let stack = Stack::builder("laboratory").retry(retry(3)).breaker(counter.clone()).build().unwrap();
    let deadline = Deadline::within(ms(70));
    tokio::time::advance(ms(70)).await;
    let refused = deadline.scope(stack.read(|| laboratory.call())).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), RejectReason::DeadlineOver);
    let refused = deadline.scope(stack.write(laboratory.call())).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), RejectReason::DeadlineOver);
    assert_eq!((laboratory.ended(), counter.snapshot().calls), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_called_sees_the_sooner_limit() {
    let left = || async { Ok::<_, Trouble>(Deadline::current().map(Deadline::left)) };
    let plain = Stack::builder("laboratory").breaker(counter()).build().unwrap();
    assert_eq!(plain.read(left).await, Ok(None));
    let stack =
        Stack::builder("laboratory").deadline(ms(500)).retry(retry(2)).time_out(ms(80)).build().unwrap();
    assert_eq!(stack.read(left).await, Ok(Some(ms(80))));
    assert_eq!(stack.write(left()).await, Ok(Some(ms(80))));
    assert_eq!(Deadline::within(ms(40)).scope(stack.read(left)).await, Ok(Some(ms(40))));
    assert_eq!(Deadline::current(), None);
    // The closure that makes the request sees it too: a header is written there.
    let header = || std::future::ready(Ok::<_, Trouble>(Deadline::current().map(Deadline::left)));
    assert_eq!(stack.read(header).await, Ok(Some(ms(80))));
}

#[tokio::test(start_paused = true)]
async fn time_over_in_the_queue_is_a_refusal_and_says_nothing_of_the_callee() {
    let (breaker, bulkhead) = (breaker(1), bulkhead(1, 5));
    let stack = Stack::builder("laboratory")
        .breaker(breaker.clone())
        .time_out(ms(50))
        .bulkhead(bulkhead.clone())
        .build()
        .unwrap();
    let laboratory = Laboratory::answering(&[Ok(1)]);
    let taken = bulkhead.acquire().await.unwrap();
    let refused = stack.read(|| laboratory.call()).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), RejectReason::DeadlineOver);
    assert_eq!((laboratory.made(), bulkhead.waiting()), (0, 0));
    assert_eq!(breaker.state(), BreakerState::Closed);
    drop(taken);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_is_a_failure_outside_of_it_and_nothing_inside() {
    let (outside, inside) = (breaker(1), counter());
    let stack = Stack::builder("laboratory")
        .breaker(outside.clone())
        .time_out(ms(50))
        .breaker(healthcare_resilience::CircuitBreaker::builder("inside").build().unwrap())
        .allow(OrderRule::TimeOutInsideBreaker)
        .build()
        .unwrap();
    let laboratory = Laboratory::new(&[(ms(900), Ok(1))]);
    assert_eq!(elapsed(stack.read(|| laboratory.call()).await), ms(50));
    assert_eq!(outside.state(), BreakerState::Open);
    let inner = stack.breakers().nth(1).unwrap();
    assert_eq!((inner.name(), inner.snapshot().calls, inside.snapshot().calls), ("inside", 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_retry_itself_is_not_the_callees_fault() {
    let breaker = breaker(1);
    let total = Retry::builder("laboratory").total(ms(60)).build().unwrap();
    let stack = Stack::builder("laboratory")
        .retry(total)
        .breaker(breaker.clone())
        .allow(OrderRule::TimeOutInsideRetry)
        .allow(OrderRule::TimeOutInsideBreaker)
        .build()
        .unwrap();
    let laboratory = Laboratory::new(&[(ms(900), Ok(1))]);
    assert_eq!(elapsed(stack.read(|| laboratory.call()).await), ms(60));
    assert_eq!((laboratory.made(), breaker.state()), (1, BreakerState::Closed));
}

#[tokio::test(start_paused = true)]
async fn work_that_never_lets_the_budget_of_its_task_rest_is_ended_too() {
    // It is ready whenever it is polled and uses up tokio's budget for a task each time.
    let work = || async {
        loop {
            tokio::task::consume_budget().await;
        }
        #[allow(unreachable_code)]
        Ok::<u8, Trouble>(1)
    };
    let stack = Stack::builder("laboratory").time_out(ms(50)).build().unwrap();
    let ended = tokio::spawn(async move { stack.read(work).await });
    tokio::task::yield_now().await;
    tokio::time::advance(ms(60)).await;
    let ended = time_out(Duration::from_secs(3600), ended).await.unwrap().unwrap();
    assert_eq!(elapsed(ended), ms(50));
}

/// The longest time there is stands for none, and nothing overflows on the way.
#[tokio::test(start_paused = true)]
async fn the_longest_times_are_no_special_case() {
    let longest = Duration::MAX;
    let total = Retry::builder("r").total(longest - ms(1)).max_tries(2).without_budget();
    let backoff = Backoff::constant(ms(10)).jitter(Jitter::None);
    let bulkhead =
        Bulkhead::builder("b").max_calls(1).max_waiting(1).max_wait(longest - ms(2)).build().unwrap();
    let limit = RateLimit::builder("l").quota(Quota::per_second(1)).max_waiting(9).max_wait(longest - ms(2));
    let hedge = Hedge::builder("h").after(longest).build().unwrap();
    let stack = Stack::builder("longest")
        .deadline(longest)
        .rate_limit(limit.build().unwrap())
        .retry(total.backoff(backoff).build().unwrap())
        .hedge(hedge)
        .bulkhead(bulkhead.clone())
        .time_out(longest - ms(3))
        .build()
        .unwrap();
    let held = bulkhead.try_acquire_owned().unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(ms(500)).await;
        drop(held);
    });
    let busy = |_: Result<&u32, &Trouble>| Class::Busy { retry_after: Some(longest) };
    for _ in 0..2 {
        let answer = || async {
            tokio::time::sleep(ms(30)).await;
            Ok::<_, Trouble>(1)
        };
        let call = Deadline::within(longest).scope(stack.read(answer));
        assert_eq!(time_out(longest, call).await.unwrap(), Ok(1));
    }
    // Who asks for the longest wait there is is answered with the last result.
    assert_eq!(stack.with(busy).read(|| async { Ok::<_, Trouble>(2) }).await, Ok(2));
}
