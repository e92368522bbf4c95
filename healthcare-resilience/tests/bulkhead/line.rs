use crate::{Live, Never, PATIENCE, bulkhead, poll_once, reason};
use healthcare_resilience::{Deadline, RejectReason, Rejection};
use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};
use tokio::time::{Instant, advance, timeout};

fn refused<T>(polled: Poll<Result<T, Rejection>>) -> RejectReason {
    let Poll::Ready(Err(rejection)) = polled else { panic!("not refused") };
    rejection.reason()
}

#[tokio::test(start_paused = true)]
async fn places_are_given_in_order_of_arrival() {
    let bulkhead = bulkhead(2, 100);
    let held = (bulkhead.try_acquire_owned().unwrap(), bulkhead.try_acquire_owned().unwrap());
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..50 {
        let (bulkhead, order) = (bulkhead.clone(), order.clone());
        tasks.push(tokio::spawn(async move {
            bulkhead
                .call(async {
                    order.lock().unwrap().push(number);
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    Ok::<_, Never>(())
                })
                .await
        }));
        tokio::task::yield_now().await;
    }
    assert_eq!(bulkhead.waiting(), 50);
    drop(held);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(*order.lock().unwrap(), (0..50).collect::<Vec<_>>());
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn nobody_overtakes_the_line() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire().unwrap();
    let mut waiter = pin!(bulkhead.acquire());
    assert!(poll_once(waiter.as_mut()).is_pending());
    drop(held);
    // The place was handed over, though the waiter has not been polled since.
    assert!(bulkhead.try_acquire().is_err(), "overtaken by try_acquire");
    let mut late = pin!(bulkhead.acquire());
    assert!(poll_once(late.as_mut()).is_pending(), "overtaken by acquire");
    let Poll::Ready(Ok(permit)) = poll_once(waiter.as_mut()) else { panic!("not served") };
    drop(permit);
    assert!(matches!(poll_once(late.as_mut()), Poll::Ready(Ok(_))));
}

#[tokio::test(start_paused = true)]
async fn a_place_handed_over_makes_room_in_line_at_once() {
    let bulkhead = bulkhead(1, 1);
    let held = bulkhead.try_acquire().unwrap();
    let mut first = pin!(bulkhead.acquire());
    assert!(poll_once(first.as_mut()).is_pending());
    drop(held);
    assert_eq!(bulkhead.waiting(), 0, "one inside, nobody in line, before the first is even polled");
    let mut second = pin!(bulkhead.acquire());
    assert!(poll_once(second.as_mut()).is_pending());
}

