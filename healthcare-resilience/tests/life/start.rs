use futures_util::FutureExt as _;
use healthcare_resilience::{Class, Health, Phase, Shutdown, Start, StartFailure, Step, StepState, time_out};
use std::{
    cell::Cell,
    error::Error as _,
    future::{Future, pending, ready},
    io::{Error, ErrorKind},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex},
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

fn shutdown() -> Shutdown {
    let builder = Shutdown::builder().notice(30 * SECOND);
    builder.stage("http", 20 * SECOND).stage("relay", 5 * SECOND).build().unwrap()
}

fn refused() -> Error {
    Error::from(ErrorKind::ConnectionRefused)
}

#[tokio::test(start_paused = true)]
async fn a_step_gives_its_value_and_is_reported() {
    let start = Start::new(&shutdown());
    let pool = start.step(Step::new("database", SECOND), || ready(Ok::<_, Error>(7))).await.unwrap();
    let slow = async || {
        sleep(2 * SECOND).await;
        Ok::<_, Error>(pool + 1)
    };
    assert_eq!(start.step(Step::new("schema", 5 * SECOND), slow).await.unwrap(), 8);
    assert!(!start.is_ready());
    let report = start.ready();
    assert!(start.is_ready());
    assert_eq!(report.to_string(), "database: done in 0ns\nschema: done in 2s");
    assert_eq!(report, start.report());
}

#[tokio::test(start_paused = true)]
async fn what_is_not_up_yet_is_tried_again_with_growing_pauses() {
    let start = Start::new(&shutdown());
    let (begun, at) = (Instant::now(), Cell::new(Vec::new()));
    let make = || {
        let mut seen = at.take();
        seen.push(begun.elapsed());
        let done = if seen.len() == 8 { Ok(()) } else { Err(refused()) };
        at.set(seen);
        ready(done)
    };
    let step = Step::new("database", 60 * SECOND).tries(8).pause(SECOND);
    start.step(step, make).await.unwrap();
    let at = at.take();
    let pauses: Vec<_> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // Doubled up to five seconds, the upper half left to chance; tokio's timer counts whole milliseconds.
    for (pause, most) in pauses.into_iter().zip([1, 2, 4, 5, 5, 5, 5]) {
        let most = most * SECOND;
        assert!((most / 2..=most + Duration::from_millis(1)).contains(&pause), "{pause:?} of {most:?}");
    }
    assert_eq!(start.report().steps[0].tries, 8);
    assert!(start.report().to_string().ends_with("s, 8 tries"));
}

