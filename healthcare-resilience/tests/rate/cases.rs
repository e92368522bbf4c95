//! Cases of public suites, in our words: see docs/evidence/resilience-cases/rate.md.

use crate::{MS, SECOND, admitted, limit, limited};
use healthcare_resilience::{Quota, RateLimit, RejectReason};
use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

const TICK: Duration = Duration::from_nanos(100);

#[test]
fn with_a_bucket_of_one_the_wait_is_the_interval() {
    for seconds in [1, 2, 5] {
        let (limit, _) = limit(Quota::per(1, SECOND * seconds));
        limit.try_acquire().unwrap();
        assert_eq!(limited(limit.try_acquire()), SECOND * seconds);
    }
}

#[test]
fn with_time_standing_still_the_bucket_is_all_there_is() {
    for burst in [1, 2, 50] {
        let (limit, _) = limit(Quota::per_second(1).burst(burst));
        assert_eq!(admitted(&limit, 100), burst as usize);
        assert_eq!(limited(limit.try_acquire()), SECOND);
    }
}

#[test]
fn each_interval_brings_one_and_a_tick_less_brings_none() {
    for (seconds, burst) in [(1, 1), (2, 1), (5, 1), (1, 10), (2, 10), (5, 10)] {
        let (limit, hand) = limit(Quota::per(1, SECOND * seconds).burst(burst));
        assert_eq!(admitted(&limit, 100), burst as usize);
        for _ in 0..burst * 3 {
            hand.advance(SECOND * seconds - TICK);
            assert_eq!(limited(limit.try_acquire()), TICK);
            hand.advance(TICK);
            limit.try_acquire().unwrap();
            limit.try_acquire().unwrap_err();
        }
    }
}

#[test]
fn the_exact_time_half_of_it_and_many_times_it_refill_the_bucket() {
    for burst in [10, 100] {
        for (intervals, back) in
            [(burst, burst), (burst / 2, burst / 2), (burst * 2, burst), (burst * 5, burst)]
        {
            let (limit, hand) = limit(Quota::per_second(1).burst(burst));
            assert_eq!(admitted(&limit, 200), burst as usize);
            hand.advance(SECOND * intervals);
            assert_eq!(admitted(&limit, 200), back as usize, "{intervals} s, bucket of {burst}");
        }
    }
}

#[test]
fn of_many_threads_at_once_one_gets_the_one_permit() {
    for threads in [2, 5, 50] {
        let (limit, _) = limit(Quota::per_second(1));
        let barrier = Arc::new(Barrier::new(threads));
        let threads: Vec<_> = (0..threads)
            .map(|_| {
                let (limit, barrier) = (limit.clone(), barrier.clone());
                thread::spawn(move || {
                    barrier.wait();
                    limit.try_acquire().is_ok()
                })
            })
            .collect();
        let admitted = threads.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(admitted.filter(|admitted| *admitted).count(), 1);
    }
}

#[test]
fn a_refusal_does_not_push_the_next_permit_away() {
    let (limit, hand) = limit(Quota::per(1, MS * 250));
    limit.try_acquire().unwrap();
    assert_eq!(limited(limit.try_acquire()), MS * 250);
    hand.advance(MS * 250 - Duration::from_nanos(1));
    for _ in 0..10 {
        assert_eq!(limited(limit.try_acquire()), Duration::from_nanos(1));
    }
    hand.advance(Duration::from_nanos(1));
    limit.try_acquire().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_counted_and_gets_the_next_permit() {
    let limit = waiting(MS * 500);
    limit.try_acquire().unwrap();
    let waiter = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire().await }
    });
    tokio::task::yield_now().await;
    assert_eq!(limit.waiting(), 1);
    assert_eq!(limit.try_acquire().unwrap_err().retry_after(), Some(MS * 500), "behind the one who waits");
    assert_eq!(waiter.await.unwrap().unwrap().remaining(), 0);
    assert_eq!(limit.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_waiters_the_one_who_would_be_late_is_told_at_once() {
    let limit = waiting(MS * 250);
    limit.try_acquire().unwrap();
    let (first, second) = tokio::join!(limit.acquire(), limit.acquire());
    first.unwrap();
    assert_eq!(second.unwrap_err().reason(), RejectReason::RateLimited);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_wait_takes_nothing() {
    let limit = waiting(MS * 500);
    limit.try_acquire().unwrap();
    let waiter = tokio::spawn({
        let limit = limit.clone();
        async move { limit.acquire().await }
    });
    tokio::task::yield_now().await;
    waiter.abort();
    waiter.await.unwrap_err();
    assert_eq!(limit.waiting(), 0);
    tokio::time::advance(MS * 250).await;
    limit.try_acquire().unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_nine_at_once_those_within_the_wait_are_served() {
    // Three at once, three each ten milliseconds, twelve milliseconds of patience.
    let quota = Quota::per(3, MS * 10);
    let limit = RateLimit::builder("x").quota(quota).max_waiting(9).max_wait(MS * 12).build().unwrap();
    let answers = futures_util::future::join_all((0..9).map(|_| limit.acquire())).await;
    let served: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(served, [true, true, true, true, true, true, false, false, false]);
}

fn waiting(wait: Duration) -> RateLimit {
    let builder = RateLimit::builder("x").quota(Quota::per(1, MS * 250));
    builder.max_waiting(5).max_wait(wait).build().unwrap()
}
