//! T2: dropped after any number of polls, or panicking anywhere, a call leaves nothing behind; a cancelled one says nothing,
//! a panic is a failure and goes on.

use crate::{Never, stepping};
use healthcare_resilience::{
    AdaptiveLimit, AdmitLayer, Aimd, CallError, Class, Clock, Priority, Shedder, Throttle, WarmUp,
};
use std::{
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower_layer::Layer as _;
use tower_service::Service;

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Work that is pending a given number of times.
fn pending(mut times: usize) -> impl Future<Output = Result<(), Never>> {
    poll_fn(move |_| {
        if times == 0 {
            return Poll::Ready(Ok(()));
        }
        times -= 1;
        Poll::Pending
    })
}

struct All {
    limit: AdaptiveLimit,
    shedder: Shedder,
    throttle: Throttle,
    warm_up: WarmUp,
}

impl All {
    fn new() -> Self {
        let (clock, _hand) = Clock::manual();
        let limit = stepping(Aimd::default()).0.initial(20).build().unwrap();
        let warm_up = WarmUp::builder("warm").calls(1, 2).over(Duration::from_secs(9)).clock(clock.clone());
        Self {
            shedder: Shedder::builder("shed").limit(limit.clone()).build().unwrap(),
            limit,
            throttle: Throttle::builder("throttle").clock(clock).min_calls(0).build().unwrap(),
            warm_up: warm_up.build().unwrap(),
        }
    }

    /// All four around `work`.
    async fn call(&self, work: impl Future<Output = Result<(), Never>>) -> Result<(), CallError<Never>> {
        let shed = self.shedder.around(Priority::Clinical, self.limit.call(work));
        self.warm_up.around(self.throttle.around(shed)).await
    }

    fn assert_as_new(&self) {
        assert_eq!((self.limit.in_flight(), self.limit.limit()), (0, 20));
        assert!(self.throttle.chance() == 0.0 && self.throttle.try_acquire().is_ok());
        assert!(self.warm_up.try_acquire().is_ok(), "its one place was lost");
    }
}

#[test]
fn a_call_dropped_after_any_number_of_polls_leaves_nothing() {
    for polls in 0..5 {
        let all = All::new();
        {
            let mut call = pin!(all.call(pending(9)));
            for _ in 0..polls {
                assert!(poll_once(call.as_mut()).is_pending());
            }
        }
        all.assert_as_new();
    }
}

#[test]
fn a_panic_goes_on_and_is_a_failure() {
    let all = All::new();
    let panics = async || -> Result<(), Never> { panic!("in the work") };
    let mut call = Box::pin(all.call(panics()));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()))).is_err());
    drop(call);
    // The shedder's permit is one of the same limit: two signs of one round.
    assert_eq!((all.limit.in_flight(), all.limit.limit()), (0, 18));
    assert!(all.throttle.chance() > 0.4);
    assert!(all.warm_up.try_acquire().is_ok());
}

#[test]
fn a_panic_in_the_classifier_goes_on_and_is_a_failure() {
    let all = All::new();
    let classify = |_: Result<&(), &Never>| -> Class { panic!("in the classifier") };
    let mut call = Box::pin(all.limit.call_with(classify, pending(0)));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()))).is_err());
    assert_eq!((all.limit.in_flight(), all.limit.limit()), (0, 18));
    let mut call = Box::pin(all.throttle.call_with(classify, pending(0)));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(call.as_mut()))).is_err());
    assert!(all.throttle.chance() > 0.4);
}

/// A panic beside a call, in the same task, drops the call while it unwinds. It is not the call's.
#[test]
fn a_panic_beside_a_call_only_cancels_it() {
    let all = All::new();
    let beside = async || -> Result<(), Never> { panic!("beside") };
    let mut task = Box::pin(async {
        let _ended = futures_util::future::join(all.call(pending(9)), beside()).await;
    });
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(task.as_mut()))).is_err());
    all.assert_as_new();

    let mut service = AdmitLayer::new(all.limit.clone()).layer(Hanging);
    let mut task = Box::pin(async {
        let _ended = futures_util::future::join(service.call(()), beside()).await;
    });
    assert!(catch_unwind(AssertUnwindSafe(|| poll_once(task.as_mut()))).is_err());
    all.assert_as_new();
}

struct Hanging;

impl Service<()> for Hanging {
    type Response = ();
    type Error = Never;
    type Future = std::future::Pending<Result<(), Never>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Never>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        std::future::pending()
    }
}

#[test]
fn a_refusal_further_in_is_nobodys_failure() {
    let all = All::new();
    let _full: Vec<_> = std::iter::from_fn(|| all.limit.try_acquire().ok()).collect();
    for _ in 0..100 {
        let mut call = pin!(all.throttle.around(all.limit.call(pending(0))));
        assert!(matches!(poll_once(call.as_mut()), Poll::Ready(Err(_))));
    }
    assert!(all.throttle.chance() == 0.0);
}