#[tokio::test(start_paused = true)]
async fn tries_are_counted_and_the_last_error_is_the_cause() {
    let (shutdown, tries) = (shutdown(), Cell::new(0));
    let start = Start::new(&shutdown);
    let make = || {
        tries.set(tries.get() + 1);
        ready(Err::<(), _>(refused()))
    };
    let step = Step::new("database", 60 * SECOND).tries(3).pause(Duration::ZERO).hint("is PostgreSQL up?");
    let error = start.step(step, make).await.unwrap_err();
    assert_eq!((tries.get(), error.failure(), error.step().tries), (3, StartFailure::Failed, 3));
    assert_eq!(
        error.to_string(),
        "the start stopped at database: it failed after 0ns and 3 tries; is PostgreSQL up?"
    );
    let cause = error.source().unwrap().downcast_ref::<Error>().unwrap();
    assert_eq!(cause.kind(), ErrorKind::ConnectionRefused);
    assert!(!error.to_string().contains(&cause.to_string()), "the cause stands in source alone");
    // Zero and one are one.
    for most in [0, 1] {
        tries.set(0);
        let start = Start::new(&self::shutdown());
        let step = Step::new("database", 60 * SECOND).tries(most);
        assert!(start.step(step, make).await.is_err());
        assert_eq!(tries.get(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_will_not_get_better_is_not_tried_again() {
    let (start, tries) = (Start::new(&shutdown()), Cell::new(0));
    let make = || {
        tries.set(tries.get() + 1);
        let kind = if tries.get() < 3 { ErrorKind::ConnectionRefused } else { ErrorKind::PermissionDenied };
        ready(Err::<(), _>(Error::from(kind)))
    };
    let by_kind = |result: Result<&(), &Error>| match result.map_err(Error::kind) {
        Err(ErrorKind::ConnectionRefused) => Class::Transient,
        Err(_) => Class::Permanent,
        Ok(()) => Class::Success,
    };
    let step = Step::new("database", 60 * SECOND).tries(20);
    let error = start.step_with(step, by_kind, make).await.unwrap_err();
    assert_eq!((tries.get(), error.failure()), (3, StartFailure::Failed));
}

#[tokio::test(start_paused = true)]
async fn the_deadline_bounds_tries_and_pauses_together() {
    let (begun, start) = (Instant::now(), Start::new(&shutdown()));
    let step = Step::new("database", 10 * SECOND).tries(u32::MAX).pause(SECOND);
    let error = start.step(step, || ready(Err::<(), _>(refused()))).await.unwrap_err();
    assert_eq!((error.failure(), begun.elapsed()), (StartFailure::Late, 10 * SECOND));
    assert!(error.source().is_some(), "what the last try said is still told");
    assert!(
        error.to_string().starts_with("the start stopped at database: it was not done in time after 10s")
    );
}

#[tokio::test(start_paused = true)]
async fn a_try_that_hangs_gives_way_to_the_next() {
    let (start, tries) = (Start::new(&shutdown()), Cell::new(0));
    let make = || {
        tries.set(tries.get() + 1);
        let hangs = tries.get() < 3;
        async move {
            if hangs {
                pending::<()>().await;
            }
            Ok::<_, Error>(())
        }
    };
    let step = Step::new("database", 60 * SECOND).tries(3).try_limit(2 * SECOND);
    start.step(step, make).await.unwrap();
    assert_eq!(tries.get(), 3);
    let start = Start::new(&shutdown());
    let step = Step::new("database", 60 * SECOND).tries(2).try_limit(2 * SECOND);
    let error = start.step(step, pending::<Result<(), Error>>).await.unwrap_err();
    assert_eq!((error.failure(), error.step().tries), (StartFailure::Late, 2));
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_in_reverse_what_was_started() {
    let (shutdown, log) = (shutdown(), Arc::new(Mutex::new(Vec::new())));
    let start = Start::new(&shutdown);
    let health = Health::builder().start(&start).shutdown(&shutdown).build().unwrap();
    // Opened first, second and third; then something fails.
    for name in ["database", "audit log"] {
        start.step(Step::new(name, SECOND), || ready(Ok::<_, Error>(()))).await.unwrap();
        let log = log.clone();
        shutdown.close(name, SECOND, async move { log.lock().unwrap().push(name) }).unwrap();
    }
    for name in ["relay", "http"] {
        let (stage, log) = (shutdown.stage(name).unwrap(), log.clone());
        let work = stage.token().until_stopping().map(move |()| log.lock().unwrap().push(name));
        drop(stage.spawn(name, work).unwrap());
    }
    assert_eq!(health.phase(), Phase::Starting);
    let begun = Instant::now();
    let fails = || ready(Err::<(), _>(refused()));
    let error = start.step(Step::new("plugins", SECOND), fails).await.unwrap_err();
    assert_eq!(*log.lock().unwrap(), ["http", "relay", "audit log", "database"]);
    assert_eq!(begun.elapsed(), Duration::ZERO, "nobody is given notice of what never served");
    assert!(error.drained().is_clean());
    assert_eq!(error.drained().closings.len(), 2);
    assert_eq!((health.phase(), start.is_ready()), (Phase::Stopping, false));
    // What comes after does not begin.
    let after = start.step(Step::new("after", SECOND), || -> std::future::Ready<Result<(), Error>> {
        panic!("begun after the failure")
    });
    assert_eq!(after.await.unwrap_err().failure(), StartFailure::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_start_at_once_and_is_told_from_a_fault() {
    let shutdown = shutdown();
    let start = Start::new(&shutdown);
    let starting = tokio::spawn({
        let start = start.clone();
        async move {
            let step = Step::new("database", 600 * SECOND).hint("is PostgreSQL up?");
            start.step(step, pending::<Result<(), Error>>).await
        }
    });
    sleep(3 * SECOND).await;
    assert_eq!(start.report().to_string(), "database: running for 3s");
    shutdown.begin();
    let error = starting.await.unwrap().unwrap_err();
    assert_eq!(error.failure(), StartFailure::Stopped);
    assert_eq!(error.to_string(), "the start stopped at database: it was stopped by a shutdown after 3s");
}

#[tokio::test(start_paused = true)]
async fn steps_that_do_not_need_each_other_can_be_joined_and_both_end_when_one_fails() {
    let start = Start::new(&shutdown());
    let (fails, hangs) = (
        start.step(Step::new("database", SECOND), || ready(Err::<(), _>(refused()))),
        start.step(Step::new("mail", 600 * SECOND), pending::<Result<(), Error>>),
    );
    let (fails, hangs) = tokio::join!(fails, hangs);
    assert_eq!(fails.unwrap_err().failure(), StartFailure::Failed);
    assert_eq!(hangs.unwrap_err().failure(), StartFailure::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_panic_stops_what_was_started_and_goes_on() {
    let (shutdown, log) = (shutdown(), Arc::new(Mutex::new(Vec::new())));
    let start = Start::new(&shutdown);
    let closed = log.clone();
    shutdown.close("database", SECOND, async move { closed.lock().unwrap().push("database") }).unwrap();
    let step = start.step(Step::new("plugins", SECOND), || async {
        if true {
            panic!("a bug");
        }
        Ok::<_, Error>(())
    });
    let panic = AssertUnwindSafe(step).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a bug"));
    assert_eq!(*log.lock().unwrap(), ["database"]);
}

#[tokio::test(start_paused = true)]
async fn a_step_dropped_anywhere_stops_nothing_and_is_no_longer_running() {
    for polls in 0..4 {
        let shutdown = shutdown();
        let start = Start::new(&shutdown);
        let mut step = Box::pin(start.step(Step::new("database", SECOND), pending::<Result<(), Error>>));
        for _ in 0..polls {
            assert!(step.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(step);
        let states: Vec<_> = start.report().steps.iter().map(|step| step.state).collect();
        assert_eq!(states, [StepState::Failed][..usize::from(polls > 0)]);
        assert!(!shutdown.is_begun());
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_pause_and_deadline_do_not_overflow() {
    let start = Start::new(&shutdown());
    let step = Step::new("database", Duration::MAX).tries(u32::MAX).pause(Duration::MAX);
    let trying = start.step(step, || ready(Err::<(), _>(refused())));
    assert!(time_out(1_000 * SECOND, trying).await.is_err());
}

#[test]
fn handles_are_send_and_sync() {
    fn all<T: Send + Sync + 'static>() {}
    all::<Start>();
    all::<healthcare_resilience::StartError>();
}
