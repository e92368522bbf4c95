#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

use healthcare_resilience::{Health, HealthConfigError, Shutdown, State, Unhealthy, time_out};
use std::{
    future::{Future, pending, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    time::Duration,
};
use tokio::time::{Instant, advance, sleep};

const SECOND: Duration = Duration::from_secs(1);
const DOWN: Unhealthy = Unhealthy::because("no answer from the database");

#[tokio::test(start_paused = true)]
async fn the_worst_check_decides_and_an_optional_one_only_degrades() {
    for (required, optional, state, is_ready) in [
        (Ok(()), Ok(()), State::Up, true),
        (Ok(()), Err(DOWN), State::Degraded, true),
        (Err(DOWN), Ok(()), State::Down, false),
        (Err(DOWN), Err(DOWN), State::Down, false),
    ] {
        let health = Health::builder()
            .required("database", SECOND, move || ready(required))
            .optional("mail", SECOND, move || ready(optional))
            .build()
            .unwrap();
        let report = health.readiness().await;
        assert_eq!((report.state, report.is_ready()), (state, is_ready));
        assert_eq!(report.checks[0].reason, required.err().map(|_| "no answer from the database"));
    }
    let empty = Health::builder().build().unwrap().readiness().await;
    assert_eq!((empty.state, empty.checks.len()), (State::Up, 0));
}

#[tokio::test(start_paused = true)]
async fn checks_run_side_by_side_and_each_has_its_deadline() {
    let health = Health::builder()
        .required("database", 2 * SECOND, || async {
            sleep(SECOND).await;
            Ok(())
        })
        .optional("mail", 2 * SECOND, pending)
        .optional("sms", SECOND, pending)
        .build()
        .unwrap();
    let begun = Instant::now();
    let report = health.readiness().await;
    assert_eq!(begun.elapsed(), 2 * SECOND);
    assert_eq!(
        report.checks.iter().map(|check| check.state).collect::<Vec<_>>(),
        [State::Up, State::Degraded, State::Degraded]
    );
    assert_eq!(report.checks[1].reason, Some("no answer in time"));
}

#[tokio::test(start_paused = true)]
async fn a_panicking_check_is_a_failed_check() {
    let health = Health::builder()
        .required("database", SECOND, || async { panic!("a bug") })
        .optional("mail", SECOND, || -> std::future::Ready<_> { panic!("before it even starts") })
        .build()
        .unwrap();
    for _ in 0..2 {
        let report = health.readiness().await;
        assert_eq!(
            report.checks.iter().map(|check| check.reason).collect::<Vec<_>>(),
            [Some("the check panicked"); 2]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_for_its_time_and_then_asked_anew() {
    let (asked, is_up) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let health = Health::builder()
        .required("database", SECOND, {
            let (asked, is_up) = (asked.clone(), is_up.clone());
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                ready(if is_up.load(Ordering::SeqCst) { Ok(()) } else { Err(DOWN) })
            }
        })
        .keep(10 * SECOND)
        .build()
        .unwrap();
    assert!(health.readiness().await.is_ready());
    is_up.store(false, Ordering::SeqCst);
    advance(9 * SECOND).await;
    let kept = health.clone().readiness().await;
    assert_eq!((kept.is_ready(), kept.checks[0].age, asked.load(Ordering::SeqCst)), (true, 9 * SECOND, 1));
    advance(SECOND).await;
    assert!(!health.readiness().await.is_ready());
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_probes_asks_once_even_when_nothing_is_kept() {
    let asked = Arc::new(AtomicUsize::new(0));
    let health = Health::builder()
        .required("database", 5 * SECOND, {
            let asked = asked.clone();
            move || {
                asked.fetch_add(1, Ordering::SeqCst);
                async {
                    sleep(SECOND).await;
                    Ok(())
                }
            }
        })
        .keep(Duration::ZERO)
        .build()
        .unwrap();
    let probes: Vec<_> = (0..100)
        .map(|_| {
            tokio::spawn({
                let health = health.clone();
                async move { health.readiness().await }
            })
        })
        .collect();
    for probe in probes {
        assert!(probe.await.unwrap().is_ready());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_dropped_anywhere_leaves_the_check_usable() {
    let health = Health::builder()
        .required("database", 5 * SECOND, || async {
            sleep(SECOND).await;
            Ok(())
        })
        .build()
        .unwrap();
    for polls in 0..4 {
        let mut probe = Box::pin(health.readiness());
        for _ in 0..polls {
            assert!(probe.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(probe);
        assert!(time_out(2 * SECOND, health.readiness()).await.unwrap().is_ready(), "after {polls} polls");
        sleep(2 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_begins_ends_readiness_before_anything_stops() {
    let shutdown = Shutdown::builder().notice(5 * SECOND).stage("http", SECOND).build().unwrap();
    let health =
        Health::builder().required("database", SECOND, || ready(Ok(()))).shutdown(&shutdown).build().unwrap();
    assert!(health.readiness().await.is_ready());
    shutdown.begin();
    let report = health.readiness().await;
    assert!(!report.is_ready() && report.is_stopping);
    assert_eq!(report.checks[0].state, State::Up, "the parts are told as they are");
    assert!(shutdown.stage("http").unwrap().enter("request").is_ok());
}

#[test]
fn checks_that_make_no_sense_are_not_built() {
    let twice = Health::builder()
        .required("a", SECOND, || ready(Ok(())))
        .optional("a", SECOND, || ready(Ok(())))
        .build();
    assert_eq!(twice.unwrap_err(), HealthConfigError::NameTaken { name: "a" });
    let hasty = Health::builder().required("a", Duration::ZERO, || ready(Ok(()))).build();
    assert_eq!(hasty.unwrap_err(), HealthConfigError::NoTime { name: "a" });
    let names: Vec<&'static str> = (0..65).map(|n| &*Box::leak(n.to_string().into_boxed_str())).collect();
    let many = names
        .iter()
        .fold(Health::builder(), |builder, name| builder.optional(name, SECOND, || ready(Ok(()))));
    assert_eq!(many.build().unwrap_err(), HealthConfigError::TooManyChecks { max: 64 });
}
