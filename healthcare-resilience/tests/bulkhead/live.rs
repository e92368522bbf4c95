//! T7: the number of live pieces of work, not of permits, stays within the limit whatever is given up outside.

use crate::{Live, Never, PATIENCE, bulkhead, poll_once, reason};
use healthcare_resilience::{Bulkhead, Deadline, Effect, RejectReason, Retry};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};
use tokio::time::timeout;

const SOON: Duration = Duration::from_millis(10);

#[tokio::test(start_paused = true)]
async fn time_outs_that_cancel() {
    let (bulkhead, live) = (bulkhead(3, 50), Live::default());
    let calls: Vec<_> = (0..50)
        .map(|number| {
            let (bulkhead, live) = (bulkhead.clone(), live.clone());
            tokio::spawn(async move {
                let takes = if number % 2 == 0 { SOON * 3 } else { SOON / 2 };
                timeout(SOON, bulkhead.call(live.work(takes))).await
            })
        })
        .collect();
    for call in calls {
        let _ = call.await.unwrap();
        assert!(live.now() <= 3);
    }
    assert_eq!((live.peak(), live.now(), bulkhead.in_flight()), (3, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn time_outs_that_detach() {
    let (bulkhead, live) = (bulkhead(3, 100), Live::default());
    for _ in 0..20 {
        let spawned = timeout(SOON, bulkhead.spawn(live.clone().work(SOON * 8))).await;
        if let Ok(Ok(handle)) = spawned {
            // Given up: the task goes on without anybody.
            assert!(timeout(SOON, handle).await.is_err());
        }
    }
    // More of them were let in than there are places, one after the other.
    assert!(live.begun() > 3 && live.peak() == 3, "{live:?}");
    tokio::time::sleep(SOON * 40).await;
    assert_eq!((live.now(), bulkhead.in_flight(), bulkhead.waiting()), (0, 0, 0));
}

#[tokio::test]
async fn blocking_work_keeps_its_place_when_the_waiter_is_gone() {
    let (bulkhead, live) = (bulkhead(1, 0), Live::default());
    let (go, gone) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let work = {
        let live = live.clone();
        move || {
            let _work = live.begin();
            begun.send(()).unwrap();
            gone.recv().map_err(|_| Never)
        }
    };
    let waiter_of = bulkhead.clone();
    let waiter = tokio::spawn(async move { waiter_of.run_blocking(work).await });
    has_begun.await.unwrap();
    waiter.abort();
    assert!(waiter.await.unwrap_err().is_cancelled());
    assert_eq!((live.now(), bulkhead.in_flight()), (1, 1), "still at work, so still in its place");
    let second = bulkhead.run_blocking(|| Ok::<_, Never>(())).await;
    assert_eq!(reason(second), RejectReason::BulkheadFull);
    go.send(()).unwrap();
    while bulkhead.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(live.now(), 0, "the work ended before its place was free");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mixed_crowd_on_real_threads() {
    let (bulkhead, live) = (bulkhead(2, 1_000), Live::default());
    let calls: Vec<_> = (0..400_u32)
        .map(|number| {
            let (bulkhead, live) = (bulkhead.clone(), live.clone());
            tokio::spawn(async move {
                let yields = async {
                    let _work = live.begin();
                    for _ in 0..number % 5 {
                        tokio::task::yield_now().await;
                    }
                    Ok::<_, Never>(())
                };
                match number % 4 {
                    0 => bulkhead.call(yields).await.unwrap(),
                    1 => {
                        // Polled a few times, then dropped: in line, with a place, or at work.
                        let mut call = Box::pin(bulkhead.call(yields));
                        for _ in 0..number % 7 {
                            if poll_once(call.as_mut()).is_ready() {
                                break;
                            }
                            tokio::task::yield_now().await;
                        }
                    }
                    2 => {
                        let live = live.clone();
                        let blocking = move || {
                            drop(live.begin());
                            Ok::<_, Never>(())
                        };
                        let mut call = Box::pin(bulkhead.run_blocking(blocking));
                        if poll_once(call.as_mut()).is_pending() && number % 8 == 2 {
                            let _ = call.await;
                        }
                    }
                    _ => {
                        let live = live.clone();
                        let task = bulkhead.spawn(async move {
                            let _work = live.begin();
                            tokio::task::yield_now().await;
                        });
                        drop(task.await);
                    }
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    while bulkhead.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    assert!(live.peak() <= 2, "{live:?}");
    assert_eq!((live.now(), bulkhead.waiting()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn exactly_the_limit_runs_and_the_line_follows() {
    for (max_calls, max_waiting) in [(1, 0), (3, 0), (10, 0), (3, 5), (10, 10), (5, 5)] {
        let (bulkhead, live) = (bulkhead(max_calls, max_waiting), Live::default());
        let calls: Vec<_> = (0..max_calls + max_waiting + 1)
            .map(|_| {
                let (bulkhead, live) = (bulkhead.clone(), live.clone());
                tokio::spawn(async move { bulkhead.call(live.work(SOON)).await })
            })
            .collect();
        tokio::task::yield_now().await;
        assert_eq!((live.now(), bulkhead.waiting()), (max_calls, max_waiting));
        let mut refused = 0;
        for call in calls {
            refused += usize::from(call.await.unwrap().is_err());
        }
        assert_eq!((refused, live.begun(), live.peak()), (1, max_calls + max_waiting, max_calls));
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_work_holds_is_gone_before_its_place_is_free() {
    struct AtDrop(healthcare_resilience::Bulkhead);
    impl Drop for AtDrop {
        fn drop(&mut self) {
            assert_eq!(self.0.in_flight(), 1, "the place was free too early");
        }
    }
    let bulkhead = bulkhead(1, 0);
    let work = |ends: bool| {
        let held = AtDrop(bulkhead.clone());
        async move {
            let _held = held;
            if !ends {
                std::future::pending::<()>().await;
            }
            Ok::<_, Never>(())
        }
    };
    assert!(timeout(SOON, bulkhead.call(work(false))).await.is_err());
    assert_eq!(bulkhead.in_flight(), 0);
    bulkhead.call(work(true)).await.unwrap();
    let task = bulkhead.spawn(work(false)).await.unwrap();
    tokio::task::yield_now().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    let held = AtDrop(bulkhead.clone());
    let drops = move || {
        drop(held);
        Ok::<_, Never>(())
    };
    bulkhead.run_blocking(drops).await.unwrap();
    while bulkhead.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_that_come_as_the_wait_ends_are_not_lost() {
    // Both timers fire in one turn of the clock, and two threads run what they woke. That a place handed over at the very
    // moment of leaving is not lost is what the loom model of `Places::leave` holds; here a crowd shows the same at large.
    let wait = Duration::from_millis(2);
    for _ in 0..20 {
        let rooms: Vec<_> = (0..200)
            .map(|_| Bulkhead::builder("room").max_calls(1).max_waiting(1).max_wait(wait).build().unwrap())
            .collect();
        let mut tasks = Vec::new();
        for room in &rooms {
            let held = room.try_acquire_owned().unwrap();
            let waiter = room.acquire_owned();
            tasks.push(tokio::spawn(async move { drop(waiter.await) }));
            tasks.push(tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                drop(held);
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert!(rooms.iter().all(|room| (room.in_flight(), room.waiting()) == (0, 0)), "a place was lost");
    }
}

#[test]
fn blocking_work_that_has_not_begun_is_not_begun_for_a_caller_who_left() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    let (release, held) = mpsc::channel::<()>();
    let (began, has_begun) = mpsc::channel();
    runtime.block_on(async {
        let busy = tokio::task::spawn_blocking(move || held.recv());
        let bulkhead = Bulkhead::builder("thread").max_calls(1).build().unwrap();
        let work = move || began.send(()).map_err(|_| Never);
        let mut call = Box::pin(bulkhead.run_blocking(work));
        assert!(poll_once(call.as_mut()).is_pending());
        drop(call);
        release.send(()).unwrap();
        busy.await.unwrap().unwrap();
        // The one thread does its work in order: after this nothing of before is left.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
        assert_eq!(bulkhead.in_flight(), 0);
    });
    assert!(has_begun.try_recv().is_err(), "it ran after its caller had left");
}

/// The thread is another; the deadline and the retry around it are the caller's.
#[tokio::test(start_paused = true)]
async fn blocking_work_stands_under_its_callers_deadline_and_retry() {
    let (bulkhead, tries) = (bulkhead(1, 0), AtomicUsize::new(0));
    let read = || async {
        tries.fetch_add(1, Ordering::SeqCst);
        let handle = tokio::runtime::Handle::current();
        bulkhead
            .run_blocking(move || {
                assert!(Deadline::current().is_some_and(|deadline| deadline.left() <= PATIENCE));
                let inner = Retry::builder("inner").without_budget().build().unwrap();
                let made = Arc::new(AtomicUsize::new(0));
                let fails = || {
                    made.fetch_add(1, Ordering::SeqCst);
                    std::future::ready(Err::<(), _>(Never))
                };
                let failed = handle.block_on(inner.call(Effect::Read, fails));
                assert_eq!(made.load(Ordering::SeqCst), 1, "a retry inside another makes one try");
                failed.map_err(|_| Never)
            })
            .await
    };
    let outer = Retry::builder("outer").max_tries(3).without_budget().build().unwrap();
    let failed = Deadline::within(PATIENCE).scope(outer.call(Effect::Read, read)).await;
    assert!(failed.is_err());
    assert_eq!(tries.load(Ordering::SeqCst), 3);
    // A task of its own has neither.
    let spawned = Deadline::within(PATIENCE).scope(bulkhead.spawn(async { Deadline::current() })).await;
    assert_eq!(spawned.unwrap().await.unwrap(), None);
}
