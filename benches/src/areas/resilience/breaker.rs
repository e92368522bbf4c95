//! The circuit breaker as a plain function: M1, M2, M4, M5, M6.

use super::{
    Failure, check, cost, speed,
    subjects::{
        consecutive, counting, failsafe_call, failsafe_consecutive, failsafe_window, keep, ours, recloser,
        recloser_call, timing,
    },
};
use crate::compare::{Measure, Side, batches, crowd};
use failsafe::{FailurePolicy, StateMachine};
use healthcare_resilience::{CircuitBreaker, Clock};
use recloser::Recloser;
use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

/// 16 samples of 2,000 calls, each of some tens of microseconds.
const BATCHES: (usize, u32) = (16, 2_000);
/// 4 samples of 50,000 calls of each thread, each of a millisecond or more.
const CROWD: (usize, u32) = (4, 50_000);
/// As many single calls as above.
const CROWD_TENS: u32 = 5_000;
const FAILSAFE: &str = "failsafe 1.3";
const RECLOSER: &str = "recloser 1.4";

const GOOD: &str =
    "one prebuilt circuit, closed, every call good, a permit or permission and a record for each call";
const GOOD_RUN: &str = "opens after five failures in a row; one prebuilt circuit, closed, every call good";
const GOOD_WINDOW: &str = "opens at half of the calls and 20 calls; one prebuilt circuit, closed, every call good; ours judges by \
                           the last 100 calls exactly, failsafe by a moving average over a minute, which reads the clock";
const TENTH: &str = "nine good calls and a failed one, the time of all ten, a window that is never without a failure; ours reads \
                     the clock for the failed one, recloser for none, failsafe for all";
const REJECT: &str = "one prebuilt open circuit, an hour to go; ours also tells how long, and counts";
const SLOW: &str =
    "the same circuit with and without slow calls watched; the two readings are of std's clock";
const VOLUME: &str = "a window of a minute on a clock that stands still, 64 calls a sample, good ones; only the number of calls in \
                      the window differs";

pub(super) fn measures() -> Result<Vec<Measure>, Failure> {
    let mut all = one_thread()?;
    all.extend(two_threads()?);
    all.extend(rejects()?);
    all.push(volume()?);
    Ok(all)
}

fn one_thread() -> Result<Vec<Measure>, Failure> {
    let run = consecutive().build()?;
    let window = counting().build()?;
    let slow = counting().slow_calls(Duration::from_secs(1), 0.5).build()?;
    Ok(vec![
        cost(
            "M1 good call, failures in a row",
            1.0,
            (mine(&run, good_call)?, GOOD_RUN),
            (theirs(failsafe_consecutive(), good_failsafe)?, FAILSAFE),
        ),
        cost(
            "M1 good call, window of 100",
            0.8,
            (mine(&window, good_call)?, GOOD_WINDOW),
            (theirs(failsafe_window(), good_failsafe)?, FAILSAFE),
        ),
        cost(
            "M1 good call, window of 100",
            1.0,
            (mine(&window, good_call)?, GOOD),
            (last(recloser(), good_recloser)?, RECLOSER),
        ),
        cost(
            "M1 ten calls, one fails, window of 100",
            0.8,
            (mine(&counting().build()?, ten_calls)?, TENTH),
            (theirs(failsafe_window(), ten_failsafe)?, FAILSAFE),
        ),
        cost(
            "M1 ten calls, one fails, window of 100",
            1.0,
            (mine(&counting().build()?, ten_calls)?, TENTH),
            (last(recloser(), ten_recloser)?, RECLOSER),
        ),
        cost(
            "M2 good call, slow calls watched",
            1.1,
            (mine(&slow, good_call)?, SLOW),
            (
                mine(&window, |breaker| black_box((Instant::now(), good_call(breaker), Instant::now())).1)?,
                "ours unwatched + 2 clock readings",
            ),
        ),
    ])
}

fn two_threads() -> Result<Vec<Measure>, Failure> {
    let crowd_of = |threads, calls, call: fn(&CircuitBreaker) -> bool| -> Result<Side, Failure> {
        let breaker = counting().build()?;
        settle(&breaker, call)?;
        Ok(crowd(threads, CROWD.0, calls, move || keep(call(&breaker))))
    };
    let recloser_of = |calls, call: fn(&Recloser) -> bool| {
        let recloser = recloser();
        crowd(2, CROWD.0, calls, move || keep(call(&recloser)))
    };
    let failsafe = failsafe_window();
    Ok(vec![
        speed(
            "M4 good calls, 2 threads",
            1.3,
            (crowd_of(2, CROWD.1, good_call)?, GOOD),
            (crowd_of(1, CROWD.1, good_call)?, "ours, 1 thread"),
        ),
        speed(
            "M4 good calls, 2 threads",
            1.0,
            (crowd_of(2, CROWD.1, good_call)?, GOOD),
            (recloser_of(CROWD.1, good_recloser), RECLOSER),
        ),
        speed(
            "M4 good calls, 2 threads",
            1.0,
            (crowd_of(2, CROWD.1, good_call)?, GOOD_WINDOW),
            (crowd(2, CROWD.0, CROWD.1, move || keep(good_failsafe(&failsafe))), FAILSAFE),
        ),
        speed(
            "M4 ten calls, one fails, 2 threads",
            1.0,
            (crowd_of(2, CROWD_TENS, ten_calls)?, TENTH),
            (recloser_of(CROWD_TENS, ten_recloser), RECLOSER),
        ),
    ])
}

