//! T2: a call that is dropped after any number of polls, or that panics, leaves nothing behind.

use crate::{Counter, Fault, SECOND, plain, poll_once};
use futures_util::FutureExt as _;
use healthcare_resilience::{Class, Deadline, Effect, Hedge, RetryBudget, Retryable as _};
use std::{
    future::ready,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};
use tokio::time::{advance, sleep};

/// Takes no time to be tested in, and has room.
fn saved(tokens: u32) -> RetryBudget {
    let budget = RetryBudget::builder("b").ratio(1.0).floor_per_second(0).build().unwrap();
    (0..tokens).for_each(|_| budget.record_call());
    budget
}

/// The steps of a retry of three slow tries: half a second of time passes between two polls.
#[tokio::test(start_paused = true)]
async fn a_retry_dropped_after_any_number_of_polls_leaks_nothing() {
    let mut most_tries = 0;
    for polls in 0..24 {
        let budget = saved(10);
        let retry = plain(3).budget(budget.clone()).build().unwrap();
        let (live, tries) = (Counter::default(), Counter::default());
        let mut call = Box::pin(retry.call(Effect::Read, || {
            tries.add();
            let live = live.live();
            async move {
                let _live = live;
                sleep(SECOND).await;
                Err::<(), _>(Fault::Down)
            }
        }));
        let mut is_over = false;
        for _ in 0..polls {
            is_over |= poll_once(call.as_mut()).is_ready();
            assert!(live.get() <= 1, "one try at a time");
            advance(SECOND / 2).await;
        }
        drop(call);
        let tries = tries.get();
        most_tries = most_tries.max(tries);
        assert_eq!(live.get(), 0, "after {polls} polls");
        // A deposit for the call, if it was made, and a token for each further try that was made; none for a try that
        // was only waited for.
        let deposit = tries.min(1);
        assert_eq!(
            budget.balance(),
            u64::from(10 + deposit - tries.saturating_sub(1)),
            "after {polls} polls"
        );
        assert_eq!(is_over, polls >= 11, "after {polls} polls");
    }
    assert_eq!(most_tries, 3);
}

#[tokio::test(start_paused = true)]
async fn a_retry_dropped_while_it_waits_makes_no_further_try() {
    let budget = saved(5);
    let retry = plain(3).budget(budget.clone()).build().unwrap();
    let tries = Counter::default();
    let waiting = tokio::spawn({
        let tries = tries.clone();
        async move {
            (|| {
                tries.add();
                ready(Err::<(), _>(Fault::Down))
            })
            .retry_read(&retry)
            .await
        }
    });
    sleep(SECOND / 2).await;
    assert_eq!((tries.get(), budget.balance()), (1, 5), "a token is set aside");
    waiting.abort();
    assert!(waiting.await.unwrap_err().is_cancelled());
    sleep(SECOND * 5).await;
    assert_eq!((tries.get(), budget.balance()), (1, 6), "and comes back");
}

/// Polls until it panics.
async fn panics<F: Future>(call: F) {
    let mut call = Box::pin(call);
    for _ in 0..20 {
        match catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()))) {
            Err(_) => return drop(call),
            Ok(polled) => assert!(polled.is_pending(), "it did not panic"),
        }
        advance(SECOND).await;
    }
    panic!("it did not panic");
}

