use crate::{Counter, Fault, SECOND, flaky, plain};
use healthcare_resilience::{
    CallError, Class, Clock, Deadline, Effect, GiveUp, Hedge, Moment, RejectReason, RetryBudget, RetryEvent,
    Retryable as _, time_out,
};
use std::{
    future::{pending, ready},
    time::Duration,
};
use tokio::time::{Instant, sleep};

fn left() -> Option<Duration> {
    Deadline::current().map(Deadline::left)
}

#[test]
fn the_moment_itself_is_too_late() {
    let deadline = Deadline::at(Moment::from_nanos(10));
    assert!(!deadline.is_over(Moment::from_nanos(9)));
    assert!(deadline.is_over(Moment::from_nanos(10)));
    assert_eq!(deadline.remaining(Moment::from_nanos(4)), Duration::from_nanos(6));
    assert_eq!(deadline.remaining(Moment::from_nanos(11)), Duration::ZERO);
    assert_eq!(Deadline::within(Duration::MAX).moment(), Moment::from_nanos(u64::MAX));
}

#[tokio::test(start_paused = true)]
async fn a_scope_is_seen_inside_and_only_there() {
    assert_eq!(left(), None);
    let deadline = Deadline::within(SECOND * 9);
    deadline
        .scope(async {
            assert_eq!(left(), Some(SECOND * 9));
            sleep(SECOND).await;
            assert_eq!(left(), Some(SECOND * 8));
        })
        .await;
    assert_eq!(left(), None);
}

#[tokio::test(start_paused = true)]
async fn a_scope_inside_another_can_only_shorten_it() {
    let scoped = Deadline::within(SECOND * 5).scope(async {
        let longer = Deadline::within(SECOND * 50).scope(async { left() }).await;
        let shorter = Deadline::within(SECOND).scope(async { left() }).await;
        (longer, shorter, left())
    });
    assert_eq!(scoped.await, (Some(SECOND * 5), Some(SECOND), Some(SECOND * 5)));
}

#[tokio::test(start_paused = true)]
async fn two_tasks_on_one_thread_do_not_see_each_others() {
    let short = Deadline::within(SECOND).scope(async {
        sleep(SECOND / 10).await;
        left()
    });
    let long = Deadline::within(SECOND * 5).scope(async {
        sleep(SECOND / 10).await;
        left()
    });
    let bare = async {
        sleep(SECOND / 10).await;
        left()
    };
    let (short, long, bare) = tokio::join!(short, long, bare);
    assert_eq!((short, long, bare), (Some(SECOND * 9 / 10), Some(SECOND * 49 / 10), None));
}