fn rejects() -> Result<Vec<Measure>, Failure> {
    let open = counting().build()?;
    open.trip();
    let machine = failsafe_consecutive();
    let gone = recloser();
    for _ in 0..200 {
        failsafe_call(&machine, false);
        recloser_call(&gone, false);
    }
    check("an open circuit refuses", !good_call(&open) && !good_failsafe(&machine) && !good_recloser(&gone))?;
    let ours = |breaker: &CircuitBreaker| {
        let breaker = breaker.clone();
        batches(BATCHES.0, BATCHES.1, move || keep(breaker.try_acquire()))
    };
    let clock = batches(BATCHES.0, BATCHES.1, || keep(Instant::now()));
    Ok(vec![
        cost(
            "M5 open, refused",
            0.5,
            (ours(&open), REJECT),
            (batches(BATCHES.0, BATCHES.1, move || keep(good_failsafe(&machine))), FAILSAFE),
        ),
        cost(
            "M5 open, refused",
            1.0,
            (ours(&open), REJECT),
            (batches(BATCHES.0, BATCHES.1, move || keep(good_recloser(&gone))), RECLOSER),
        ),
        // What no breaker with a clock can go below.
        cost("M5 open, refused", 1.5, (ours(&open), REJECT), (clock, "one clock reading")),
    ])
}

fn volume() -> Result<Measure, Failure> {
    let full = filled(1_000_000, false)?;
    let small = filled(100, true)?;
    Ok(cost("M6 1,000,000 calls in a time window", 1.2, (full, VOLUME), (small, "ours, 100 calls")))
}

/// Times good calls in a window of time that holds so many already.
fn filled(calls: u32, is_emptied: bool) -> Result<Side, Failure> {
    const TIMED: u32 = 64;
    let (clock, hand) = Clock::manual();
    let breaker = timing().clock(clock).build()?;
    let fill = {
        let breaker = breaker.clone();
        move || (0..calls).for_each(|_| keep(good_call(&breaker)))
    };
    fill();
    check("the window holds them", breaker.snapshot().calls == u64::from(calls))?;
    Ok(Box::new(move || {
        let sample = |_| {
            if is_emptied {
                hand.advance(Duration::from_secs(120));
                fill();
            }
            let start = Instant::now();
            (0..TIMED).for_each(|_| keep(good_call(&breaker)));
            start.elapsed().as_nanos() as f64 / f64::from(TIMED)
        };
        (0..128).map(sample).collect()
    }))
}

#[inline]
fn good_call(breaker: &CircuitBreaker) -> bool {
    ours(breaker, true)
}

#[inline]
fn ten_calls(breaker: &CircuitBreaker) -> bool {
    (0..10).all(|at| ours(breaker, at > 0))
}

#[inline]
fn good_failsafe<P: FailurePolicy>(machine: &StateMachine<P, ()>) -> bool {
    failsafe_call(machine, true)
}

#[inline]
fn ten_failsafe<P: FailurePolicy>(machine: &StateMachine<P, ()>) -> bool {
    (0..10).all(|at| failsafe_call(machine, at > 0))
}

#[inline]
fn good_recloser(recloser: &Recloser) -> bool {
    recloser_call(recloser, true)
}

#[inline]
fn ten_recloser(recloser: &Recloser) -> bool {
    (0..10).all(|at| recloser_call(recloser, at > 0))
}

/// Fills the window, and sees that every call goes through.
fn settle<S>(subject: &S, call: impl Fn(&S) -> bool) -> Result<(), Failure> {
    check("every call goes through", (0..1_000).all(|_| call(subject)))
}

fn mine(breaker: &CircuitBreaker, call: impl Fn(&CircuitBreaker) -> bool + 'static) -> Result<Side, Failure> {
    last(breaker.clone(), call)
}

fn theirs<P: FailurePolicy + 'static>(
    machine: StateMachine<P, ()>,
    call: impl Fn(&StateMachine<P, ()>) -> bool + 'static,
) -> Result<Side, Failure> {
    last(machine, call)
}

fn last<S: 'static>(subject: S, call: impl Fn(&S) -> bool + 'static) -> Result<Side, Failure> {
    settle(&subject, &call)?;
    let subject = Arc::new(subject);
    Ok(batches(BATCHES.0, BATCHES.1, move || keep(call(&subject))))
}
