//! A call that is dropped after any number of polls, or that panics, leaves nothing behind.

use crate::{Laboratory, Trouble, breaker, budget, bulkhead, counter, hedge, ms, poll_once, rate};
use futures_util::FutureExt as _;
use healthcare_resilience::{
    Backoff, BreakerState, Bulkhead, CallError, CircuitBreaker, Class, Jitter, RejectReason, Retry,
    RetryBudget, Stack,
};
use std::{panic::AssertUnwindSafe, pin::pin, time::Duration};

/// Every kind of step, and what it counts.
struct Whole {
    stack: Stack,
    budget: RetryBudget,
    breaker: CircuitBreaker,
    bulkhead: Bulkhead,
}

impl Whole {
    fn new() -> Self {
        let (budget, breaker, bulkhead) = (budget(), counter(), bulkhead(2, 2));
        let backoff = Backoff::constant(ms(100)).jitter(Jitter::None);
        let retry = Retry::builder("laboratory").backoff(backoff).budget(budget.clone()).build().unwrap();
        let stack = Stack::builder("laboratory")
            .deadline(Duration::from_secs(60))
            .rate_limit(rate(1000))
            .retry(retry)
            .hedge(hedge(ms(30)))
            .bulkhead(bulkhead.clone())
            .breaker(breaker.clone())
            .time_out(Duration::from_secs(5))
            .build()
            .unwrap();
        Self { stack, budget, breaker, bulkhead }
    }

    /// `spent`: tokens for tries that were really made.
    fn is_as_new(&self, laboratory: &Laboratory, spent: u64, when: &str) {
        assert_eq!(laboratory.live(), 0, "work, {when}");
        assert_eq!((self.bulkhead.in_flight(), self.bulkhead.waiting()), (0, 0), "places, {when}");
        // Every call deposits one token.
        assert_eq!(self.budget.balance() + spent, 1, "tokens, {when}");
        // Each try that ended was recorded, once; each that was cancelled was not.
        assert_eq!(self.breaker.snapshot().calls, laboratory.ended() as u64, "records, {when}");
    }
}

/// The first try is slow, so that a hedge is sent, and both fail; the next one works.
fn script() -> Laboratory {
    let closed = Err(Trouble::Closed);
    Laboratory::new(&[(ms(50), closed), (ms(50), closed), (ms(20), Ok(7))])
}