#[tokio::test(start_paused = true)]
async fn panics_go_through_a_retry_and_leave_nothing() {
    let budget = saved(10);
    let retry = plain(3).budget(budget.clone()).build().unwrap();
    let tries = Counter::default();
    let second = |tries: &Counter| tries.add() == 2;

    // In the making of a try: it was not made, so its token comes back.
    panics(retry.call(Effect::Read, || {
        assert!(!second(&tries), "making");
        ready(Err::<(), _>(Fault::Down))
    }))
    .await;
    assert_eq!(budget.balance(), 11);

    // In a try: it was made.
    let (tries, live) = (Counter::default(), Counter::default());
    panics(retry.call(Effect::Read, || {
        let (is_second, live) = (second(&tries), live.live());
        async move {
            let _live = live;
            assert!(!is_second, "trying");
            Err::<(), _>(Fault::Down)
        }
    }))
    .await;
    assert_eq!((budget.balance(), live.get()), (11, 0));

    // In the classifier and in the observer.
    let failing = || ready(Err::<(), _>(Fault::Down));
    panics(failing.retry_read(&retry).classify(|_: Result<&(), &Fault>| -> Class { panic!("judging") }))
        .await;
    assert_eq!(budget.balance(), 12);
    panics(failing.retry_read(&retry).when(|_| panic!("asking"))).await;
    assert_eq!(budget.balance(), 13);
    panics(failing.retry_read(&retry).notify(|_, _| panic!("telling"))).await;
    assert_eq!(budget.balance(), 14, "the token for the try that never came is back");
    assert_eq!(Deadline::current(), None);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_dropped_after_any_number_of_polls_leaks_nothing() {
    for polls in 0..12 {
        let budget = saved(10);
        let hedge = Hedge::builder("h").after(SECOND).max_extra(3).budget(budget.clone()).build().unwrap();
        let live = Counter::default();
        let mut call = Box::pin(hedge.call(Effect::Read, || {
            let live = live.live();
            async move {
                let _live = live;
                sleep(SECOND * 100).await;
                Ok::<_, Fault>(())
            }
        }));
        for _ in 0..polls {
            assert!(poll_once(call.as_mut()).is_pending());
            advance(SECOND / 2).await;
        }
        drop(call);
        let counts = hedge.counts();
        assert_eq!(live.get(), 0, "after {polls} polls");
        assert_eq!(counts.first + counts.extra, counts.cancelled, "each was cancelled, after {polls} polls");
        assert_eq!(budget.balance(), 10 + counts.first - counts.extra, "after {polls} polls");
        assert!(polls < 8 || counts.extra == 3);
    }
}

#[tokio::test(start_paused = true)]
async fn panics_go_through_a_hedge_and_every_try_has_one_outcome() {
    for in_extra in [false, true] {
        let hedge = Hedge::builder("h").after(SECOND).build().unwrap();
        let (tries, live) = (Counter::default(), Counter::default());
        panics(hedge.call(Effect::Read, || {
            let (is_extra, live) = (tries.add() > 1, live.live());
            async move {
                let _live = live;
                if is_extra == in_extra {
                    sleep(Duration::from_secs(2)).await;
                    panic!("trying");
                }
                sleep(SECOND * 100).await;
                Ok::<_, Fault>(())
            }
        }))
        .await;
        let counts = hedge.counts();
        assert_eq!(live.get(), 0);
        assert_eq!((counts.first, counts.extra), (1, 1));
        assert_eq!((counts.failed, counts.cancelled), (1, 1), "{counts:?}");
    }
    let hedge = Hedge::builder("h").after(SECOND).build().unwrap();
    let judging = |_: Result<&(), &Fault>| -> Class { panic!("judging") };
    panics(hedge.call_with(judging, Effect::Read, || ready(Err::<(), _>(Fault::Down)))).await;
    assert_eq!(hedge.counts().failed, 1);
}

/// A panic beside a hedge drops its tries while it unwinds. It is not theirs.
#[tokio::test(start_paused = true)]
async fn a_panic_beside_a_hedge_only_cancels_its_tries() {
    let hedge = Hedge::builder("h").after(SECOND).build().unwrap();
    let beside = async {
        sleep(SECOND * 2).await;
        panic!("beside")
    };
    let call = hedge.call(Effect::Read, std::future::pending::<Result<(), Fault>>);
    let task = async move {
        let _ended: (_, std::convert::Infallible) = futures_util::future::join(call, beside).await;
    };
    assert!(AssertUnwindSafe(task).catch_unwind().await.is_err());
    let counts = hedge.counts();
    assert_eq!((counts.first, counts.extra, counts.failed, counts.cancelled), (1, 1, 0, 2));
}
