//! What a call costs the heap. A test binary of its own, because its counting allocator replaces the global one.
#![allow(clippy::unwrap_used, missing_docs)]

use allocation_counter::measure;
use futures_util::FutureExt as _;
use healthcare_resilience::{
    Backoff, Bulkhead, CircuitBreaker, Hedge, Jitter, Quota, RateLimit, Retry, Stack,
};
use std::{future::Future, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
#[error("the laboratory is closed")]
struct Closed;

type Answer = Result<u8, Closed>;

async fn fetch() -> Answer {
    Ok(7)
}

async fn fail() -> Answer {
    Err(Closed)
}

/// The calls of `call` to the allocator, after a first one that may fill what is made once.
fn counted(mut call: impl FnMut()) -> u64 {
    call();
    measure(call).count_total
}

/// Runs what is ready at once, without a runtime's own allocations.
fn at_once<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().unwrap()
}

/// Runs what waits. Pinned here, because tokio would put a large future on the heap.
fn in_time<T>(runtime: &tokio::runtime::Runtime, work: impl Future<Output = T>) -> T {
    runtime.block_on(std::pin::pin!(work))
}

fn inside_a_runtime(test: impl FnOnce(&tokio::runtime::Runtime)) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    let _inside = runtime.enter();
    test(&runtime);
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::builder("laboratory").count_window(100).min_calls(100).build().unwrap()
}

fn bulkhead() -> Bulkhead {
    Bulkhead::builder("laboratory").max_calls(2).max_waiting(2).max_wait(SECOND * 60).build().unwrap()
}

fn rate() -> RateLimit {
    RateLimit::builder("laboratory").quota(Quota::per_second(1_000_000)).build().unwrap()
}

fn retry() -> Retry {
    let backoff = Backoff::constant(SECOND).jitter(Jitter::None);
    Retry::builder("laboratory").max_tries(3).backoff(backoff).without_budget().build().unwrap()
}

/// Rate limit, retry, bulkhead, breaker, time-out, and a deadline around them.
fn stack() -> Stack {
    Stack::builder("laboratory")
        .deadline(SECOND * 60)
        .rate_limit(rate())
        .retry(retry())
        .bulkhead(bulkhead())
        .breaker(breaker())
        .time_out(SECOND * 9)
        .build()
        .unwrap()
}

#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| drop(std::hint::black_box(Box::new(7_u8)))), 1);
}

#[test]
fn a_good_call_through_a_stack_allocates_nothing() {
    inside_a_runtime(|_| {
        let stack = stack();
        assert_eq!(counted(|| assert_eq!(at_once(stack.read(fetch)).unwrap(), 7)), 0, "a read");
        assert_eq!(counted(|| assert_eq!(at_once(stack.write(fetch())).unwrap(), 7)), 0, "a write");
    });
}

/// With the feature `metrics`, an event that is counted names its series: one allocation each.
fn told(events: u64) -> u64 {
    if cfg!(feature = "metrics") { events } else { 0 }
}

#[test]
fn waits_and_further_tries_allocate_nothing_either() {
    inside_a_runtime(|runtime| {
        let stack = stack();
        let slow = || async {
            tokio::time::sleep(SECOND).await;
            fetch().await
        };
        assert_eq!(counted(|| assert!(in_time(runtime, stack.read(slow)).is_ok())), 0, "a slow call");
        let tries = std::cell::Cell::new(0);
        let failing = || {
            tries.set(tries.get() + 1);
            fail()
        };
        let failed = counted(|| assert!(in_time(runtime, stack.read(failing)).is_err()));
        // Two waits and giving up.
        assert_eq!((failed, tries.get()), (told(3), 2 * 3), "three tries, and the waits between them");
    });
}

#[test]
fn a_refusal_allocates_nothing() {
    inside_a_runtime(|_| {
        let stack = stack();
        stack.breakers().for_each(CircuitBreaker::force_open);
        assert_eq!(counted(|| assert!(at_once(stack.read(fetch)).unwrap_err().rejection().is_some())), 0);
    });
}

#[test]
fn a_hedge_boxes_a_further_try_and_no_first_one() {
    inside_a_runtime(|runtime| {
        let hedge = Hedge::builder("laboratory").after(SECOND).build().unwrap();
        let stack = Stack::builder("laboratory").hedge(hedge).breaker(breaker()).build().unwrap();
        assert_eq!(counted(|| assert_eq!(at_once(stack.read(fetch)).unwrap(), 7)), 0, "in time");
        let slow = || async {
            tokio::time::sleep(SECOND * 2).await;
            fetch().await
        };
        let hedged = counted(|| assert!(in_time(runtime, stack.read(slow)).is_ok()));
        assert_eq!(hedged, 2 + told(1), "the try and its place in the list");
    });
}

#[test]
fn breaker_bulkhead_and_rate_limit_allocate_nothing() {
    inside_a_runtime(|_| {
        let (breaker, bulkhead, rate) = (breaker(), bulkhead(), rate());
        assert_eq!(counted(|| assert_eq!(at_once(breaker.call(fetch())).unwrap(), 7)), 0, "breaker");
        assert_eq!(counted(|| assert!(at_once(breaker.call(fail())).is_err())), 0, "a failure");
        assert_eq!(counted(|| assert_eq!(at_once(bulkhead.call(fetch())).unwrap(), 7)), 0, "bulkhead");
        assert_eq!(counted(|| assert!(rate.try_acquire().is_ok())), 0, "rate limit");
        assert_eq!(counted(|| assert!(at_once(rate.acquire()).is_ok())), 0, "rate limit with a line");
        breaker.force_open();
        assert_eq!(counted(|| assert!(breaker.try_acquire().is_err())), 0, "a refusal");
    });
}
