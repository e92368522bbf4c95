use crate::{MS, SECOND};
use healthcare_resilience::{Clock, Deadline, Quota, RateLimit, RejectReason};
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::Instant;

fn waiting(quota: Quota, waiting: usize, wait: Duration) -> RateLimit {
    RateLimit::builder("x").quota(quota).max_waiting(waiting).max_wait(wait).build().unwrap()
}

/// Counts the polls of what is inside.
struct Polled<F>(Pin<Box<F>>, Arc<AtomicUsize>);

impl<F: Future> Future for Polled<F> {
    type Output = F::Output;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.as_mut().poll(cx)
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn a_free_permit_is_had_at_once() {
    let limit = waiting(Quota::per_second(2), 5, SECOND);
    let begun = Instant::now();
    limit.acquire().await.unwrap();
    limit.acquire().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_not_there_is_waited_for() {
    let limit = waiting(Quota::per_second(10), 5, SECOND);
    limit.try_acquire_many(10).unwrap();
    let begun = Instant::now();
    assert_eq!(limit.acquire().await.unwrap().remaining(), 0);
    assert_eq!(begun.elapsed(), MS * 100);
    limit.acquire_many(3).await.unwrap();
    assert_eq!(begun.elapsed(), MS * 400);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_unless_that_was_allowed() {
    let limit = RateLimit::builder("x").quota(Quota::per_second(1)).build().unwrap();
    limit.acquire().await.unwrap();
    let begun = Instant::now();
    let refused = limit.acquire().await.unwrap_err();
    assert_eq!((refused.reason(), refused.retry_after()), (RejectReason::RateLimited, Some(SECOND)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served_with_two_wake_ups_each() {
    const WAITERS: usize = 200;
    let limit = waiting(Quota::per_second(100).burst(1), WAITERS, SECOND * 10);
    limit.try_acquire().unwrap();
    let (polls, order) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let mut tasks = Vec::new();
    for number in 0..WAITERS {
        let (limit, order) = (limit.clone(), order.clone());
        let wait = async move {
            limit.acquire().await.unwrap();
            order.lock().unwrap().push(number);
        };
        tasks.push(tokio::spawn(Polled(Box::pin(wait), polls.clone())));
        // Each stands in line before the next one comes.
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..WAITERS).collect::<Vec<_>>());
    assert_eq!(begun.elapsed(), MS * 10 * u32::try_from(WAITERS).unwrap());
    // The first poll of each is no wake-up.
    let woken = polls.load(Ordering::SeqCst) - WAITERS;
    assert!(woken <= 2 * WAITERS, "{woken} wake-ups for {WAITERS} waiters");
}

#[tokio::test(start_paused = true)]
async fn nobody_passes_those_who_wait() {
    let limit = waiting(Quota::per_second(10).burst(1), 5, SECOND);
    limit.try_acquire().unwrap();
    let mut first = Box::pin(limit.acquire());
    assert!(poll_once(first.as_mut()).is_pending());
    tokio::time::advance(MS * 100).await;
    // The permit is there, and it is the first one's.
    let refused = limit.try_acquire().unwrap_err();
    assert_eq!(refused.retry_after(), Some(MS * 100));
    first.await.unwrap();
    tokio::time::advance(MS * 100).await;
    limit.try_acquire().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_full_line_refuses_and_tells_when() {
    let limit = waiting(Quota::per_second(10).burst(1), 2, SECOND);
    limit.try_acquire().unwrap();
    let mut waiters: Vec<_> = (0..2).map(|_| Box::pin(limit.acquire())).collect();
    for waiter in &mut waiters {
        assert!(poll_once(waiter.as_mut()).is_pending());
    }
    assert_eq!(limit.waiting(), 2);
    let refused = limit.acquire().await.unwrap_err();
    assert_eq!((refused.reason(), refused.retry_after()), (RejectReason::RateLimited, Some(MS * 300)));
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_would_come_too_late_is_refused_at_once() {
    let limit = waiting(Quota::per_second(10).burst(1), 100, MS * 200);
    limit.try_acquire().unwrap();
    let mut waiters: Vec<_> = (0..2).map(|_| Box::pin(limit.acquire())).collect();
    for waiter in &mut waiters {
        // The second one's turn comes exactly when its time is over, and counts.
        assert!(poll_once(waiter.as_mut()).is_pending());
    }
    let begun = Instant::now();
    let refused = limit.acquire().await.unwrap_err();
    assert_eq!((refused.reason(), refused.retry_after()), (RejectReason::RateLimited, Some(MS * 300)));
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(limit.waiting(), 2, "who was refused left the line");
    for waiter in waiters {
        waiter.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_has_taken_nothing_and_delays_nobody() {
    // 0: never polled. 1: waits for the turn or the permit.
    for (polls, who) in [(0, 0), (1, 0), (1, 1), (1, 2)] {
        let limit = waiting(Quota::per_second(10).burst(1), 5, SECOND);
        limit.try_acquire().unwrap();
        let begun = Instant::now();
        let mut waiters: Vec<_> = (0..3).map(|_| Box::pin(limit.acquire())).collect();
        for waiter in waiters.iter_mut().take(if polls == 0 { 0 } else { 3 }) {
            assert!(poll_once(waiter.as_mut()).is_pending());
        }
        drop(waiters.remove(who));
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert_eq!(begun.elapsed(), MS * 200, "two permits for two who waited, after number {who} left");
        assert_eq!(limit.waiting(), 0);
        tokio::time::advance(MS * 100).await;
        limit.try_acquire().unwrap();
        limit.try_acquire().unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_after_the_permit_came_has_not_used_it() {
    let limit = waiting(Quota::per_second(10).burst(1), 5, SECOND);
    limit.try_acquire().unwrap();
    let mut waiter = Box::pin(limit.acquire());
    assert!(poll_once(waiter.as_mut()).is_pending());
    tokio::time::advance(MS * 150).await;
    drop(waiter);
    limit.try_acquire().unwrap();
}

#[tokio::test(start_paused = true)]
async fn more_than_the_burst_is_not_waited_for() {
    let limit = waiting(Quota::per_second(10), 5, SECOND * 100);
    let refused = limit.acquire_many(11).await.unwrap_err();
    assert_eq!((refused.reason(), refused.retry_after()), (RejectReason::RateLimited, None));
    assert_eq!(limit.waiting(), 0);
    limit.acquire_many(10).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_large_request_is_not_starved_by_small_ones() {
    let limit = waiting(Quota::per_second(10), 50, SECOND * 10);
    limit.try_acquire_many(10).unwrap();
    let large = tokio::spawn({
        let limit = limit.clone();
        async move {
            limit.acquire_many(10).await.unwrap();
            Instant::now()
        }
    });
    tokio::task::yield_now().await;
    let begun = Instant::now();
    for _ in 0..5 {
        limit.acquire().await.unwrap();
    }
    assert_eq!(large.await.unwrap() - begun, SECOND);
    assert_eq!(begun.elapsed(), SECOND + MS * 500);
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_deadline_is_refused_at_once() {
    let limit = waiting(Quota::per_second(1).burst(1), 5, SECOND * 10);
    limit.try_acquire().unwrap();
    let begun = Instant::now();
    let refused = Deadline::within(MS * 999).scope(limit.acquire()).await.unwrap_err();
    assert_eq!((refused.reason(), begun.elapsed()), (RejectReason::DeadlineOver, Duration::ZERO));
    assert_eq!(limit.waiting(), 0);
    Deadline::within(SECOND * 2).scope(limit.acquire()).await.unwrap();
    assert_eq!(begun.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stands_still_keeps_nobody_for_ever() {
    let (clock, _hand) = Clock::manual();
    let builder = RateLimit::builder("x").quota(Quota::per_second(1)).clock(clock);
    let limit = builder.max_waiting(5).max_wait(SECOND * 3).build().unwrap();
    limit.try_acquire().unwrap();
    let begun = Instant::now();
    assert_eq!(limit.acquire().await.unwrap_err().reason(), RejectReason::WaitedTooLong);
    assert_eq!(begun.elapsed(), SECOND * 3);
    assert_eq!(limit.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn waiting_longer_than_needed_is_not_repaid_with_a_burst() {
    let limit = waiting(Quota::per_second(10).burst(1), 50, SECOND * 5);
    limit.try_acquire().unwrap();
    let begun = Instant::now();
    tokio::time::advance(SECOND).await;
    for _ in 0..5 {
        limit.acquire().await.unwrap();
    }
    // One was there, the other four came one by one.
    assert_eq!(begun.elapsed(), SECOND + MS * 400);
}
