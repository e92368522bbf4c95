use crate::{MS, SECOND, admitted, limit, limited};
use healthcare_resilience::{CallError, Clock, Moment, Quota, RateLimit, RejectReason};
use std::{io, sync::Arc, thread, time::Duration};

#[test]
fn the_first_call_is_admitted() {
    let (limit, _) = limit(Quota::per_second(5));
    assert_eq!(limit.try_acquire().unwrap().remaining(), 4);
}

#[test]
fn the_burst_is_exact_and_the_next_permit_comes_to_the_nanosecond() {
    let (limit, hand) = limit(Quota::per_second(2));
    assert_eq!(admitted(&limit, 5), 2);
    let wait = limited(limit.try_acquire());
    assert_eq!(wait, SECOND / 2);
    hand.advance(wait - Duration::from_nanos(1));
    assert_eq!(limited(limit.try_acquire()), Duration::from_nanos(1));
    hand.advance(Duration::from_nanos(1));
    assert_eq!(admitted(&limit, 5), 1);
}

#[test]
fn two_a_second_spread_over_some_milliseconds() {
    let (limit, hand) = limit(Quota::per_second(2));
    for _ in 0..2 {
        limit.try_acquire().unwrap();
        hand.advance(MS);
    }
    limit.try_acquire().unwrap_err();
    hand.advance(MS * 1000);
    for _ in 0..2 {
        limit.try_acquire().unwrap();
        hand.advance(MS);
    }
    limit.try_acquire().unwrap_err();
}

#[test]
fn a_long_rest_gives_the_burst_and_not_one_more() {
    let (limit, hand) = limit(Quota::per_second(5));
    assert_eq!(admitted(&limit, 6), 5);
    // Long after the bucket was full; and exactly one permit longer than that.
    for rest in [SECOND * 2, SECOND + SECOND / 5, SECOND * 100_000] {
        hand.advance(rest);
        assert_eq!(admitted(&limit, 7), 5, "after {rest:?}");
    }
}

#[test]
fn many_are_taken_at_once_or_not_at_all() {
    let (limit, hand) = limit(Quota::per_second(4));
    limit.try_acquire_many(3).unwrap();
    assert_eq!(limited(limit.try_acquire_many(2)), SECOND / 4);
    assert_eq!(limit.try_acquire_many(1).unwrap().remaining(), 0, "the refused two took nothing");
    hand.advance(SECOND);
    limit.try_acquire_many(2).unwrap();
    limit.try_acquire_many(2).unwrap();
    hand.advance(MS);
    limit.try_acquire_many(2).unwrap_err();
    hand.advance(SECOND);
    limit.try_acquire_many(4).unwrap();
}

#[test]
fn one_at_once_is_one() {
    let (one, hand) = limit(Quota::per_second(3));
    let (many, other) = limit(Quota::per_second(3));
    for step in [0, 100, 0, 0, 400, 0, 3000, 0, 0, 0, 0] {
        hand.advance(MS * step);
        other.advance(MS * step);
        assert_eq!(one.try_acquire().is_ok(), many.try_acquire_many(1).is_ok());
    }
}

#[test]
fn more_than_the_burst_is_never_there_and_no_time_is_told() {
    let (limit, hand) = limit(Quota::per_second(5));
    for permits in [15, 7, 6, u32::MAX] {
        let rejection = limit.try_acquire_many(permits).unwrap_err();
        assert_eq!((rejection.reason(), rejection.retry_after()), (RejectReason::RateLimited, None));
        hand.advance(SECOND * 20);
    }
    limit.try_acquire_many(5).unwrap();
}

#[test]
fn none_at_all_costs_nothing() {
    let (limit, _) = limit(Quota::per_second(1));
    limit.try_acquire_many(0).unwrap();
    limit.try_acquire().unwrap();
    assert_eq!(limit.try_acquire_many(0).unwrap().remaining(), 0);
}

#[test]
fn whoever_waits_as_told_is_admitted() {
    let (limit, hand) = limit(Quota::per_second(5));
    for _ in 0..20 {
        hand.advance(MS);
        if let Err(rejection) = limit.try_acquire() {
            hand.advance(rejection.retry_after().unwrap());
            limit.try_acquire().unwrap();
        }
    }
}

