//! Calls that end, are dropped, panic.

use crate::script::{Player, plain, play};
use futures_util::FutureExt as _;
use healthcare_resilience::{
    AdmitPermit as _, BreakerLayer, BreakerSnapshot, BreakerState, CallError, CircuitBreaker, Class,
    RejectReason,
};
use std::{
    future::{Future, pending, poll_fn},
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tower_layer::Layer as _;
use tower_service::Service;

type Answer = Result<u8, CallError<Said>>;

#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0}")]
struct Said(&'static str);

fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending so many times, then done.
fn after(polls: usize, answer: Result<u8, &'static str>) -> impl Future<Output = Result<u8, Said>> {
    let mut left = polls;
    let answer = answer.map_err(Said);
    poll_fn(move |_| {
        if left == 0 {
            return Poll::Ready(answer);
        }
        left -= 1;
        Poll::Pending
    })
}

fn half_open() -> Player {
    play(plain().count_window(10).min_calls(1), "trip +30s i =half_open")
}

#[tokio::test]
async fn answers_and_errors_pass() {
    let breaker = play(plain().count_window(10), "").breaker;
    assert_eq!(breaker.call(after(0, Ok(7))).await, Ok(7));
    assert_eq!(breaker.call(after(0, Err("no"))).await, Err(CallError::Inner(Said("no"))));
    assert_eq!((breaker.snapshot().calls, breaker.snapshot().failed), (2, 1));
    breaker.force_open();
    let refused = breaker.call(async { panic!("not run") as Result<(), Said> }).await.unwrap_err();
    assert_eq!(refused.rejection().unwrap().reason(), RejectReason::ForcedOpen);
}

#[tokio::test]
async fn the_classifier_decides() {
    let breaker = play(plain().count_window(10), "").breaker;
    let not_found = |result: Result<&u8, &Said>| match result {
        Ok(0) => Class::Permanent,
        Ok(_) => Class::Success,
        Err(_) => Class::Ignored,
    };
    let _ = breaker.call_with(not_found, after(0, Err("404"))).await;
    assert_eq!(breaker.snapshot().calls, 0);
    let _ = breaker.call_with(not_found, after(0, Ok(0))).await;
    assert_eq!((breaker.snapshot().calls, breaker.snapshot().failed), (1, 1));
    let _ = breaker.around_with(not_found, async { Err::<u8, _>(CallError::Inner(Said("404"))) }).await;
    assert_eq!(breaker.snapshot().calls, 1);
}

/// Dropped after any number of polls, none included, a call leaves everything as it was, closed and half-open.
#[test]
fn a_call_dropped_anywhere_leaves_nothing() {
    for player in [play(plain().count_window(10), "f s"), half_open()] {
        let breaker = &player.breaker;
        let before = breaker.snapshot();
        for polls in 0..5 {
            let calls: [Pin<Box<dyn Future<Output = Answer>>>; 3] = [
                Box::pin(breaker.call(after(9, Ok(1)))),
                Box::pin(breaker.call_with(|_: Result<&u8, &Said>| Class::Success, after(9, Ok(1)))),
                Box::pin(breaker.around(after(9, Ok(1)).map(|it| it.map_err(CallError::Inner)))),
            ];
            for mut call in calls {
                for poll in 0..polls {
                    assert!(poll_once(call.as_mut()).is_pending());
                    assert_eq!(
                        breaker.snapshot().probes_out,
                        u32::from(breaker.state().is_refusing()),
                        "{poll}"
                    );
                }
                drop(call);
                assert_eq!(breaker.snapshot(), before, "after {polls} polls");
            }
            let mut service = BreakerLayer::new(breaker.clone()).layer(Echo);
            let mut call = Box::pin(service.call(Ask::Never));
            for _ in 0..polls {
                assert!(poll_once(call.as_mut()).is_pending());
            }
            drop(call);
            assert_eq!(breaker.snapshot(), before, "service, after {polls} polls");
        }
    }
}

/// A call that was never polled has not asked yet; a service's has, since `call` is where it asks.
#[test]
fn a_plain_call_asks_when_it_is_polled_first() {
    let player = half_open();
    let call = player.breaker.call(after(1, Ok(1)));
    assert_eq!(player.breaker.snapshot().probes_out, 0);
    drop(call);
    let mut service = BreakerLayer::new(player.breaker.clone()).layer(Echo);
    let call = service.call(Ask::Never);
    assert_eq!(player.breaker.snapshot().probes_out, 1);
    drop(call);
    assert_eq!(player.breaker.snapshot().probes_out, 0);
}

fn is_failure(player: &Player, how: &str) {
    let seen: BreakerSnapshot = player.breaker.snapshot();
    assert_eq!((seen.failed, seen.last_failure), (1, Some(Class::Permanent)), "{how}");
    assert_eq!((player.breaker.state(), seen.probes_out), (BreakerState::Open, 0), "{how}");
}

/// A panic is a failure and goes on, wherever it comes from, and whoever catches it.
#[tokio::test]
async fn a_panic_is_a_failure_and_goes_on() {
    let player = half_open();
    let work = async { panic!("work") as Result<u8, Said> };
    assert!(AssertUnwindSafe(player.breaker.call(work)).catch_unwind().await.is_err());
    is_failure(&player, "work");

    let player = half_open();
    let classifier = |_: Result<&u8, &Said>| -> Class { panic!("classifier") };
    let call = player.breaker.call_with(classifier, after(0, Ok(1)));
    assert!(AssertUnwindSafe(call).catch_unwind().await.is_err());
    is_failure(&player, "classifier");

    let player = half_open();
    let breaker = player.breaker.clone();
    let task = tokio::spawn(async move { breaker.call(async { panic!("task") as Result<u8, Said> }).await });
    assert!(task.await.unwrap_err().is_panic());
    is_failure(&player, "task");

    let player = half_open();
    let mut service = BreakerLayer::new(player.breaker.clone()).layer(Echo);
    assert!(std::panic::catch_unwind(AssertUnwindSafe(|| service.call(Ask::PanicInCall))).is_err());
    is_failure(&player, "the service's call");

    let player = half_open();
    let mut service = BreakerLayer::new(player.breaker.clone()).layer(Echo);
    // The future outlives the panic: whoever catches it may keep it.
    let mut call = service.call(Ask::Panic);
    assert!(AssertUnwindSafe(&mut call).catch_unwind().await.is_err());
    is_failure(&player, "the service's future");
    assert!(poll_once(Pin::new(&mut call)).is_pending());

    let player = half_open();
    let breaker = player.breaker.clone();
    let thread = std::thread::spawn(move || {
        let mut permit = breaker.try_acquire_owned().unwrap();
        permit.watch(|| panic!("thread"))
    });
    assert!(thread.join().is_err());
    is_failure(&player, "thread");
}

/// Nothing is held while the caller's code runs: it may do with the breaker what it likes, wherever it is called.
#[tokio::test]
async fn the_callers_code_may_use_the_breaker() {
    let player = play(plain().consecutive(1), "");
    let breaker = &player.breaker;
    let work = async {
        breaker.trip();
        player.hand.advance(Duration::from_secs(30));
        breaker.call(async { Ok::<_, Said>(()) }).await.unwrap();
        assert_eq!(breaker.state(), BreakerState::Closed);
        Err::<u8, _>(Said("late"))
    };
    let classifier = |_: Result<&u8, &Said>| {
        breaker.reset();
        assert_eq!(breaker.snapshot().calls, 0);
        Class::Transient
    };
    assert!(breaker.call_with(classifier, work).await.is_err());
    assert_eq!((breaker.state(), breaker.snapshot().stale), (BreakerState::Closed, 1));
}

/// One circuit for a plain call, a clone in a task, and a service.
#[tokio::test]
async fn every_face_is_the_same_circuit() {
    let breaker = play(plain().consecutive(3), "").breaker;
    let _ = breaker.call(after(0, Err("a"))).await;
    let clone = breaker.clone();
    tokio::spawn(async move { clone.call(after(0, Err("b"))).await }).await.unwrap().unwrap_err();
    let mut service = BreakerLayer::new(breaker.clone()).layer(Echo);
    service.call(Ask::Fail).await.unwrap_err();
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[test]
fn permits_and_futures_cross_threads() {
    fn send<T: Send>(_: &T) {}
    fn all<T: Send + Sync + Clone + std::fmt::Debug>() {}
    all::<CircuitBreaker>();
    all::<BreakerLayer>();
    let breaker = CircuitBreaker::builder("threads").build().unwrap();
    send(&breaker.try_acquire().unwrap());
    send(&breaker.try_acquire_owned().unwrap());
    send(&breaker.call(pending::<Result<(), Said>>()));
    send(&breaker.around(pending::<Result<(), CallError<Said>>>()));
}

#[derive(Clone, Copy)]
enum Ask {
    Never,
    Fail,
    Panic,
    PanicInCall,
}

/// Always ready, and does as it is asked.
struct Echo;

impl Service<Ask> for Echo {
    type Response = ();
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), std::io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        match ask {
            Ask::Never => Box::pin(pending()),
            Ask::Fail => Box::pin(async { Err(std::io::Error::other("no")) }),
            Ask::Panic => Box::pin(async { panic!("in the future") }),
            Ask::PanicInCall => panic!("in call"),
        }
    }
}

#[test]
fn what_a_hand_has_set_is_not_tripped() {
    let breaker = CircuitBreaker::builder("by-hand").build().unwrap();
    for (set, state) in [
        (CircuitBreaker::disable as fn(&CircuitBreaker), BreakerState::Disabled),
        (CircuitBreaker::metrics_only, BreakerState::MetricsOnly),
        (CircuitBreaker::force_open, BreakerState::ForcedOpen),
    ] {
        set(&breaker);
        breaker.trip();
        assert_eq!(breaker.state(), state);
    }
}