#[tokio::test(start_paused = true)]
async fn work_is_dropped_when_the_deadline_is_over() {
    let live = Counter::default();
    let begun = Instant::now();
    let result = Deadline::within(SECOND)
        .call(async {
            let _live = live.live();
            pending::<Result<(), Fault>>().await
        })
        .await;
    assert!(matches!(result, Err(CallError::Elapsed(elapsed)) if elapsed.limit() == SECOND));
    assert_eq!((begun.elapsed(), live.get()), (SECOND, 0));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_begun_after_the_deadline() {
    let over = Deadline::within(Duration::ZERO);
    let reason = |error: CallError<Fault>| error.rejection().map(|rejection| rejection.reason());
    let error = over.call::<_, (), _>(async { panic!("begun") }).await.unwrap_err();
    assert_eq!(reason(error), Some(RejectReason::DeadlineOver));

    let budget = RetryBudget::builder("b").ratio(1.0).floor_per_second(0).build().unwrap();
    let retry = plain(3).budget(budget.clone()).build().unwrap();
    let (tries, op) = flaky(9);
    let error = over.scope(op.retry_read(&retry)).await.unwrap_err();
    assert_eq!(reason(error), Some(RejectReason::DeadlineOver));
    assert_eq!((tries.get(), budget.balance()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_outer_deadline_bounds_an_inner_one() {
    let begun = Instant::now();
    let inner = Deadline::within(SECOND * 60).call(pending::<Result<(), Fault>>());
    let result = Deadline::within(SECOND).call(inner).await;
    assert!(matches!(result, Err(CallError::Elapsed(_) | CallError::Inner(CallError::Elapsed(_)))));
    assert_eq!(begun.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_reaches_the_deadline_is_dropped() {
    let live = Counter::default();
    let retry = plain(3).total(SECOND * 4).build().unwrap();
    let begun = Instant::now();
    let result = retry.call(Effect::Read, || {
        let live = live.live();
        async move {
            let _live = live;
            sleep(SECOND * 2).await;
            Err::<(), _>(Fault::Down)
        }
    });
    // 2 s, a wait of 1 s, and 1 s of the second try.
    let result = result.await;
    assert!(matches!(result, Err(CallError::Elapsed(elapsed)) if elapsed.limit() == SECOND * 4));
    assert_eq!((begun.elapsed(), live.get()), (SECOND * 4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_would_reach_the_deadline_is_not_begun_and_costs_nothing() {
    let budget = RetryBudget::builder("b").ratio(1.0).floor_per_second(0).build().unwrap();
    let retry = plain(9).total(SECOND * 3).budget(budget.clone()).build().unwrap();
    (0..10).for_each(|_| budget.record_call());
    let mut events = retry.events();
    let (tries, op) = flaky(99);
    let begun = Instant::now();
    assert_eq!(op.retry_read(&retry).await, Err(CallError::Inner(Fault::Down)));
    // The third wait would end at the very deadline.
    assert_eq!((begun.elapsed(), tries.get(), budget.balance()), (SECOND * 2, 3, 10 + 1 - 2));
    while let Ok(event) = events.try_recv() {
        if let RetryEvent::GaveUp { why, .. } = event {
            return assert_eq!(why, GiveUp::DeadlineNear);
        }
    }
    panic!("it did not say why it gave up");
}

#[tokio::test(start_paused = true)]
async fn a_callee_that_asks_for_more_than_is_left_ends_the_call_at_once() {
    let retry = plain(9).total(SECOND * 30).retry_after_max(SECOND * 5).build().unwrap();
    let busy = |asked| move |_: Result<&u32, &Fault>| Class::Busy { retry_after: Some(asked) };
    let begun = Instant::now();
    for asked in [SECOND * 30, Duration::MAX] {
        let (tries, op) = flaky(9);
        let result = op.retry_read(&retry).classify(busy(asked)).await;
        assert_eq!((result, tries.get()), (Err(CallError::Inner(Fault::Down)), 1));
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_earliest_of_the_three_deadlines_holds() {
    for (task, call, policy) in [(2, 9, 9), (9, 2, 9), (9, 9, 2)] {
        let retry = plain(9).total(SECOND * policy).build().unwrap();
        let begun = Instant::now();
        let tried = (|| async {
            assert!(left().is_some_and(|left| left <= SECOND * 2), "the tries see it");
            pending::<Result<(), Fault>>().await
        })
        .retry_read(&retry)
        .deadline(Deadline::within(SECOND * call));
        let result = Deadline::within(SECOND * task).scope(tried).await;
        assert!(matches!(result, Err(CallError::Elapsed(_))));
        assert_eq!(begun.elapsed(), SECOND * 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_try_that_ends_at_the_deadline_counts() {
    let retry = plain(2).total(SECOND).build().unwrap();
    let done = retry.call(Effect::Read, || async {
        sleep(SECOND).await;
        Ok::<_, Fault>(7)
    });
    assert_eq!(done.await, Ok(7));
}

/// A time-out of each try, inside the retry.
async fn slow_tries(limit: u32, retried: bool) -> (u32, bool) {
    let retry = plain(3).build().unwrap();
    let tries = Counter::default();
    let call = retry.call(Effect::Read, || {
        tries.add();
        async move { time_out(SECOND * limit, sleep(SECOND * 2)).await }
    });
    let result = if retried { call.await } else { call.when(|_| false).await };
    (tries.get(), result.is_ok())
}

#[tokio::test(start_paused = true)]
async fn a_try_that_times_out_is_tried_again_unless_the_condition_forbids_it() {
    assert_eq!(slow_tries(1, true).await, (3, false));
    assert_eq!(slow_tries(5, true).await, (1, true));
    assert_eq!(slow_tries(1, false).await, (1, false));
}

/// A deadline passes through many policies, so it is on the system's clock, whatever clock a policy was given.
#[tokio::test(start_paused = true)]
async fn deadlines_are_read_on_the_systems_clock_alone() {
    let day = SECOND * 86_400;
    for at in [Moment::START, Clock::default().now().after(day * 365)] {
        let (clock, hand) = Clock::manual();
        hand.set(at);
        let retry = plain(3).total(SECOND * 2).clock(clock.clone()).build().unwrap();
        let hedge = Hedge::builder("h").after(day).clock(clock.clone()).build().unwrap();
        // Told to those further in as what it is, and kept to.
        let (begun, mut seen) = (Instant::now(), None);
        let op = || {
            seen = left();
            pending::<Result<(), Fault>>()
        };
        let late = retry.call(Effect::Read, op).await;
        assert!(matches!(late, Err(CallError::Elapsed(elapsed)) if elapsed.limit() == SECOND * 2));
        assert_eq!((seen, begun.elapsed()), (Some(SECOND * 2), SECOND * 2));
        // Read where it comes from outside.
        let inside = async || {
            (
                retry.call(Effect::Read, || ready(Ok::<_, Fault>(1))).await,
                hedge.call(Effect::Read, || ready(Ok::<_, Fault>(2))).await,
            )
        };
        assert_eq!(Deadline::within(SECOND).scope(inside()).await, (Ok(1), Ok(2)));
        let over = Deadline::within(Duration::ZERO).scope(inside()).await;
        assert!(matches!(over, (Err(CallError::Rejected(_)), Err(CallError::Rejected(_)))), "{over:?}");
        // A further try is made where there is time for its wait of a second, and not where there is none.
        for (allowed, tries) in [(SECOND * 5, 3), (SECOND / 2, 1)] {
            let retry = plain(3).clock(clock.clone()).build().unwrap();
            let (made, operation) = crate::flaky(9);
            Deadline::within(allowed).scope(retry.call(Effect::Read, operation)).await.unwrap_err();
            assert_eq!(made.get(), tries, "within {allowed:?}");
        }
        let quick = Hedge::builder("h").after(SECOND).clock(clock).build().unwrap();
        let mut times = [SECOND * 9, SECOND].into_iter();
        let op = || {
            let time = times.next().unwrap_or_default();
            async move {
                tokio::time::sleep(time).await;
                Ok::<_, Fault>(())
            }
        };
        let begun = Instant::now();
        assert_eq!(Deadline::within(SECOND * 5).scope(quick.call(Effect::Read, op)).await, Ok(()));
        assert_eq!(begun.elapsed(), SECOND * 2, "the further try answered");
    }
}

#[tokio::test(start_paused = true)]
async fn work_that_uses_up_its_tasks_budget_is_ended_too() {
    let retry = plain(3).total(Duration::from_millis(50)).build().unwrap();
    let answer = retry.call(Effect::Read, crate::greedy).await;
    assert!(matches!(answer, Err(CallError::Elapsed(_))), "{answer:?}");
}