#[test]
fn a_decision_tells_what_is_left() {
    let (limit, hand) = limit(Quota::per_second(10).burst(4));
    let first = limit.try_acquire().unwrap();
    assert_eq!((first.limit(), first.remaining()), (4, 3));
    assert_eq!((first.reset(), first.retry_after()), (MS * 100, Duration::ZERO));
    let last = limit.try_acquire_many(3).unwrap();
    assert_eq!((last.remaining(), last.reset(), last.retry_after()), (0, MS * 400, MS * 100));
    hand.advance(MS * 150);
    let next = limit.try_acquire().unwrap();
    assert_eq!((next.remaining(), next.reset(), next.retry_after()), (0, MS * 350, MS * 50));
}

#[test]
fn a_clock_that_steps_back_costs_one_interval_and_not_the_step() {
    let (limit, hand) = limit(Quota::per_second(5));
    hand.set(Moment::START.after(SECOND * 7200));
    assert_eq!(admitted(&limit, 10), 5);
    hand.set(Moment::START.after(SECOND * 3600));
    assert_eq!(limited(limit.try_acquire()), SECOND / 5);
    hand.advance(SECOND / 5);
    assert_eq!(admitted(&limit, 10), 1, "the step gave no new burst");
    hand.advance(SECOND);
    assert_eq!(admitted(&limit, 10), 5);
}

#[test]
fn the_ends_of_time_hold() {
    let (limit, hand) = limit(Quota::per_second(5));
    for moment in [Moment::START, Moment::from_nanos(u64::MAX), Moment::START] {
        hand.set(moment);
        let _ = limit.try_acquire();
        let _ = limit.try_acquire_many(5);
    }
}

#[test]
fn threads_share_one_bucket_to_the_permit() {
    let (limit, hand) = limit(Quota::per_second(1000));
    for _ in 0..20 {
        let counts: Vec<_> = (0..4)
            .map(|_| {
                let limit = limit.clone();
                thread::spawn(move || admitted(&limit, 500))
            })
            .collect();
        let sum: usize = counts.into_iter().map(|count| count.join().unwrap()).sum();
        assert_eq!(sum, 1000);
        hand.advance(SECOND);
    }
}

#[test]
fn a_quota_beyond_what_a_test_can_use_is_never_refused() {
    let limit = RateLimit::builder("x").quota(Quota::per_second(1_000_000_000)).build().unwrap();
    let limit = Arc::new(limit);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let limit = limit.clone();
            thread::spawn(move || assert_eq!(admitted(&limit, 100_000), 100_000))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn clones_are_one_limit() {
    let (limit, _) = limit(Quota::per_second(2));
    let clone = limit.clone();
    limit.try_acquire().unwrap();
    clone.try_acquire().unwrap();
    limit.try_acquire().unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn the_default_clock_is_tokios() {
    let limit = RateLimit::builder("x").quota(Quota::per_second(1)).build().unwrap();
    limit.try_acquire().unwrap();
    limit.try_acquire().unwrap_err();
    tokio::time::advance(SECOND).await;
    limit.try_acquire().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_not_made() {
    let (limit, _) = limit(Quota::per_second(1));
    assert_eq!(limit.call(async { Ok::<_, io::Error>(7) }).await.unwrap(), 7);
    let mut was_made = false;
    let refused = limit.call(async {
        was_made = true;
        Ok::<_, io::Error>(())
    });
    assert!(matches!(refused.await, Err(CallError::Rejected(_))));
    assert!(!was_made);
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_keeps_its_error_and_its_permit() {
    let (limit, _) = limit(Quota::per_second(2));
    let failed = limit.call(async { Err::<(), _>(io::Error::other("x")) }).await;
    assert!(matches!(failed, Err(CallError::Inner(_))));
    assert_eq!(admitted(&limit, 5), 1);
}

#[test]
fn two_limits_start_apart() {
    let (clock, hand) = Clock::manual();
    let one = RateLimit::builder("one").quota(Quota::per_second(2)).clock(clock.clone()).build().unwrap();
    assert_eq!(admitted(&one, 3), 2);
    hand.advance(SECOND / 4);
    let two = RateLimit::builder("two").quota(Quota::per_second(2)).clock(clock).build().unwrap();
    assert_eq!((admitted(&one, 3), admitted(&two, 3)), (0, 2));
}