#[tokio::test(start_paused = true)]
async fn more_than_may_wait_are_refused_at_once() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire().unwrap();
    let (mut first, mut second) = (pin!(bulkhead.acquire()), pin!(bulkhead.acquire()));
    assert!(poll_once(first.as_mut()).is_pending() && poll_once(second.as_mut()).is_pending());
    assert_eq!(refused(poll_once(pin!(bulkhead.acquire()))), RejectReason::BulkheadFull);
    assert_eq!(bulkhead.waiting(), 2);
    drop(held);
    let Poll::Ready(Ok(permit)) = poll_once(first.as_mut()) else { panic!("not served") };
    assert!(poll_once(second.as_mut()).is_pending());
    drop(permit);
    assert!(matches!(poll_once(second.as_mut()), Poll::Ready(Ok(_))));
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_wait_is_bounded() {
    let bulkhead = bulkhead(1, 1);
    let held = bulkhead.try_acquire().unwrap();
    let begun = Instant::now();
    let waited = bulkhead.acquire().await.unwrap_err();
    assert_eq!(waited.reason(), RejectReason::WaitedTooLong);
    assert!(begun.elapsed() >= PATIENCE && begun.elapsed() < PATIENCE + Duration::from_millis(5));
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (1, 0));
    drop(held);
    assert!(bulkhead.acquire().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_place_in_time_is_taken() {
    let bulkhead = bulkhead(1, 1);
    let held = bulkhead.try_acquire_owned().unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(PATIENCE - Duration::from_millis(2)).await;
        drop(held);
    });
    assert_eq!(bulkhead.call(async { Ok::<_, Never>(7) }).await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_place_handed_over_as_the_wait_ends_is_not_lost() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire().unwrap();
    let mut waiter = pin!(bulkhead.acquire());
    assert!(poll_once(waiter.as_mut()).is_pending());
    advance(PATIENCE * 2).await;
    drop(held);
    // Both are true now: the wait is over and the place was handed over.
    let Poll::Ready(Ok(permit)) = poll_once(waiter.as_mut()) else { panic!("refused with a place in hand") };
    assert_eq!(bulkhead.in_flight(), 1);
    drop(permit);
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_is_dropped_leaves_the_line() {
    let bulkhead = bulkhead(1, 3);
    let held = bulkhead.try_acquire().unwrap();
    let mut waiters: Vec<_> = (0..3).map(|_| Some(Box::pin(bulkhead.acquire()))).collect();
    for waiter in waiters.iter_mut().flatten() {
        assert!(poll_once(waiter.as_mut()).is_pending());
    }
    waiters[1] = None;
    assert_eq!(bulkhead.waiting(), 2, "from the middle");
    drop(held);
    // The first one holds a place that it does not know of.
    waiters[0] = None;
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (1, 0), "handed on to the third");
    let third = waiters[2].as_mut().unwrap();
    assert!(matches!(poll_once(third.as_mut()), Poll::Ready(Ok(_))));
    waiters.clear();
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_waiter_that_was_never_polled_is_not_in_line() {
    let bulkhead = bulkhead(1, 1);
    let held = bulkhead.try_acquire().unwrap();
    let never_polled = bulkhead.acquire();
    assert_eq!(bulkhead.waiting(), 0);
    drop(never_polled);
    drop(held);
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_waits_at_the_head_holds_up_nobody_for_longer_than_it_waits() {
    let bulkhead = bulkhead(1, 10);
    let held = bulkhead.try_acquire_owned().unwrap();
    let impatient = timeout(Duration::from_secs(1), bulkhead.acquire());
    let patient = bulkhead.acquire();
    let release = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        drop(held);
    };
    let (impatient, patient, ()) = tokio::join!(impatient, patient, release);
    assert!(impatient.is_err() && patient.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_waker_of_the_last_poll_is_woken() {
    // A future that moves between tasks has a new waker at each poll.
    let bulkhead = bulkhead(1, 1);
    let held = bulkhead.try_acquire_owned().unwrap();
    let waiter_of = bulkhead.clone();
    let mut waiter = Box::pin(waiter_of.acquire_owned());
    assert!(poll_once(waiter.as_mut()).is_pending());
    let moved = tokio::spawn(waiter);
    tokio::task::yield_now().await;
    drop(held);
    assert!(timeout(Duration::from_secs(1), moved).await.expect("woken").unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_frees_its_place() {
    let bulkhead = bulkhead(1, 0);
    for _ in 0..3 {
        let failed = bulkhead.call(async { Err::<(), _>(Never) }).await;
        assert_eq!(failed.unwrap_err().into_inner(), Some(Never));
    }
    let live = Live::default();
    let held = bulkhead.try_acquire().unwrap();
    let refused = bulkhead.call(live.clone().work(PATIENCE)).await;
    assert_eq!(reason(refused), RejectReason::BulkheadFull);
    assert_eq!(live.begun(), 0, "refused work is not begun");
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn who_tries_again_joins_the_back_of_the_line() {
    let bulkhead = bulkhead(1, 5);
    let order = Arc::new(Mutex::new(Vec::new()));
    let visit = |name: &'static str, times: usize| {
        let (bulkhead, order) = (bulkhead.clone(), order.clone());
        async move {
            for _ in 0..times {
                let _ = bulkhead
                    .call(async {
                        order.lock().unwrap().push(name);
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        Err::<(), _>(Never)
                    })
                    .await;
            }
        }
    };
    tokio::join!(visit("again", 2), visit("second", 1), visit("third", 1));
    assert_eq!(*order.lock().unwrap(), ["again", "second", "third", "again"]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_between_tries_holds_no_place() {
    let bulkhead = bulkhead(1, 0);
    let trying = async {
        let _ = bulkhead.call(async { Err::<(), _>(Never) }).await;
        tokio::time::sleep(Duration::from_secs(10)).await;
        bulkhead.call(async { Ok::<_, Never>(()) }).await
    };
    let other = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        bulkhead.call(async { Ok::<_, Never>(()) }).await
    };
    let (trying, other) = tokio::join!(trying, other);
    assert!(trying.is_ok() && other.is_ok());
}

fn assert_send<F: Future + Send>(future: F) -> F {
    future
}

#[tokio::test(start_paused = true)]
async fn its_futures_cross_threads() {
    let bulkhead = bulkhead(1, 1);
    drop(assert_send(bulkhead.acquire()).await.unwrap());
    assert_send(bulkhead.call(async { Ok::<_, Never>(()) })).await.unwrap();
    assert_send(bulkhead.run_blocking(|| Ok::<_, Never>(()))).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_the_wait() {
    let bulkhead = bulkhead(1, 2);
    let held = bulkhead.try_acquire().unwrap();
    let begun = Instant::now();
    let short = Deadline::within(PATIENCE / 5).scope(bulkhead.acquire()).await;
    assert_eq!(short.unwrap_err().reason(), RejectReason::DeadlineOver);
    assert!(begun.elapsed() >= PATIENCE / 5 && begun.elapsed() < PATIENCE / 4);
    let over = Deadline::within(Duration::ZERO);
    let mut late = pin!(over.scope(bulkhead.acquire()));
    assert_eq!(refused(poll_once(late.as_mut())), RejectReason::DeadlineOver, "at once, never in line");
    let long = Deadline::within(PATIENCE * 5).scope(bulkhead.acquire()).await;
    assert_eq!(long.unwrap_err().reason(), RejectReason::WaitedTooLong);
    drop(held);
    let free = over.scope(bulkhead.acquire()).await;
    assert!(free.is_ok(), "a place that is free needs no waiting");
}
