//! T2: dropped after any number of polls, or panicking anywhere, a call leaves nothing behind.

use crate::{Live, Never, bulkhead, poll_once};
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
};

/// Work that is pending a given number of times.
fn pending(mut times: usize) -> impl Future<Output = Result<(), Never>> {
    poll_fn(move |cx| {
        if times == 0 {
            return Poll::Ready(Ok(()));
        }
        times -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_after_any_number_of_polls_leaves_nothing() {
    let (bulkhead, live) = (bulkhead(1, 1), Live::default());
    for polls in 0..8 {
        for held_for in 0..3 {
            let mut held = (held_for > 0).then(|| bulkhead.try_acquire().unwrap());
            let work = async {
                let _work = live.begin();
                pending(3).await
            };
            {
                let mut call = pin!(bulkhead.call(work));
                for poll in 0..polls {
                    if poll + 1 == held_for {
                        held = None;
                    }
                    if poll_once(call.as_mut()).is_ready() {
                        break;
                    }
                }
            }
            drop(held);
            assert_eq!(
                (bulkhead.in_flight(), bulkhead.waiting(), live.now()),
                (0, 0, 0),
                "{polls} {held_for}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_polled_again_after_its_answer_does_no_harm() {
    let bulkhead = bulkhead(1, 1);
    let mut turn = pin!(bulkhead.acquire());
    let Poll::Ready(Ok(permit)) = poll_once(turn.as_mut()) else { panic!("a free place") };
    assert!(poll_once(turn.as_mut()).is_pending());
    drop(permit);
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_goes_on_and_frees_the_place() {
    let bulkhead = bulkhead(1, 0);
    let panics = async || -> Result<(), Never> { panic!("in the work") };
    let mut call = Box::pin(bulkhead.call(panics()));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()))).is_err());
    drop(call);
    assert_eq!(bulkhead.in_flight(), 0);
    let task = bulkhead.spawn(panics()).await.unwrap();
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(bulkhead.in_flight(), 0);
}

#[tokio::test]
async fn a_panic_in_blocking_work_goes_on_and_frees_the_place() {
    let bulkhead = bulkhead(1, 0);
    let caller = bulkhead.clone();
    let call =
        tokio::spawn(async move { caller.run_blocking(|| -> Result<(), Never> { panic!("work") }).await });
    assert!(call.await.unwrap_err().is_panic());
    assert_eq!(bulkhead.in_flight(), 0);
    assert_eq!(bulkhead.run_blocking(|| Ok::<_, Never>(3)).await.unwrap(), 3);
}

#[test]
fn a_runtime_that_ends_frees_what_it_held() {
    let bulkhead = bulkhead(2, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let inner = bulkhead.clone();
    runtime.block_on(async {
        for _ in 0..2 {
            drop(inner.spawn(std::future::pending::<()>()).await.unwrap());
        }
        tokio::spawn(async move { drop(inner.acquire_owned().await) });
        tokio::task::yield_now().await;
    });
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (2, 1));
    drop(runtime);
    assert_eq!((bulkhead.in_flight(), bulkhead.waiting()), (0, 0));
}