#[tokio::test(start_paused = true)]
async fn dropped_after_any_number_of_polls_nothing_is_left() {
    let mut polls = 0;
    loop {
        let (whole, laboratory) = (Whole::new(), script());
        let mut call = Box::pin(whole.stack.read(|| laboratory.call()));
        let mut done = None;
        for _ in 0..polls {
            if let std::task::Poll::Ready(answer) = poll_once(call.as_mut()) {
                done = Some(answer);
                break;
            }
            tokio::time::advance(ms(10)).await;
        }
        let live = laboratory.live();
        drop(call);
        let retried = u64::from(laboratory.made() > 2);
        if polls == 0 {
            assert_eq!(
                (laboratory.made(), whole.budget.balance()),
                (0, 0),
                "nothing happens before the first poll"
            );
        } else {
            whole.is_as_new(
                &laboratory,
                retried,
                &format!("{polls} polls, {live} live, {} made", laboratory.made()),
            );
        }
        if let Some(answer) = done {
            assert_eq!(answer, Ok(7));
            assert_eq!(laboratory.made(), 3, "a first try, its hedge, and another");
            assert!(polls > 20, "the loop went through every stage: {polls}");
            return;
        }
        // And the stack still works.
        let (fine, answering) = (Laboratory::answering(&[Ok(1)]), whole.stack.clone());
        assert_eq!(answering.read(|| fine.call()).await, Ok(1), "{polls} polls");
        polls += 1;
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_in_the_queue_the_place_in_line_is_free() {
    for polls in 0..6 {
        let (whole, laboratory) = (Whole::new(), Laboratory::answering(&[Ok(1)]));
        let taken = (whole.bulkhead.try_acquire().unwrap(), whole.bulkhead.try_acquire().unwrap());
        let mut call = Box::pin(whole.stack.read(|| laboratory.call()));
        for _ in 0..polls {
            assert!(poll_once(call.as_mut()).is_pending());
            tokio::time::advance(ms(10)).await;
        }
        let waiting = whole.bulkhead.waiting();
        // After 30 ms the hedge stands in line too.
        assert_eq!(waiting, [0, 1, 1, 1, 2, 2][polls], "{polls} polls");
        drop(call);
        assert_eq!((whole.bulkhead.waiting(), whole.bulkhead.in_flight()), (0, 2));
        assert_eq!((laboratory.made(), whole.breaker.snapshot().calls), (0, 0));
        drop(taken);
        assert_eq!(whole.bulkhead.in_flight(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_write_leaves_nothing_either() {
    for polls in 0..5 {
        let (whole, laboratory) = (Whole::new(), Laboratory::new(&[(ms(100), Ok(1))]));
        let mut call = Box::pin(whole.stack.write(laboratory.call()));
        for _ in 0..polls {
            assert!(poll_once(call.as_mut()).is_pending());
            tokio::time::advance(ms(10)).await;
        }
        drop(call);
        assert_eq!(
            (laboratory.live(), whole.bulkhead.in_flight(), whole.breaker.snapshot().calls),
            (0, 0, 0)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_and_goes_on() {
    for after in [0, 1, 3] {
        let whole = Whole::new();
        let work = || async move {
            for _ in 0..after {
                tokio::time::sleep(ms(5)).await;
            }
            if after < 9 {
                panic!("in the laboratory")
            }
            Ok::<u8, Trouble>(1)
        };
        let panic = AssertUnwindSafe(whole.stack.read(work)).catch_unwind().await.unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"in the laboratory"));
        let seen = whole.breaker.snapshot();
        assert_eq!((seen.calls, seen.failed), (1, 1), "{after} awaits");
        assert_eq!((whole.bulkhead.in_flight(), whole.bulkhead.waiting()), (0, 0));
        assert_eq!(whole.budget.balance(), 1, "no try was paid for");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_beside_a_call_only_cancels_it() {
    let (whole, laboratory) = (Whole::new(), Laboratory::new(&[(ms(100), Ok(1))]));
    // Late enough that a hedge is under way, too.
    let beside = async {
        tokio::time::sleep(ms(40)).await;
        panic!("beside")
    };
    let task = async {
        let call = whole.stack.read(|| laboratory.call());
        let _ended: (_, std::convert::Infallible) = futures_util::future::join(call, beside).await;
    };
    assert!(AssertUnwindSafe(task).catch_unwind().await.is_err());
    assert_eq!((laboratory.made(), laboratory.live(), laboratory.ended()), (2, 0, 0));
    let seen = whole.breaker.snapshot();
    assert_eq!((seen.calls, seen.failed, whole.bulkhead.in_flight()), (0, 0, 0));
}

/// Of two tries under way the one that panics has failed. The other is dropped by it.
#[tokio::test(start_paused = true)]
async fn a_try_that_panics_is_not_its_siblings_failure() {
    let whole = Whole::new();
    let tries = std::sync::atomic::AtomicU32::new(0);
    let work = || {
        let is_extra = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) > 0;
        async move {
            tokio::time::sleep(ms(40)).await;
            assert!(!is_extra, "the further try");
            tokio::time::sleep(ms(100)).await;
            Ok::<u8, Trouble>(1)
        }
    };
    assert!(AssertUnwindSafe(whole.stack.read(work)).catch_unwind().await.is_err());
    let seen = whole.breaker.snapshot();
    assert_eq!((seen.calls, seen.failed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_what_makes_the_work_is_a_failure_too() {
    let whole = Whole::new();
    let work = || -> std::future::Ready<Result<u8, Trouble>> { panic!("while making the request") };
    assert!(AssertUnwindSafe(whole.stack.read(work)).catch_unwind().await.is_err());
    assert_eq!((whole.breaker.snapshot().failed, whole.bulkhead.in_flight()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_classifier_leaves_nothing() {
    let (whole, laboratory) = (Whole::new(), Laboratory::answering(&[Ok(1)]));
    let classifier = |_: Result<&u8, &Trouble>| -> Class { panic!("in the classifier") };
    let call = whole.stack.with(classifier).read(|| laboratory.call());
    assert!(AssertUnwindSafe(call).catch_unwind().await.is_err());
    assert_eq!((laboratory.live(), whole.bulkhead.in_flight()), (0, 0));
    let seen = whole.breaker.snapshot();
    assert_eq!((seen.calls, seen.failed), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_probe_gives_its_place_to_the_next() {
    let breaker = breaker(1);
    let stack = Stack::builder("laboratory").breaker(breaker.clone()).build().unwrap();
    let closed = Laboratory::answering(&[Err(Trouble::Closed)]);
    assert_eq!(stack.read(|| closed.call()).await, Err(CallError::Inner(Trouble::Closed)));
    tokio::time::advance(Duration::from_secs(11)).await;
    let slow = Laboratory::new(&[(ms(50), Ok(1))]);
    {
        let mut probe = pin!(stack.read(|| slow.call()));
        assert!(poll_once(probe.as_mut()).is_pending());
        let refused = stack.read(|| slow.call()).await.unwrap_err();
        assert_eq!(refused.rejection().unwrap().reason(), RejectReason::ProbesTaken);
    }
    assert_eq!(breaker.snapshot().probes_out, 0);
    assert_eq!(stack.read(|| slow.call()).await, Ok(1));
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_place_is_free_only_when_the_work_is_gone() {
    // The time-out drops the work; the next one in line must not begin before that.
    let bulkhead = bulkhead(1, 8);
    let stack = Stack::builder("laboratory").bulkhead(bulkhead).time_out(ms(20)).build().unwrap();
    let laboratory = Laboratory::new(&[(ms(500), Ok(1))]);
    let calls = (0..8).map(|_| stack.read(|| laboratory.call()));
    let ends = futures_util::future::join_all(calls).await;
    assert!(ends.iter().all(|end| matches!(end, Err(CallError::Elapsed(_)))));
    assert_eq!((laboratory.made(), laboratory.peak()), (8, 1));
}

/// Looks at the breaker at the moment it is woken.
struct Look {
    breaker: CircuitBreaker,
    seen: std::sync::Mutex<Vec<BreakerState>>,
}

impl std::task::Wake for Look {
    fn wake(self: std::sync::Arc<Self>) {
        self.seen.lock().unwrap().push(self.breaker.state());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_gets_the_place_next_finds_the_breaker_told() {
    let (breaker, bulkhead) = (breaker(1), bulkhead(1, 1));
    let stack = Stack::builder("laboratory").bulkhead(bulkhead.clone()).breaker(breaker.clone()).build();
    let (stack, laboratory) = (stack.unwrap(), Laboratory::new(&[(ms(50), Err(Trouble::Closed))]));
    let mut call = pin!(stack.read(|| laboratory.call()));
    assert!(poll_once(call.as_mut()).is_pending());
    let look = std::sync::Arc::new(Look { breaker, seen: std::sync::Mutex::default() });
    let mut next = pin!(bulkhead.acquire());
    let waker = std::task::Waker::from(look.clone());
    assert!(next.as_mut().poll(&mut std::task::Context::from_waker(&waker)).is_pending());
    assert!(call.await.is_err());
    // Permits are given back innermost first: the breaker was open before the place was free.
    assert_eq!(*look.seen.lock().unwrap(), [BreakerState::Open]);
}
