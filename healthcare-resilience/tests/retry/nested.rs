//! T6: retries inside retries.

use crate::{Counter, Fault, SECOND, flaky, plain};
use healthcare_resilience::{
    AnyError, Backoff, CallError, Deadline, Effect, GiveUp, Guarded, Jitter, Retry, RetryBudget,
    RetryBuilder, RetryEvent,
};
use std::{future::ready, time::Duration};
use tokio::time::Instant;

type Failed = CallError<CallError<CallError<Fault>>>;

/// One call through three retries, the innermost of which counts what arrives.
async fn through_three(retries: [&Retry; 3], arrived: &Counter) -> Result<(), Failed> {
    let [outer, middle, inner] = retries;
    outer
        .call_with(Guarded(Guarded(AnyError)), Effect::Read, || {
            middle.call_with(Guarded(AnyError), Effect::Read, || {
                inner.call(Effect::Read, || {
                    arrived.add();
                    ready(Err::<(), _>(Fault::Down))
                })
            })
        })
        .await
}

fn quick(tries: u32) -> RetryBuilder {
    plain(tries).backoff(Backoff::constant(Duration::from_millis(1)).jitter(Jitter::None))
}

#[tokio::test(start_paused = true)]
async fn three_layers_of_three_tries_are_three_tries() {
    let retry = quick(3).build().unwrap();
    let arrived = Counter::default();
    through_three([&retry, &retry.clone(), &quick(3).build().unwrap()], &arrived).await.unwrap_err();
    assert_eq!(arrived.get(), 3);
}

#[tokio::test(start_paused = true)]
async fn three_layers_that_insist_multiply_without_a_budget() {
    let retry = quick(3).retry_nested().build().unwrap();
    let arrived = Counter::default();
    through_three([&retry, &retry, &retry], &arrived).await.unwrap_err();
    assert_eq!(arrived.get(), 27, "which is why there is a budget");
}

#[tokio::test(start_paused = true)]
async fn a_shared_budget_bounds_layers_that_insist() {
    const CALLS: u32 = 1_000;
    for (ratio, floor) in [(0.6, 0), (0.15, 0), (0.2, 10), (1.0, 3)] {
        let budget = RetryBudget::builder("shared").ratio(ratio).floor_per_second(floor).build().unwrap();
        let retry = quick(3).budget(budget.clone()).retry_nested().build().unwrap();
        let (arrived, begun) = (Counter::default(), Instant::now());
        for _ in 0..CALLS {
            through_three([&retry, &retry, &retry], &arrived).await.unwrap_err();
        }
        let seconds = begun.elapsed().as_secs_f64();
        let floors = f64::from(floor) * (1.0 + seconds);
        let most = f64::from(CALLS) * (1.0 + ratio) + floors;
        assert!(f64::from(arrived.get()) <= most, "{ratio}: {} of {most}", arrived.get());
        if floor == 0 {
            // Nothing is lost either: what was not used is still there.
            let used = arrived.get() - CALLS + budget.balance() as u32;
            assert_eq!(used, (f64::from(CALLS) * ratio).round() as u32, "{ratio}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_inner_retry_says_that_it_left_it_to_the_outer_one() {
    let (outer, inner) = (quick(11).build().unwrap(), quick(2).build().unwrap());
    let mut events = inner.events();
    let (tries, mut op) = flaky(5);
    let result = outer.call(Effect::Read, || inner.call(Effect::Read, &mut op).into_owned_result()).await;
    assert_eq!((result.unwrap(), tries.get()), (6, 6));
    let why = GiveUp::Nested;
    assert_eq!(events.try_recv(), Ok(RetryEvent::GaveUp { policy: "test", tries: 1, why }));
}

/// A future that borrows from its maker cannot be handed out by it; the result can.
trait IntoOwnedResult: Future + Sized {
    fn into_owned_result(self) -> std::future::Ready<Self::Output>;
}
impl<F: Future> IntoOwnedResult for F {
    fn into_owned_result(self) -> std::future::Ready<Self::Output> {
        match crate::poll_once(std::pin::pin!(self)) {
            std::task::Poll::Ready(output) => ready(output),
            std::task::Poll::Pending => panic!("it waited"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_beside_another_is_not_inside_it() {
    let retry = quick(3).build().unwrap();
    for _ in 0..2 {
        let (tries, op) = flaky(2);
        assert_eq!(retry.call(Effect::Read, op).await, Ok(3));
        assert_eq!(tries.get(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_inside_a_plain_write_may_try_again() {
    let retry = quick(3).build().unwrap();
    let tries = Counter::default();
    let result = retry
        .call(Effect::Write, || async {
            let (_, op) = flaky(2);
            tries.add();
            retry.call(Effect::Read, op).await
        })
        .await;
    assert_eq!((result, tries.get()), (Ok(3), 1));
}

#[tokio::test(start_paused = true)]
async fn an_exhausted_budget_ends_the_call_at_once_and_says_so() {
    let budget = RetryBudget::builder("b").ratio(0.5).floor_per_second(0).build().unwrap();
    let retry = plain(5).budget(budget).build().unwrap();
    let mut events = retry.events();
    let (tries, op) = flaky(9);
    let begun = Instant::now();
    retry.call(Effect::Read, op).await.unwrap_err();
    assert_eq!((tries.get(), begun.elapsed()), (1, Duration::ZERO));
    let why = GiveUp::BudgetEmpty;
    assert_eq!(events.try_recv(), Ok(RetryEvent::GaveUp { policy: "test", tries: 1, why }));
    // Two halves: the second call may be tried again once.
    let (tries, op) = flaky(9);
    retry.call(Effect::Read, op).await.unwrap_err();
    assert_eq!(tries.get(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_retry_has_a_budget_unless_it_is_built_without() {
    let retry = Retry::builder("x").backoff(Backoff::constant(Duration::ZERO)).build().unwrap();
    let arrived = Counter::default();
    for _ in 0..1_000 {
        let call = retry.call(Effect::Read, || {
            arrived.add();
            ready(Err::<(), _>(Fault::Down))
        });
        call.await.unwrap_err();
    }
    // A fifth of the calls, and ten of the floor: no time passed.
    assert_eq!(arrived.get(), 1_000 + 200 + 10);
    assert!(quick(3).build().unwrap().budget().is_none());
}

#[tokio::test(start_paused = true)]
async fn the_whole_takes_no_longer_than_the_deadline() {
    let retry = plain(50).retry_nested().build().unwrap();
    for seconds in 1..20 {
        let (begun, arrived) = (Instant::now(), Counter::default());
        let call = through_three([&retry, &retry, &retry], &arrived);
        Deadline::within(SECOND * seconds).scope(call).await.unwrap_err();
        assert!(begun.elapsed() <= SECOND * seconds);
    }
}
